r"""Access logs of nginx and Apache: combined lines with whatever was added behind them.

Entra sends no User-Agent. A log driver may put `name  | ` in front; nginx writes bodies with `\x22` for quotes; a raw
quote may stand inside a filter, so the request ends where its protocol does.
"""

import re

from pipeline.ingest.formats.source import Source
from pipeline.ingest.layout import Head
from pipeline.ingest.records.exchange import Exchange

METHODS = "GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS"
LINE = rf'^(?:[\w.-]+\s+\|\s+)?(\S+) \S+ \S+ \[([^\]]+)\] "({METHODS}) (.+?) HTTP/[\d.]+" (\d{{3}}) (?:\d+|-)(.*)$'
"Groups: client, time, method, target, status, and what was added."
EXPECTED = 'client - user [05/Jan/2026:12:00:00 +0000] "GET /Users HTTP/1.1" 200 17'
UNESCAPED = (
    r"""url_decode(regexp_replace(replace(replace(b, '%', '%25'), '\"', '"'), '(?i)\\x([0-9a-f]{2})', '%\1', 'g'))"""
)
BODY = r'"(\{.*?\}|\\x7[Bb].*?\\x7[Dd])"(?:\s|$)'
SECONDS = r"(?:^|[\s=\"])(\d+\.\d{3,6})(?:[\s\"s]|$)"
REQUEST_ID = r"(?i)(?:^|[\s\"])(?:request_id=|rid=|request-id=|id=)\"?([0-9a-f-]{16,36})"

RELATION = """
select
    number,
    strftime(timezone('UTC', try_strptime(parts.logged_at, '%d/%b/%Y:%H:%M:%S %z')), '%Y-%m-%dT%H:%M:%SZ') as logged_at,
    nullif(parts."method", '') as "method",
    parts.target as target,
    try_cast(parts.status as integer) as "status",
    try_cast(nullif(regexp_extract(parts.added, '{seconds}', 1), '') as double) * 1000 as duration_ms,
    nullif(regexp_extract(parts.added, '{request_id}', 1), '') as request_id,
    null::varchar as tenant_id,
    null::varchar as app_id,
    parts.client as client,
    nullif(bodies[1], '') as request_body,
    nullif(bodies[2], '') as response_body,
    false as partial
from (
    select
        number,
        parts,
        list_transform(regexp_extract_all(parts.added, '{body}', 1), lambda b: {unescaped}) as bodies
    from (
        select
            number,
            regexp_extract(line, '{line}', ['client', 'logged_at', 'method', 'target', 'status', 'added']) as parts
        from ({records})
    )
)
"""


def recognises(head: Head) -> bool:
    """Most of the first lines read as combined log lines."""
    read = [line for line in head.lines if re.match(LINE, line)]
    return bool(read) and 2 * len(read) >= len(head.lines)


def relation(records: str) -> str:
    """Builds SQL for the exchange in each line."""
    return RELATION.format(
        line=sql(LINE),
        seconds=sql(SECONDS),
        request_id=sql(REQUEST_ID),
        body=sql(BODY),
        unescaped=UNESCAPED,
        records=records,
    )


def sql(pattern: str) -> str:
    """Doubles the quotes of a pattern for an SQL literal."""
    return pattern.replace("'", "''")


SOURCE = Source("access_log", "exchanges", Exchange, recognises, relation)
