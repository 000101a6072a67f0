"""Lines of CEF and LEEF, in which firewalls and proxies report requests: a header, then names and values.

A value may hold spaces; it ends where the next name begins.
"""

import re

from pipeline.ingest.formats.request_shapes import STAMP, in_sql

SECURITY = r"\b(?:CEF|LEEF):\d"
CEF = r"\bCEF:\d+\|(?:(?:[^|\\]|\\.)*\|){6}(.*)$"
LEEF = r"\bLEEF:[\d.]+\|(?:[^|]*\|){4}(?:([^|\s\w])\|)?(.*)$"
"LEEF names what stands between members, if it is no tab."
NAMED = r"(^|\s)([A-Za-z_][\w.-]*)="
DAY = r"^[A-Z][a-z]{2} \d{1,2} \d{4} \d\d:\d\d:\d\d"
TIMES = ("devTime", "rt", "start", "end", "deviceReceiptTime")
MARK = "security_event"


def security_record(line: str) -> str:
    """Builds SQL for the JSON record of a line of CEF or LEEF."""
    leef = f"regexp_extract({line}, {in_sql(LEEF)}, ['sign', 'rest'])"
    listed = f"""case when contains({line}, 'LEEF:')
        then replace({leef}.rest, coalesce(nullif({leef}.sign, ''), chr(9)), chr(9))
        else regexp_extract({line}, {in_sql(CEF)}, 1) end"""
    parts = rf"string_split(regexp_replace({listed}, {in_sql(NAMED)}, chr(1) || '\2' || chr(2), 'g'), chr(1))"
    value = "trim(replace(split_part(c, chr(2), 2), '\\=', '='))"
    day = f"try_strptime(regexp_extract({value}, {in_sql(DAY)}), '%b %d %Y %H:%M:%S')"
    text = (
        f"case when regexp_matches({value}, {in_sql(DAY)}) then strftime({day}, '%Y-%m-%dT%H:%M:%SZ') else {value} end"
    )
    named = f"list_filter({parts}, lambda c: contains(c, chr(2)))"
    members = f"list_transform({named}, lambda c: to_json(split_part(c, chr(2), 1)) || ':' || to_json({text}))"
    stamp = f"to_json(regexp_extract({line}, {in_sql(STAMP)}))"
    return f"""'{{"{MARK}":"1","stamp":' || {stamp} || ',' || array_to_string({members}, ',') || '}}'"""


def security_members(line: str) -> dict[str, str]:
    """Reads the members of a line of CEF or LEEF.

    >>> security_members("CEF:0|a|b|1|x|y|5|request=/Users?a\\\\=1 requestMethod=GET msg=two words")
    {'security_event': '1', 'request': '/Users?a=1', 'requestMethod': 'GET', 'msg': 'two words'}
    """
    if match := re.search(LEEF, line):
        listed = match[2].replace(match[1] or "\t", "\t")
    elif match := re.search(CEF, line):
        listed = match[1]
    else:
        return {}
    parts = re.split("\x01", re.sub(NAMED, "\x01\\2\x02", listed))
    pairs = (part.split("\x02", 1) for part in parts if "\x02" in part)
    return {MARK: "1"} | {name: value.replace("\\=", "=").strip() for name, value in pairs}
