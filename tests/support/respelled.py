"""Records as other tools spell, shape, wrap and encode them; each means what the record of Graph means."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.support.shapes import Record

Draw = random.Random
OPEN = ("details",)
"Members whose own keys belong to the log and are never spelled in another way."
PARTIES = ("servicePrincipal", "sourceSystem", "targetSystem", "sourceIdentity", "targetIdentity", "initiatedBy")
SHORT = {"id": "Id", "displayName": "Name"}


def as_it_is(key: str, _draw: Draw) -> str:
    """The key as Graph spells it."""
    return key


def pascal(key: str, _draw: Draw) -> str:
    """The key as PowerShell's Graph module spells it."""
    return key[:1].upper() + key[1:]


def anyhow(key: str, draw: Draw) -> str:
    """The key in one of the ways that were seen, drawn anew each time."""
    return draw.choice([as_it_is, pascal])(key, draw)


def shouted(key: str, _draw: Draw) -> str:
    """The key in capitals."""
    return key.upper()


SPELLINGS: dict[str, Callable[[str, Draw], str]] = {
    "graph": as_it_is,
    "pascal": pascal,
    "anyhow": anyhow,
    "shouted": shouted,
}


def spelled(value: Any, spell: Callable[[str, Draw], str], draw: Draw, owner: str = "") -> Any:
    """A value with every key in another spelling, but for those of open types."""
    if isinstance(value, list):
        return [spelled(one, spell, draw, owner) for one in value]
    if not isinstance(value, Mapping):
        return value
    if owner in OPEN:
        return dict(value)
    return {spell(key, draw): spelled(inner, spell, draw, key) for key, inner in value.items()}


def shortened(record: Record, draw: Draw, share: float) -> Record:
    """A record some of whose parties have Id and Name, each member by itself."""
    told = dict(record)
    for name in PARTIES:
        if isinstance(told.get(name), Mapping):
            told[name] = {SHORT.get(key, key) if draw.random() < share else key: one for key, one in told[name].items()}
    return told


def with_more(value: Any, owner: str = "") -> Any:
    """A value whose open types hold their members as PowerShell's Graph module does."""
    if isinstance(value, list):
        return [with_more(one, owner) for one in value]
    if not isinstance(value, Mapping):
        return value
    if owner in OPEN:
        return {"AdditionalProperties": dict(value)}
    return {key: with_more(inner, key) for key, inner in value.items()} | {"AdditionalProperties": {}}


def listed(value: Any, top: bool = True) -> Any:
    """A value whose lists are wrapped as Windows PowerShell 5.1 does."""
    if isinstance(value, list):
        return {"value": [listed(one, False) for one in value], "Count": len(value)}
    return {key: listed(inner, False) for key, inner in value.items()} if isinstance(value, Mapping) else value


def as_text(value: Any, top: bool = True) -> Any:
    """A value whose objects and lists are texts of JSON."""
    if isinstance(value, Mapping) and top:
        return {key: as_text(inner, False) for key, inner in value.items()}
    return json.dumps(value) if isinstance(value, Mapping | list) else value


FORMS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda record: record,
    "additional": with_more,
    "wrapped lists": listed,
    "texts": as_text,
}

WRAPPERS: dict[str, Callable[[Sequence[Any]], bytes]] = {
    "lines": lambda records: "".join(json.dumps(one) + "\n" for one in records).encode(),
    "array": lambda records: json.dumps(list(records), indent=2).encode(),
    "page": lambda records: json.dumps({"@odata.context": "x", "value": list(records)}).encode(),
    "counted": lambda records: json.dumps({"value": list(records), "Count": len(records)}, indent=4).encode(),
    "body": lambda records: json.dumps({"statusCode": 200, "headers": {}, "body": {"value": list(records)}}).encode(),
    "body array": lambda records: json.dumps({"statusCode": 200, "body": list(records)}).encode(),
    "splunk": lambda records: "".join(
        json.dumps({"preview": False, "offset": at, "result": {"_raw": json.dumps(one), "index": "azure"}}) + "\n"
        for at, one in enumerate(records)
    ).encode(),
    "splunk results": lambda records: json.dumps(
        {"preview": False, "results": [{"_raw": json.dumps(one), "_time": "now"} for one in records]}
    ).encode(),
    "elastic": lambda records: json.dumps({"hits": {"hits": [{"_source": one} for one in records]}}).encode(),
}
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "utf-8": lambda data: data,
    "utf-8 with mark": lambda data: b"\xef\xbb\xbf" + data,
    "utf-16": lambda data: data.decode().replace("\n", "\r\n").encode("utf-16"),
    "utf-16 big": lambda data: b"\xfe\xff" + data.decode().encode("utf-16-be"),
    "utf-16 bare": lambda data: data.decode().encode("utf-16-le"),
}
