r"""Combined lines of nginx and Apache, with whatever was added behind them.

A log driver may put `name  | ` in front; nginx writes bodies with `\x22` for quotes; a raw quote may stand inside a
filter, so the request ends where its protocol does.
"""

from pipeline.ingest.formats.request_shapes import METHODS

HEAD = rf'(?:[\w.-]+\s+\|\s+)?(\S+) \S+ \S+ \[([^\]]+)\] "({METHODS}) (.+?) HTTP/[\d.]+" (\d{{3}}) (?:\d+|-)'
"Groups: client, time, method, target, status; what was added follows, which may be long and is not searched for these."
BODY = r'"(\{.*?\}|\\x7[Bb].*?\\x7[Dd])"(?:\s|$)'
QUOTED = r'(?:\{[^"]*\}|\\x7[Bb][^"]*\\x7[Dd]|(?:[^"{\\][^"]*)?)'
REGULAR = rf'^(?:[^"{{\\][^"]*)?(?:"{QUOTED}"(?:\s[^"]*|$))*$'
"No quote stands inside what is quoted, so that splitting at quotes finds the bodies; twice as fast as BODY."
NO_NUMBER = r"%|\\X|\\x(?:[^0-9a-fA-F]|.[^0-9a-fA-F]|.?$)"
"What keeps a body's numbers from being read as those of an address: three times as fast as by a pattern."
SECONDS = r"(?:^|[\s=\"])(\d+\.\d{3,6})(?:[\s\"s]|$)"
REQUEST_ID = r"(?i)(?:^|[\s\"])(?:request_id=|rid=|request-id=|id=)\"?([0-9a-f-]{16,36})"
BARE_ID = r"(?:^|[\s\"])([0-9a-f]{32}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?:[\s\"]|$)"
ADDED_REQUEST_ID = f"""case when length(added) > 32 then coalesce(nullif(regexp_extract(added, '{REQUEST_ID}', 1), ''),
        nullif(regexp_extract(added, '{BARE_ID}', 1), ''))
    else nullif(regexp_extract(added, '{REQUEST_ID}', 1), '') end"""
"What was added as request_id=…, or without a name, as ingress-nginx and API Gateway end their lines."

ADDED_MS = f"""case when ends_with(added, 'ms') then try_cast(regexp_extract(added, ' ([0-9.]+) ?ms$', 1) as double)
    else try_cast(nullif(regexp_extract(added, '{SECONDS}', 1), '') as double) * 1000 end"""
"Traefik ends its lines with milliseconds; others have seconds somewhere."
BODIES = f"""case
    when not (contains(added, '"{{') or contains(added, '"\\x7')) then null
    when regexp_matches(added, '{REGULAR}') then list_filter(string_split(added, '"'),
        lambda part: starts_with(part, '{{') or starts_with(part, '\\x7'))
    else regexp_extract_all(added, '{BODY}', 1)
end"""


RELATION = """
select
    number,
    strftime(timezone('UTC', try_strptime(parts.logged_at, '%d/%b/%Y:%H:%M:%S %z')), '%Y-%m-%dT%H:%M:%SZ') as logged_at,
    nullif(parts."method", '') as "method",
    parts.target as target,
    null::varchar as query,
    try_cast(parts.status as integer) as "status",
    {added_ms} as duration_ms,
    {request_id} as request_id,
    null::varchar as tenant_id,
    null::varchar as app_id,
    parts.client as client,
    null::varchar as host,
    {request} as request_body,
    {response} as response_body,
    null::double as former_ms,
    null::varchar as former_client,
    false as may_differ,
    parts.head = '' as unread,
    false as partial
from (
    select *, {bodies} as bodies
    from (
        select *, substr(line, length(parts.head) + 1) as added
        from (
            select
                number,
                line,
                regexp_extract(line, '^({head})', ['head', 'client', 'logged_at', 'method', 'target', 'status'])
                    as parts
            from ({records})
        )
    )
)
"""


def combined_rows(records: str) -> str:
    """Builds SQL for the request in each line of a log of combined lines; `unread` are all others."""
    return RELATION.format(
        head=sql(HEAD),
        added_ms=ADDED_MS,
        request_id=ADDED_REQUEST_ID,
        bodies=BODIES,
        request=unescaped("bodies[1]"),
        response=unescaped("bodies[2]"),
        records=records,
    )


def unescaped(body: str) -> str:
    """Builds SQL that undoes what a server escapes in a body: quotes by a backslash, and bytes by their numbers."""
    quotes = rf"""replace({body}, '\"', '"')"""
    numbers = rf"""regexp_replace(replace({quotes}, '%', '%25'), '(?i)\\x([0-9a-f]{{2}})', '%\1', 'g')"""
    return f"""case
        when regexp_matches({body}, '{NO_NUMBER}') then coalesce(try(url_decode({numbers})), {quotes})
        when contains({body}, '\\x')
            then coalesce(try(url_decode(replace({quotes}, '\\x', '%'))), {quotes})
        else {quotes}
    end"""


def sql(pattern: str) -> str:
    """Doubles the quotes of a pattern for an SQL literal."""
    return pattern.replace("'", "''")
