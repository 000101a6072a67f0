"""What every record that arrives has in common: fields named as the wire names them, read whatever their case.

A model has two uses. `columns` and `selection` give DuckDB the types and names to read a file with, in the spelling
that the file's first records use; `model_validate` judges the single records that DuckDB could not read.
"""

import json
import re
import types
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from pipeline.ingest.characters import fit_json
from pipeline.ingest.records.instants import Spoiled

SCALARS = {str: "VARCHAR", int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN"}
KINDS = {list: "an array", str: "a text", bool: "true or false", int: "a number", float: "a number"}
Sample = Mapping[str, Any]
CUT_OFF = re.compile(r"System\.|Microsoft\.Graph|@\{|\[object ")
"What stands where an object was: ConvertTo-Json writes the name of its type, or its members in one text."
DEEPER = "in PowerShell, export again with ConvertTo-Json -Depth 10"
MORE = "additionalproperties"
"Where PowerShell's Graph module keeps the members of an open type."
LISTED = "value"
"Where Windows PowerShell 5.1 keeps a list, beside its Count."


class Also(tuple[str, ...]):
    """Other names that a field goes by on the wire; case never matters."""

    def __new__(cls, *names: str) -> "Also":
        return super().__new__(cls, names)


def present(value: object) -> str:
    """Returns an id's text unless it is empty."""
    text = "" if value is None else str(value).strip()
    if not text:
        raise ValueError("is empty; an id was expected, such as 5f0c7a52-0d1e-4c58-9a0a-1f2e3d4c5b6a")
    return text


Id = Annotated[str, BeforeValidator(present)]
Json = Any


class Wire(BaseModel):
    """A record of some wire. Optional fields never spoil a record: what they cannot hold becomes null."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def spelled_as_here(cls, given: object) -> object:
        """Renames the keys, whatever their case, to the names that the fields have here."""
        if not isinstance(given, Mapping):
            raise ValueError(f"is {KINDS.get(type(given), 'null')}; a JSON object was expected")
        named = with_more(given)
        return {name: named.get(spelling(name, field, [named])) for name, field in cls.model_fields.items()}

    @field_validator("*", mode="wrap")
    @classmethod
    def forgiving(cls, value: object, handler: Any, info: Any) -> object:
        """Lets only required fields raise."""
        field = cls.model_fields[info.field_name]
        value = of_kind(field.annotation, value)
        if value is None and not field.is_required():
            return field.get_default(call_default_factory=True)
        try:
            return handler(value)
        except ValidationError as error:
            if field.is_required() or any(is_spoiled(one) for one in error.errors()):
                raise
            return None

    identity: ClassVar[str] = "id"
    "The field that a record must have to be told from others."


def is_spoiled(fault: Any) -> bool:
    """Whether a fault is one that a record must not be kept with."""
    return isinstance(fault.get("ctx", {}).get("error"), Spoiled)


def with_more(given: Mapping[Any, Any]) -> dict[str, Any]:
    """Returns an object's members, those that PowerShell keeps as additional ones among them."""
    named = {key: value for key, value in given.items() if isinstance(key, str)}
    more = [named.pop(key) for key in list(named) if key.casefold() == MORE]
    return {key: value for one in more if isinstance(one, Mapping) for key, value in one.items()} | named


def of_kind(annotation: object, value: object) -> object:
    """Returns a member in its field's form, where another holds the same: a list of one, a wrapped list, text.

    Raises Spoiled where PowerShell's ConvertTo-Json has cut an object off.
    """
    kind = unwrapped(annotation)
    is_list, is_object = get_origin(kind) is list, isinstance(kind, type) and issubclass(kind, Wire)
    if kind is str and isinstance(value, Mapping):
        return next((inner for key, inner in value.items() if str(key).casefold() == LISTED), json.dumps(value))
    if kind is not Any and not is_list and not is_object:
        return value
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, str) and CUT_OFF.match(part):
            raise Spoiled(f"is cut off to '{part[:60]}'; an object was expected: {DEEPER}")
    if isinstance(value, str) and value[:1] in ("{", "["):
        value = parsed(value)
    if is_list and isinstance(value, Mapping):
        inner = next((part for key, part in value.items() if str(key).casefold() == LISTED), None)
        return inner if isinstance(inner, list) else [value]
    if is_object and isinstance(value, list) and len(value) == 1:
        return value[0]
    return with_more(value) if kind is Any and isinstance(value, Mapping) else value


def parsed(text: str) -> object:
    """Parses an object or a list that is kept as text; returns the text itself where it is none."""
    try:
        return fit_json(text)
    except (ValueError, RecursionError):
        return text


def spelling(name: str, field: FieldInfo, samples: Sequence[Sample]) -> str:
    """Finds the key that most samples use for a field, or its own name when none does; case never matters."""
    wanted = names_of(name, field)
    counts: Counter[str] = Counter()
    for sample in samples:
        counts.update(sample.keys())
    used = [key for key in counts if key in wanted or key.casefold() in wanted]
    # Where two spellings are used as often, all fields must take the same one: the other's rows are read again.
    return max(used, key=lambda key: (counts[key], -wanted[key.casefold()], key == name), default=name)


def names_of(name: str, field: FieldInfo) -> dict[str, int]:
    """Returns the names that a field of a model goes by, each with its place in order of preference."""
    return spellings(name, *(other for mark in field.metadata if isinstance(mark, Also) for other in mark))


@lru_cache(maxsize=4096)
def spellings(*names: str) -> dict[str, int]:
    """Returns the names a field goes by, each with its place in order of preference."""
    return {name.casefold(): place for place, name in reversed(list(enumerate(names)))}


@dataclass(frozen=True)
class Spelling:
    """How the samples spell a record's members, and those of the objects in it."""

    keys: frozenset[str]
    others: frozenset[str]
    "Every name that a field goes by, in small letters."
    inner: Mapping[str, "Spelling"]
    "By the key that holds objects of a model."
    lists: frozenset[str]
    "The keys that hold a list of them."
    open_keys: frozenset[str]
    "The keys that hold anything."

    @classmethod
    def of(cls, model: type[Wire], samples: Sequence[Sample]) -> "Spelling":
        """Finds the spelling that most samples have."""
        keys = {name: spelling(name, field, samples) for name, field in model.model_fields.items()}
        kinds = {key: inner_model(model.model_fields[name].annotation) for name, key in keys.items()}
        return cls(
            frozenset(keys.values()),
            frozenset(other for name, field in model.model_fields.items() for other in names_of(name, field)),
            {key: cls.of(kind, inside(samples, key)) for key, kind in kinds.items() if kind is not None},
            frozenset(key for name, key in keys.items() if is_list(model.model_fields[name].annotation)),
            frozenset(key for name, key in keys.items() if unwrapped(model.model_fields[name].annotation) is Any),
        )

    def suits(self, record: Sample) -> bool:
        """Whether no member of a record is spelled in another way, or is of another kind."""
        own = all(key in self.keys or key.casefold() not in self.others for key in record)
        if not own or any(key.casefold() == MORE and value for key, value in record.items()):
            return False
        if any(not is_plain(record.get(key)) for key in self.open_keys):
            return False
        return all(
            isinstance(value, list) is (key in self.lists)
            and all(
                isinstance(part, Mapping) and kind.suits(part) for part in (value if key in self.lists else [value])
            )
            for key, kind in self.inner.items()
            if (value := record.get(key)) is not None
        )


def parts_of(value: object) -> list[Any]:
    """Returns the parts of a list; anything else as the one part that it is."""
    return value if isinstance(value, list) else [value]


def is_plain(value: object) -> bool:
    """Whether what a member of any kind holds stands there as it is: neither wrapped nor cut off."""
    if isinstance(value, Mapping):
        return not any(str(key).casefold() == MORE for key in value)
    return not isinstance(value, str)


def is_list(annotation: object) -> bool:
    """Whether an annotation is that of a list."""
    return get_origin(unwrapped(annotation)) is list


def inner_model(annotation: object) -> type[Wire] | None:
    """Returns the model of an object, or of the objects of a list; None for anything else."""
    kind = unwrapped(annotation)
    if get_origin(kind) is list:
        return inner_model(get_args(kind)[0])
    return kind if isinstance(kind, type) and issubclass(kind, Wire) else None


def columns(model: type[Wire], samples: Sequence[Sample] = ()) -> dict[str, str]:
    """Returns the DuckDB type of each key of a record, as the samples spell it.

    >>> class Party(Wire):
    ...     displayName: Annotated[str | None, Also("Name")] = None
    >>> columns(Party, [{"Name": "Cerby"}])
    {'Name': 'VARCHAR'}
    """
    return {
        (key := spelling(name, field, samples)): column_type(field.annotation, inside(samples, key))
        for name, field in model.model_fields.items()
    }


def column_type(annotation: object, samples: Sequence[Sample]) -> str:
    """Returns the DuckDB type that holds one annotation."""
    kind = unwrapped(annotation)
    if isinstance(kind, type) and issubclass(kind, Wire):
        members = columns(kind, samples)
        return "STRUCT(" + ", ".join(f"{quoted(key)} {inner}" for key, inner in members.items()) + ")"
    if get_origin(kind) is list:
        return column_type(get_args(kind)[0], samples) + "[]"
    return SCALARS.get(kind, "JSON") if isinstance(kind, type) else "JSON"


def selection(model: type[Wire], samples: Sequence[Sample] = (), owner: str = "") -> list[str]:
    """Builds `expression as "name"` for each field: from the samples' spelling back to the names used here."""
    return [
        f"{renamed(field.annotation, owner + quoted(key), inside(samples, key))} as {quoted(name)}"
        for name, field in model.model_fields.items()
        for key in [spelling(name, field, samples)]
    ]


def renamed(annotation: object, path: str, samples: Sequence[Sample]) -> str:
    """Builds the SQL that turns one value at `path` into the names used here; the path itself where nothing differs."""
    kind = unwrapped(annotation)
    if get_origin(kind) is list:
        inner = renamed(get_args(kind)[0], "x", samples)
        return path if inner == "x" else f"list_transform({path}, lambda x: {inner})"
    if not (isinstance(kind, type) and issubclass(kind, Wire)):
        return path
    members = {
        name: (key, renamed(field.annotation, f"{path}.{quoted(key)}", inside(samples, key)))
        for name, field in kind.model_fields.items()
        for key in [spelling(name, field, samples)]
    }
    if all(name == key and text == f"{path}.{quoted(key)}" for name, (key, text) in members.items()):
        return path
    packed = ", ".join(f"{quoted(name)} := {text}" for name, (_, text) in members.items())
    return f"case when {path} is not null then struct_pack({packed}) end"


def inside(samples: Sequence[Sample], key: str) -> list[Sample]:
    """Returns the objects that the samples hold under a key, those of lists included."""
    values = [sample.get(key) for sample in samples]
    flat = [part for value in values for part in (value if isinstance(value, list) else [value])]
    return [part for part in flat if isinstance(part, Mapping)]


def unwrapped(annotation: object) -> object:
    """Takes Annotated and `| None` off an annotation."""
    if get_origin(annotation) is Annotated:
        return unwrapped(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [part for part in get_args(annotation) if part is not type(None)]
        return unwrapped(kinds[0]) if len(kinds) == 1 else Any
    return annotation


def quoted(name: str) -> str:
    """Quotes a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def complaint(error: ValidationError) -> str:
    """Builds the sentence of what is wrong with a record.

    >>> class Named(Wire):
    ...     id: Id
    >>> try: Named.model_validate({})
    ... except ValidationError as error: complaint(error)
    'id is missing; an id was expected, such as 5f0c7a52-0d1e-4c58-9a0a-1f2e3d4c5b6a'
    """
    faults = error.errors()
    cut_off = [fault for fault in faults if DEEPER in str(fault["msg"])]
    return "; and ".join(fault_text(fault) for fault in cut_off[:1] or faults)


def fault_text(fault: Any) -> str:
    """Builds what is wrong with one field: its name, what was seen and what was expected."""
    field = ".".join(str(part) for part in fault["loc"]) or "the record"
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["input"] is None and fault["loc"]:
        expected = message.split("; ", 1)[-1]
        return f"{field} is missing; {expected}"
    return f"{field} {message}"
