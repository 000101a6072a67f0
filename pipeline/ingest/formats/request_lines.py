"""Lines of any request log as the requests in them: what collectors put in front is peeled off, and then the line is a
combined one, JSON, logfmt, W3C extended, or one of the texts of request_shapes.toml.

Combined lines, of which there are most, are read by one pattern; every other line becomes a JSON record first.
"""

from collections.abc import Sequence

from pipeline.ingest.formats import combined
from pipeline.ingest.formats.line_joins import W3C, joined, w3c_day, w3c_fields, w3c_record
from pipeline.ingest.formats.request_records import LOOKED_AT, Reading, reads_as_request
from pipeline.ingest.formats.request_shapes import (
    COLOURS,
    COMBINED,
    LTSV,
    METHODS,
    MONOLOG,
    OWN,
    PAIR,
    PREFIX,
    REQUEST_LINE,
    SHAPES,
    STAMP,
    TEXTS,
    TIME,
    Name,
    Values,
    by_shape,
    durations,
    extracted,
    in_sql,
    shape_number,
    targets,
)
from pipeline.ingest.formats.security_events import SECURITY, security_record
from pipeline.ingest.layout import Head

METHOD_KEY = in_sql(r'(?i)"[\w.]*(?:method|verb|request_?line)"\s*:')
"A record that has it is no envelope around another line."
RESOURCES = r"(?:Users|Groups|Schemas|ResourceTypes|ServiceProviderConfigs?|Bulk)\b"
SCIM_LOOK = in_sql(
    rf'(?:"|method=|ethod"\s*:\s*")(?:{METHODS})\b.*/{RESOURCES}|/{RESOURCES}.*ethod"\s*:\s*"(?:{METHODS})\b'
)
DAMAGED = in_sql(r"[\x{fffd}\x00]|^\S+ \S+ \S+ \[\d")
"Bytes that are no text, or the beginning of a combined line: what a collector has of other services is neither."
OTHER_LINE = in_sql(r'^\S+ \S+ [^\[]*\[[^\]]+\] ".*" (?:\d{3}|-) ')
"A combined line of what is no request, such as a scanner's."
SERVER_ERROR = in_sql(r'^\[(?:emerg|alert|crit|error|warn|notice|info|debug)\] \d+#\d+: .*request: "')
"A line of nginx's log of errors that quotes the request, which an access log has as well."
OWN_LINE = f"(prefix = '' or regexp_matches(prefix, {in_sql(r'^[0-9/:. ]+$')}))"
"No collector has put anything before the line: a date with slashes is a server's own, as nginx begins its errors."
UNIX_DAY = in_sql(r"^\d\d:\d\d:\d\d")

RELATION = """
select
    number,
    case when combined is not null then {combined_time} else coalesce({time}, wrapped_at, prefix_at) end as logged_at,
    case when combined is not null then combined."method"
        else coalesce({method}, nullif(regexp_extract({request_line}, {line_pattern}, 1), '')) end as "method",
    case when combined is not null then combined.target else {target} end as target,
    case when record is not null then {query} end as query,
    try_cast(case when combined is not null then combined.status else {status} end as integer) as "status",
    case when combined is not null then {added_ms} else {duration} end as duration_ms,
    case when combined is not null then {added_request_id}
        else {request_id} end as request_id,
    {tenant_id} as tenant_id,
    {app_id} as app_id,
    case when combined is not null then combined.client else {client} end as client,
    case when combined is not null then coalesce(nullif(combined.host, ''), combined."name") else {host} end as host,
    case when combined is not null then {added_request} when shape = {own} then {request_body} end as request_body,
    case when combined is not null then {added_response} when shape = {own} then {response_body} end as response_body,
    case when shape = {own} then {former_ms} end as former_ms,
    case when shape = {own} then {former_client} end as former_client,
    coalesce(shape = {own}, false) as may_differ,
    combined is null and shape is null and record is distinct from '{{}}' and not regexp_matches(body, {server_error})
    and (
        (record is null and regexp_matches(body, '^[{{]\\s*"'))
        or regexp_matches(body, {scim_look})
        or (record is null and not regexp_matches(body, '^(?:[{{#]|[A-Za-z_.]+=[^ ])')
            and not regexp_matches(body, {other_line})
            and ({as_logged} and inner_text is null or regexp_matches(body, {damaged})))
    ) as unread,
    {partial} as partial
from (
    select *, case when record is not null then {shape} end as shape, {bodies} as bodies
    from (
        select
            *,
            case when combined is not null then substr(body, length(combined.whole) + 1) end as added,
            case when record is not null then {values} end as v
        from ({documents})
    )
)
"""

DOCUMENTS = """
select
    * exclude (is_record),
    case
        when combined is not null then null
        when is_record then case when contains(body, {begins}) then '{{}}' else {opened} end
        {w3c}
        {security}
        {texts}
        when ends_with(body, '}}') and contains(body, '{{') and json_valid(substr(body, strpos(body, '{{')))
            then substr(body, strpos(body, '{{'))
        when contains(body, '}} ') and json_valid({monolog}) then {monolog}
        when contains(body, chr(9)) and regexp_matches(body, {ltsv_pattern}) then {ltsv}
        when contains(body, 'ethod=') or contains(body, 'request="') then {pairs}
    end as record
from (
    select
        *,
        coalesce(starts_with(body, '{{') and json_valid(body), false) as is_record,
        case when contains(body, '"') and regexp_matches(body, {combined_pattern}) then {combined} end as combined
    from (
        select
            *,
            case when inner_text is not null then trim(substr(inner_text, length(inner_prefix) + 1)) else rest end
                as body,
            case when inner_text is not null then coalesce({inner_time}, {wrapped_time}) end as wrapped_at
        from (
            select *, case when inner_text is not null then regexp_extract(inner_text, {prefix}) end as inner_prefix
            from (
                select
                    *,
                    case when starts_with(rest, '{{') and not regexp_matches(rest, {method_key}) and json_valid(rest)
                        then trim({envelopes}, e' \\n\\r\\t') end as inner_text,
                    case when prefix <> '' then {prefix_time} end as prefix_at
                from (
                    select *, {rest} as rest
                    from (
                        select
                            *,
                            case when starts_with(plain, '{{') then '' else regexp_extract(plain, {prefix}) end
                                as prefix
                        from (
                            select
                                *,
                                case when contains(line, chr(27)) then regexp_replace(line, {colours}, '', 'g')
                                    else line end as plain
                            from ({records})
                        )
                    )
                )
            )
        )
    )
)
"""

REST = """case
    when contains(prefix, 'ethod="') then prefix || ' ' || substr(plain, length(prefix) + 1)
    when contains(prefix, ': [') and regexp_matches(prefix, '\\[\\d{10}') then
        rtrim(ltrim(substr(plain, length(prefix) + 1)), ' ]')
    else ltrim(substr(plain, length(prefix) + 1)) end"""
"""A line without what collectors put in front, unless syslog's structured data has the request itself; and without the
bracket that ends a line of Fluent Bit's."""
BEGINS = in_sql("Request starting HTTP/")
"ASP.NET Core says the same again, with the status, when the request has ended."
BYTES = in_sql(r"^\[\d+(?:,\d+)*\]$")
"What journald writes of a line with colours in it."


def request_rows(records: str, head: Head) -> str:
    """Builds SQL for the request in each line of a relation of `number` and `line`."""
    reading, own = Reading.of_head(head), SHAPES[OWN - 1]
    values = Values(reading.samples)
    shapes = reading.shapes
    former = [name for name in own.names["client"] if name[0] in FORMER_CLIENTS]
    parts = {
        "shape": shape_number(values, shapes, reading.paired),
        "time": instant_text(dated(by_shape(values, shapes, "time"), values)),
        "target": asked_for(targets(values, shapes), by_shape(values, shapes, "request_line")),
        "query": query_text(by_shape(values, shapes, "query")),
        "duration": durations(values, shapes),
        "request_id": identifier(by_shape(values, shapes, "request_id")),
        "partial": "combined is null and request_id is not null" if reading.paired else "false",
        "former_ms": f"""coalesce(
            try_cast({values.first([(name,) for name in FORMER_MS])} as double),
            try_cast({values.first([("request_time",)])} as double) * 1000)""",
        "former_client": values.first(former),
    }
    parts |= {
        field: by_shape(values, shapes, field)
        for field in ("method", "status", "tenant_id", "app_id", "client", "host", "request_line")
    }
    bodies = {field: body_of(values, own.names[field]) for field in ("request_body", "response_body")}
    return RELATION.format(
        **parts,
        **bodies,
        values=values.extract("record"),
        own=OWN,
        line_pattern=in_sql(REQUEST_LINE),
        scim_look=SCIM_LOOK,
        damaged=DAMAGED,
        server_error=SERVER_ERROR,
        as_logged="true" if head.layout == "lines" else "false" if is_mixed(head) else OWN_LINE,
        other_line=OTHER_LINE,
        combined_time=instant_text("combined.time"),
        added_ms=combined.ADDED_MS,
        added_request_id=combined.ADDED_REQUEST_ID,
        bodies=combined.BODIES,
        added_request=combined.unescaped("bodies[1]"),
        added_response=combined.unescaped("bodies[2]"),
        documents=documents(records, head, reading),
    )


def is_mixed(head: Head) -> bool:
    """Whether most of the first lines are no requests, as in the log of a whole application."""
    lines = [line for line in head.lines[:LOOKED_AT] if not line.startswith("#")]
    return 2 * sum(reads_as_request(line) is not None for line in lines) < len(lines)


def body_of(values: Values, names: Sequence[Name]) -> str:
    """Builds SQL for a body; one by the name of `request` or `response` may be a request line, a path or a status."""
    named = [name for name in names if "body" in name[-1].lower()]
    other = values.first([name for name in names if name not in named])
    plain = f"case when not regexp_matches({other}, '^(?:(?:{METHODS}) |/|\\d{{3}}$)') then {other} end"
    return f"coalesce({values.first(named)}, {plain})"


def asked_for(target: str, line: str) -> str:
    """Builds SQL for what was asked for: of the target and a request line the one that has a query, else the target."""
    in_line = f"nullif(regexp_extract({line}, {in_sql(REQUEST_LINE)}, 2), '')"
    return f"""list_transform([struct_pack(t := {target}, l := {in_line})], lambda x: case
        when x.t is null or (contains(x.l, '?') and not contains(x.t, '?')) or not (x.t ^@ '/' or contains(x.t, '://'))
            then coalesce(x.l, x.t)
        else x.t end)[1]"""


def dated(time: str, values: Values) -> str:
    """Builds SQL for an instant of which a record may have the day in a member of its own."""
    day = values.first([("date",)])
    return f"""list_transform([{time}], lambda t: case
        when regexp_matches(t, {UNIX_DAY}) and {day} is not null then {day} || 'T' || t || 'Z' else t end)[1]"""


FORMER_CLIENTS = ("client", "client_ip", "clientIp", "remote_addr", "ip")
FORMER_MS = ("duration_ms", "durationMs", "elapsed_ms", "latency_ms")
"What version 0.1 read of our own form, by which its records without a request id are known again."


def documents(records: str, head: Head, reading: Reading) -> str:
    """Builds SQL for each line as a JSON record, unless it is a combined one."""
    texts = " ".join(
        f"when regexp_matches(body, {in_sql(pattern)}) then to_json({extracted('body', pattern)})"
        for pattern in (*reading.texts_of_lines, *TEXTS)
    )
    samples, fields, whole = reading.samples, w3c_fields(head), "coalesce(inner_text, plain)"
    if fields is not None:
        records = W3C.format(fields=fields, day=w3c_day(head), records=records)
    records = joined(records, head)
    return DOCUMENTS.format(
        records=records,
        colours=in_sql(COLOURS),
        prefix=in_sql(PREFIX),
        prefix_time=prefix_time("prefix"),
        inner_time=prefix_time("inner_prefix"),
        wrapped_time=instant_text(first_of("rest", Values(samples).spelled(reading.wrapped_at))),
        envelopes=line_within("rest", Values(samples).spelled(reading.envelopes), reading.paired),
        begins=BEGINS,
        opened=opened_record("body", reading.texts),
        method_key=METHOD_KEY,
        combined_pattern=in_sql(COMBINED),
        combined=extracted("body", f"(?P<whole>{COMBINED})"),
        texts=texts,
        security=f"when regexp_matches({whole}, {in_sql(SECURITY)}) then {security_record(whole)}"
        if reading.of_security
        else "",
        pairs=pairs_record("body"),
        monolog=f"regexp_extract(body, {in_sql(MONOLOG)}, 1)",
        ltsv_pattern=in_sql(LTSV),
        ltsv=ltsv_record("body"),
        rest=REST,
        w3c="" if fields is None else f"when not starts_with(body, '#') then {w3c_record()}",
    )


def first_of(record: str, names: Sequence[tuple[str, ...]]) -> str:
    """Builds SQL for the first of some members of a record that is a text or a number."""
    paths = ", ".join(in_sql("$" + "".join(f'."{key}"' for key in name)) for name in names)
    return f"list_filter(json_extract_string({record}, [{paths}]), lambda t: t is not null)[1]"


def line_within(record: str, names: Sequence[tuple[str, ...]], paired: bool) -> str:
    """Builds SQL for the line that a record holds as a text, the first that may be a request; null where none is.

    Where requests and answers are `paired`, it may also be one with an id.
    """
    paths = ", ".join(in_sql("$" + "".join(f'."{key}"' for key in name)) for name in names)
    answer = r'|"(?:request_?[iI]d|correlation)"\s*:' if paired else ""
    may_be = in_sql(rf"\b(?:{METHODS})\b|ethod=|^\S+ \S+ \S+ \[\d|[\x{{fffd}}\x00]{answer}")
    numbers = "from_json(t, '[\"UTINYINT\"]')"
    return f"""list_transform([list_filter(json_extract_string({record}, [{paths}]), lambda t: t is not null)],
        lambda found: list_transform(
            [list_filter(found, lambda t: regexp_matches(t, {may_be}) or regexp_matches(t, {BYTES}))[1]],
            lambda t: case when regexp_matches(t, {BYTES})
                then regexp_replace(array_to_string(list_transform({numbers}, lambda n: chr(n::integer)), ''),
                    {in_sql(COLOURS)}, '', 'g') else t end)[1])[1]"""


def opened_record(record: str, texts: Sequence[str]) -> str:
    """Builds SQL for a record some of whose members are objects written as text."""
    for name in texts:
        path = in_sql(f'$."{name}"')
        inner = f"json_extract_string({record}, {path})"
        record = f"""case when json_valid({inner}) and starts_with({inner}, '{{')
            then json_merge_patch({record}, json_object({in_sql(name)}, {inner}::json))::varchar else {record} end"""
    return record


def pairs_record(line: str) -> str:
    """Builds SQL for the JSON record of a line of logfmt."""
    keys, texts = (f"regexp_extract_all({line}, {in_sql(PAIR)}, {group})" for group in (1, 2))
    return f"""'{{' || array_to_string(list_transform(list_zip({keys}, {texts}), lambda p: to_json(p[1]) || ':' ||
        case when starts_with(p[2], '"') and json_valid(p[2]) then p[2] else to_json(p[2]) end), ',') || '}}'"""


def ltsv_record(line: str) -> str:
    """Builds SQL for the JSON record of a line of labelled cells, whose `host` is the client and `vhost` the host."""
    cells = f"string_split({line}, chr(9))"
    name = "split_part(c, ':', 1)"
    named = f"case {name} when 'host' then 'client' when 'vhost' then 'host' else {name} end"
    member = f"to_json({named}) || ':' || to_json(substr(c, length({name}) + 2))"
    return f"'{{' || array_to_string(list_transform({cells}, lambda c: {member}), ',') || '}}'"


def prefix_time(prefix: str) -> str:
    """Builds SQL for the instant in what a collector put in front of a line."""
    stamped = f"nullif(regexp_extract({prefix}, {in_sql(STAMP)}), '')"
    unix = f"nullif(regexp_extract({prefix}, '(?:^|\\[)(\\d{{10}}(?:\\.\\d+)?)[ ,]', 1), '')"
    return instant_text(f"coalesce(nullif(regexp_extract({prefix}, {in_sql(TIME)}), ''), {unix}, {stamped})")


def instant_text(text: str) -> str:
    """Builds SQL that writes an instant of any log in ISO 8601; what is so already, or no instant, stays as it is.

    An instant without a year is the last such one, as syslog means it.
    """
    return f"""list_transform([trim({text}, ' []')], lambda t: case
        when t is null or t = '' then null
        when regexp_matches(t, '^\\d{{4}}-\\d\\d-\\d\\d[T ][\\d:]{{8}}(?:\\.\\d+)?(?:Z|[+-]\\d\\d:?\\d\\d)?$') then t
        when regexp_matches(t, '^\\d{{9,19}}(?:\\.\\d+)?$') then strftime(make_timestamp(
            case (strpos(t || '.', '.') - 9) // 3
                when 0 then round(try_cast(t as double) * 1000000)::bigint
                when 1 then round(try_cast(t as double) * 1000)::bigint
                when 2 then try_cast(split_part(t, '.', 1) as bigint)
                else try_cast(split_part(t, '.', 1) as bigint) // 1000 end), '%Y-%m-%dT%H:%M:%S.%fZ')
        when regexp_matches(t, '^\\d\\d/[A-Z][a-z]{{2}}/\\d{{4}}:') then coalesce(
            strftime(timezone('UTC', try_strptime(t, '%d/%b/%Y:%H:%M:%S %z')), '%Y-%m-%dT%H:%M:%SZ'),
            strftime(timezone('UTC', try_strptime(t, '%d/%b/%Y:%H:%M:%S.%f %z')), '%Y-%m-%dT%H:%M:%S.%fZ'),
            strftime(try_strptime(t, ['%d/%b/%Y:%H:%M:%S.%f', '%d/%b/%Y:%H:%M:%S']), '%Y-%m-%dT%H:%M:%S.%fZ'))
        when regexp_matches(t, '^\\d\\d/[A-Z][a-z]{{2}}/\\d{{4}} ')
            then strftime(try_strptime(t[:20], '%d/%b/%Y %H:%M:%S'), '%Y-%m-%dT%H:%M:%SZ')
        when regexp_matches(t, '^\\d{{4}}/\\d\\d/\\d\\d')
            then replace(t[:10], '/', '-') || replace(replace(t[11:], ' -', ''), ',', '.')
        when regexp_matches(t, '^\\d{{1,2}}/\\d{{1,2}}/\\d{{4}}') then t
        when regexp_matches(t, '^[A-Z][a-z]{{2}} \\d+, \\d{{4}} @ ')
            then strftime(try_strptime(t, '%b %d, %Y @ %H:%M:%S.%f'), '%Y-%m-%dT%H:%M:%S.%fZ')
        when regexp_matches(t, '^[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} +\\d')
            then strftime(try_strptime(t, '%a %b %d %H:%M:%S %Y'), '%Y-%m-%dT%H:%M:%SZ')
        when regexp_matches(t, '^[A-Z][a-z]{{2}} |^\\d{{4}} \\d\\d:') then strftime(list_filter(
            list_transform([0, 1], lambda ago: try_strptime((year(now()) - ago)::varchar || ' ' || t,
                ['%Y %b %d %H:%M:%S', '%Y %b %d %H:%M:%S.%f', '%Y %m%d %H:%M:%S.%f'])),
            lambda moment: moment < now()::timestamp + interval 1 day)[1], '%Y-%m-%dT%H:%M:%S.%fZ')
        else regexp_replace(replace(t, ',', '.'), ' ([+-]\\d)', '\\1') end)[1]"""


def query_text(value: str) -> str:
    """Builds SQL for a query that stands beside its path: as a text, or as parameters, of which the filter matters."""
    return f"""list_transform([{value}], lambda q: case
        when q is null or q in ('', '-') then null
        when starts_with(q, '{{') then 'filter=' || url_encode(case when json_valid(q)
            then coalesce(json_extract_string(q, '$.filter[0]'), json_extract_string(q, '$.filter')) end)
        when starts_with(q, '[') then 'filter=' || url_encode(case when json_valid(q)
            then json_extract_string(list_filter(json_extract(q, '$[*]'),
                lambda p: p ->> '$.key' = 'filter')[1], '$.value') end)
        else ltrim(q, '?') end)[1]"""


def identifier(value: str) -> str:
    """Builds SQL for a request's id; a number that a process counts is none, except in our own form."""
    return f"""list_transform([{value}], lambda i: case
        when i in ('', '-') or (shape <> {OWN} and regexp_matches(i, '^\\d{{1,10}}$')) then null else i end)[1]"""
