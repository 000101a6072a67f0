"""Whether the day or the month comes first in a file's dates of numbers, such as 05/01/2026.

One row whose day is beyond 12 proves it for the whole file; then a setting says it. Otherwise it follows from what a
log cannot be: written before its entries, or of entries on the same day of several months; then from how locales write
dates. Where nothing shows it, the file must not be read by chance. A date that no calendar has, or that is later than
its file whichever way it is read, shows nothing and costs its own row; where rows contradict each other, each is read
that shows its order by itself.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Set
from contextlib import suppress
from datetime import datetime, timedelta

from pipeline.ingest.layout import Content, Head
from pipeline.ingest.records.instants import NUMBERS, DateOrder

DATE = rb'(\d{1,2}[/-]\d{1,2}[/-]\d{4}(?:,? \d{1,2}:\d\d[^"\r\n;\t]{0,16})?)(?=\s*(?:[\\",;|\r\n\t]|$))'
"A date of numbers that is all of its cell or value, with or without a time: a sentence may begin with one."
IIS_DATE = re.compile(r"(?:[0-9a-fA-F.:]+, [^,]*, |.*?\[Nest\] \d+ +- )(\d+/\d+/\d{4}), ")
"How a line of IIS's own format or of NestJS begins, where the month comes first, as their documentation has it."
PARTS = re.compile(r"(\d{1,2}[/-]\d{1,2}[/-]\d{4})(?:,? (\d{1,2}):\d\d(?:.*?([AP]M))?)?")
OF_AUSTRALIA = re.compile(r"\d\d/0\d/\d{4} h AM")
"A month of two digits beside an hour of one."
JOBS_DATES = ("status", "quarantine", "lastexecution", "lastsuccessfulexecution")
"The objects of a job in which instants stand."
ANY_DATE = re.compile(rb"\d[/-]\d{1,2}[/-]\d{4}")
LOG_LASTS = timedelta(days=31)
"Entra keeps provisioning logs for a month."
MONTHS_LATER = timedelta(days=27)
FIRST_YEAR = 2000


def date_order(head: Head, content: Content, setting: str, written_at: Callable[[], datetime]) -> DateOrder:
    """Returns the order of a file's dates of numbers; nothing where its first records have none."""
    if head.layout == "text":
        in_lines = {match[1] for line in head.lines if (match := IIS_DATE.match(line))}
        return order_of(in_lines, "mdy", written_at()) if in_lines else ""
    first = {name: value for record in (*head.rows, *head.samples) for name, value in dates_of(record)}
    if not first:
        return ""
    found = {gist(str(value)) for record in (*head.rows, *head.samples) for _, value in dates_of(record)}
    pattern = dates_in(head, first)
    for block in content.blocks_until_break():
        found.update(gist(match[1].decode()) for match in pattern.finditer(block))
    return order_of(found, setting, written_at(), of_table=head.layout == "csv")


def gist(date: str) -> str:
    """Returns what of a date shows its order: the day, how many digits its hour has, and whether AM or PM follows.

    >>> gist("05/01/2026, 9:14:02 AM"), gist("13/01/2026 09:14"), gist("13/01/2026")
    ('05/01/2026 h AM', '13/01/2026 hh', '13/01/2026')
    """
    match = PARTS.match(date.strip())
    return date if match is None else f"{match[1]} {'h' * len(match[2] or '')}{' AM' if match[3] else ''}".rstrip()


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


def order_of(dates: Set[str], setting: str, written_at: datetime, of_table: bool = True) -> DateOrder:
    """Returns the order of dates of numbers, of which `gist` is given.

    >>> written = datetime(2026, 1, 20)
    >>> order_of({"05/01/2026 hh", "13/01/2026 hh"}, "mdy", written)
    'dmy'
    >>> [order_of({"05/01/2026 hh"}, setting, datetime(2026, 6, 1)) for setting in ("mdy", "")]
    ['mdy', 'unclear']
    >>> order_of({"05/01/2026 hh"}, "", written), order_of({"05/01/2026", "06/01/2026"}, "", datetime(2027, 1, 1))
    ('dmy', 'dmy')
    >>> order_of({"05/01/2026", "31/31/2026", "13/01/2026", "12/31/2026"}, "", written)
    'dmy'
    >>> order_of({"13/01/2026", "01/14/2026"}, "", written)
    ''
    """
    numbers = {date: numbers_of(date) for date in dates if NUMBERS.match(date)}
    latest = written_at + timedelta(days=1)
    likely = {date: one for date, one in numbers.items() if by_day(one, latest) or by_month(one, latest)}
    # Where all dates are later than the file a wrong clock has written it: then days beyond 12 count whenever they are.
    beyond = latest if likely else datetime.max
    day_first, month_first = (
        {date for date, number in numbers.items() if own(number, beyond) and not other(number, datetime.max)}
        for own, other in ((by_day, by_month), (by_month, by_day))
    )
    if day_first or month_first:
        return "" if day_first and month_first else "dmy" if day_first else "mdy"
    if setting in ("mdy", "dmy"):
        return "mdy" if setting == "mdy" else "dmy"
    likely = likely or numbers
    if all(first == second for first, second, _ in likely.values()):
        return "mdy"
    found = by_the_days(set(likely.values()), written_at)
    return found if found != "unclear" else by_the_form(likely.keys(), of_table)


Numbers = tuple[int, int, int]


def numbers_of(date: str) -> Numbers:
    """Returns the two numbers before the year of a date, and the year."""
    match = NUMBERS.match(date)
    assert match is not None
    return int(match[1]), int(match[3]), int(match[4])


def by_month(numbers: Numbers, latest: datetime) -> datetime | None:
    """Returns the day of a date that has the month first; None where there is none such, or only beyond the bounds."""
    first, second, year = numbers
    with suppress(ValueError):
        day = datetime(year, first, second)
        return day if year >= FIRST_YEAR and day <= latest else None
    return None


def by_day(numbers: Numbers, latest: datetime) -> datetime | None:
    """Returns the day of a date that has the day first; None where there is none such, or only beyond the bounds."""
    first, second, year = numbers
    return by_month((second, first, year), latest)


def by_the_form(dates: Set[str], of_table: bool = True) -> DateOrder:
    """Returns the order of the locales that write such dates; else that it is unclear.

    >>> by_the_form({"1/5/2026 hh"}), by_the_form({"5/01/2026 h AM"}), by_the_form({"05/01/2026 hh AM"})
    ('mdy', 'dmy', 'mdy')
    >>> by_the_form({"05/01/2026 hh"}), by_the_form({"05/01/2026 hh"}, of_table=False)
    ('unclear', 'mdy')
    """
    parts = {match.groups() for date in dates if (match := NUMBERS.match(date))}
    if any(len(second) == 1 for _, _, second, _ in parts):
        # Spain writes 5/1/2026 for a day in January, but hardly any other place.
        return "mdy"
    if any(len(first) == 1 for first, *_ in parts) or any(OF_AUSTRALIA.match(date) for date in dates):
        return "dmy"
    # PowerShell writes 05/01/2026 09:14:02 for the first of May into any text, whatever the locale; only Export-Csv and
    # spreadsheets write tables as the locale does.
    return "mdy" if not of_table or any(date.endswith("AM") for date in dates) else "unclear"


def by_the_days(numbers: set[Numbers], written_at: datetime) -> DateOrder:
    """Returns the order by which dates are not later than the file and close to each other; else that it is unclear."""
    months = sorted(day for one in numbers if (day := by_month(one, datetime.max)))
    days = sorted(day for one in numbers if (day := by_day(one, datetime.max)))
    if not months or not days:
        return "unclear"
    latest = written_at + timedelta(days=1)
    if (months[-1] > latest) != (days[-1] > latest):
        return "dmy" if months[-1] > latest else "mdy"
    spans = {"mdy": months[-1] - months[0], "dmy": days[-1] - days[0]}
    short, long = sorted(spans.values())
    if short <= LOG_LASTS and long >= 2 * short + MONTHS_LATER:
        return "mdy" if spans["mdy"] == short else "dmy"
    return "unclear"
