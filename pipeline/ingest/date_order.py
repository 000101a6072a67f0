"""Whether the day or the month comes first in a file's dates of numbers, such as 05/01/2026.

One row whose day is beyond 12 proves it for the whole file; then a setting says it. Otherwise it follows from what a
log cannot be: written before its entries, or of entries on the same day of several months. Where nothing shows it, the
file must not be read by chance.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from pipeline.ingest.layout import Content, Head
from pipeline.ingest.records.instants import AMERICAN, NUMBERS, DateOrder

DATE = rb'(\d{1,2}[/-]\d{1,2}[/-]\d{4}(?:,? \d{1,2}:\d\d[^"\r\n;\t]{0,16})?)'
IIS_DATE = re.compile(r"[0-9a-fA-F.:]+, [^,]*, (\d+/\d+/\d{4}), ")
"How a line of IIS's own format begins, where the month comes first, as Microsoft documents it."
JOBS_DATES = ("status", "quarantine", "lastexecution", "lastsuccessfulexecution")
"The objects of a job in which instants stand."
ANY_DATE = re.compile(rb"\d[/-]\d{1,2}[/-]\d{4}")
LOG_LASTS = timedelta(days=31)
"Entra keeps provisioning logs for a month."
MONTHS_LATER = timedelta(days=27)


def date_order(head: Head, content: Content, setting: str, written_at: datetime) -> DateOrder:
    """Returns the order of a file's dates of numbers; nothing where its first records have none."""
    if head.layout == "text":
        in_lines = {match[1] for line in head.lines if (match := IIS_DATE.match(line))}
        return order_of(in_lines, "mdy", written_at) if in_lines else ""
    first = {name: value for record in (*head.rows, *head.samples) for name, value in dates_of(record)}
    if not first:
        return ""
    found = {str(value) for record in (*head.rows, *head.samples) for _, value in dates_of(record)}
    pattern = dates_in(head, first)
    for block in content.blocks_until_break():
        found.update(match[1].decode() for match in pattern.finditer(block))
    return order_of(found, setting, written_at)


def dates_in(head: Head, names: Iterable[str]) -> re.Pattern[bytes]:
    """Builds the pattern of the dates of numbers that stand in some members of a file's records."""
    if head.layout == "csv" and not head.route:
        return re.compile(rb'(?:^|[\n%s])[ "]*' % re.escape(head.delimiter).encode() + DATE)
    keys = b"|".join(re.escape(name).encode() for name in sorted(names))
    return re.compile(rb'"(?:%s)[\\"]*\s*:\s*[\\"]*' % keys + DATE)


def dates_of(record: Mapping[str, object]) -> list[tuple[str, object]]:
    """Lists the members of a record, and of a job's status, that are dates of numbers."""
    found = [(str(name), value) for name, value in record.items() if is_date(value)]
    for name, value in record.items():
        if str(name).casefold() in JOBS_DATES and isinstance(value, Mapping):
            found += dates_of(value)
    return found


def is_date(value: object) -> bool:
    """Whether a value is a date of numbers."""
    return isinstance(value, str) and NUMBERS.match(value.strip()) is not None


def order_of(dates: Iterable[str], setting: str, written_at: datetime) -> DateOrder:
    """Returns the order of dates of numbers.

    >>> written = datetime(2026, 1, 20)
    >>> order_of(["05/01/2026 09:14", "13/01/2026 09:14"], "mdy", written)
    'dmy'
    >>> [order_of(["05/01/2026 09:14"], setting, datetime(2026, 6, 1)) for setting in ("mdy", "")]
    ['mdy', 'unclear']
    >>> order_of(["05/01/2026 09:14"], "", written), order_of(["05/01/2026", "06/01/2026"], "", datetime(2027, 1, 1))
    ('dmy', 'dmy')
    """
    parts = {match.groups() for date in dates if (match := NUMBERS.match(date))}
    numbers = {(int(first), int(second), int(year)) for first, _, second, year in parts}
    day_first, month_first = (any(number[place] > 12 for number in numbers) for place in (0, 1))
    if day_first or month_first:
        return "unclear" if day_first and month_first else "dmy" if day_first else "mdy"
    if setting in ("mdy", "dmy"):
        return "mdy" if setting == "mdy" else "dmy"
    if any(re.match(AMERICAN, date) for date in dates) or all(first == second for first, second, _ in numbers):
        return "mdy"
    if any(len(first) == 1 for first, *_ in parts) and all(len(second) == 2 for _, _, second, _ in parts):
        return "dmy"
    return by_the_days(numbers, written_at)


def by_the_days(numbers: set[tuple[int, int, int]], written_at: datetime) -> DateOrder:
    """Returns the order by which dates are not later than the file and close to each other; else that it is unclear."""
    months = sorted(datetime(year, first, second) for first, second, year in numbers)
    days = sorted(datetime(year, second, first) for first, second, year in numbers)
    latest = written_at + timedelta(days=1)
    if (months[-1] > latest) != (days[-1] > latest):
        return "dmy" if months[-1] > latest else "mdy"
    spans = {"mdy": months[-1] - months[0], "dmy": days[-1] - days[0]}
    short, long = sorted(spans.values())
    if short <= LOG_LASTS and long >= 2 * short + MONTHS_LATER:
        return "mdy" if spans["mdy"] == short else "dmy"
    return "unclear"
