"""Logs of which several lines belong together: W3C's header, a request and its end, JSON over several lines.

Each line stays a row, since rejects are known by their lines; what belongs to it is added to it. None of it is part of
a statement whose log does not begin so.
"""

import re
from collections.abc import Iterable, Iterator

from pipeline.ingest.characters import fit
from pipeline.ingest.formats.request_shapes import METHODS, in_sql
from pipeline.ingest.layout import Head

W3C = """
select *, string_split_regex(line, '[ \\t]+') as cells,
    coalesce(last_value(case when starts_with(line, '#Fields:') then string_split_regex(
        trim(substr(line, 9)), '[ \\t]+') end ignore nulls) over by_line, {fields}) as fields,
    coalesce(last_value(case when starts_with(line, '#Date:') then regexp_extract(line, '\\d{{4}}-\\d\\d-\\d\\d') end
        ignore nulls) over by_line, {day}) as "day"
from (select *, row_number() over () as place from ({records}))
window by_line as (order by place rows between unbounded preceding and current row)
"""
# Rails, Phoenix and OkHttp log the end of a request on a line of its own, with the tag or the address of its beginning,
# or next where there are none.
RAILS = """
select number, line || coalesce(' -> ' || max(ended) over one_request, '') as line
from (
    select *, count(begun) over (partition by number, tag order by place) as nth
    from (
        select
            *,
            row_number() over () as place,
            case when regexp_matches(line, {started}) then 1 end as begun,
            nullif(regexp_replace(regexp_extract(line, {completed}), {completed}, '\\1\\2 \\3\\4'), '') as ended,
            concat(regexp_extract(line, '\\[([0-9A-Za-z-]{{8,}})\\] \\w', 1),
                regexp_extract(line, 'request_id=(\\S+)', 1),
                regexp_extract(line, '(?:-->|<--) [^(]*?(https?://\\S+)', 1)) as tag
        from ({records})
    )
)
window one_request as (partition by number, tag, nth, nth > 0)
order by place
"""
STARTED = rf'Started (?:{METHODS}) "|\[(?:info|debug)\]\s+(?:{METHODS}) /\S*$|--> (?:{METHODS}) https?://'
COMPLETED = r"(?:(?:Completed|Sent) (\d{3}) .*?in |<-- (\d{3}) .*?\()(\d+(?:\.\d+)?)(ms|µs)"
W3C_NAMES = {
    "method": ("cs-method",),
    "path": ("cs-uri-stem", "cs-uri"),
    "query": ("cs-uri-query",),
    "status": ("sc-status",),
    "client": ("c-ip",),
    "host": ("cs-host", "cs(Host)", "x-host-header"),
    "request_id": ("x-edge-request-id",),
}
# The host of Azure Functions writes an object over several lines, each maybe with the instant in front and its name
# without quotes.
OBJECTS = """
select number, case when opens then line || ' ' || coalesce(string_agg(piece, ' ') over (
    partition by number, block, ended order by place rows between 1 following and unbounded following), '')
    else line end as line
from (
    select *, coalesce(sum(closes) over (partition by number, block order by place
        rows between unbounded preceding and 1 preceding), 0) > 0 as ended
    from (
        select
            *,
            regexp_replace(regexp_replace(line, {stamp}, ''), {bare}, '"\\1":') as piece,
            regexp_matches(line, {opens}) as opens,
            regexp_matches(regexp_replace(line, {stamp}, ''), '^\\}}$')::integer as closes,
            count(*) filter (regexp_matches(line, {opens})) over (partition by number order by place) as block
        from (select *, row_number() over () as place from ({records}))
    )
)
order by place
"""
OPENS = r"Execut(?:ing|ed) HTTP request: \{$"
STAMPED = r"^\[[^\]]*\]\s+"
BARE = r"^(\w+):"
MOST = 20
"Lines of an object."


def joined(records: str, head: Head) -> str:
    """Builds SQL for the lines of a relation, to each what belongs to it added."""
    if any(re.search(STARTED, line) for line in head.lines):
        records = RAILS.format(records=records, started=in_sql(STARTED), completed=in_sql(COMPLETED))
    if any(re.search(OPENS, line) for line in head.lines):
        records = OBJECTS.format(records=records, opens=in_sql(OPENS), stamp=in_sql(STAMPED), bare=in_sql(BARE))
    return records


def joined_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yields lines as `joined` makes them of objects.

    >>> list(joined_lines(["a", "Executing HTTP request: {", '  method: "GET"', "}", "b"]))
    ['a', 'Executing HTTP request: { "method": "GET" }', 'b']
    """
    opened: list[str] = []
    for line in lines:
        piece = re.sub(BARE, r'"\1":', re.sub(STAMPED, "", line.strip()))
        if re.search(OPENS, line) or not opened:
            yield from opened
            opened = []
        if re.search(OPENS, line):
            opened = [line]
        elif not opened:
            yield line
        elif piece == "}" or len(opened) >= MOST:
            yield " ".join((*opened, piece))
            opened = []
        else:
            opened.append(piece)
    yield from opened


def w3c_fields(head: Head) -> str | None:
    """Builds SQL for the fields that a W3C extended log begins with; None where it is none."""
    for line in head.lines:
        if line.startswith("#Fields:"):
            names = ", ".join(in_sql(fit(name)) for name in line.removeprefix("#Fields:").split())
            return f"[{names}]"
    return None


def w3c_day(head: Head) -> str:
    """Builds SQL for the day that a W3C extended log begins with."""
    days = (line.removeprefix("#Date:").strip()[:10] for line in head.lines if line.startswith("#Date:"))
    return in_sql(next(days, ""))


def w3c_record() -> str:
    """Builds SQL for the record of a line of a W3C extended log, whose fields stand in any order."""

    def cell(name: str) -> str:
        return f"cells[nullif(list_position(fields, {in_sql(name)}), 0)]"

    members = ", ".join(
        f"{in_sql(key)}: coalesce({', '.join(cells)})"
        for key, names in W3C_NAMES.items()
        for cells in [[f"nullif({cell(name)}, '-')" for name in names]]
    )
    at = f"coalesce({cell('date')}, \"day\") || 'T' || {cell('time')} || 'Z'"
    took = f"nullif({cell('time-taken')}, '-')"
    in_seconds = (
        f"(list_contains(fields, 'x-edge-location') or (contains({took}, '.') and list_contains(fields, 'cs-uri')))"
    )
    duration = f"'request_time': case when {in_seconds} then {took} end, "
    duration += f"'duration_ms': case when not {in_seconds} then {took} end"
    return f"to_json({{{members}, {duration}, 'time': {at}}})"
