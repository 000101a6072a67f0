"""THE formatter of instants, spans, counts and shares: pages, mails, digest and command line write them alike.

Instants are naive UTC, as everywhere in the store. They are written in UTC, which each says, but on pages, where they
are in the viewer's zone, which stands in one place of the page. What programs read is written by `iso` and `address`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta, tzinfo

UNKNOWN = "unknown"
_viewers_zone: list[Callable[[], tzinfo | None]] = []
"What names the zone of a page's viewer, once the pages have set it."
_in_utc: ContextVar[bool] = ContextVar("in_utc", default=False)


def use_zone(viewers_zone: Callable[[], tzinfo | None]) -> None:
    """Has instants written in the zone that this returns, where it returns one: the zone of a page's viewer."""
    _viewers_zone[:] = [viewers_zone]


@contextmanager
def in_utc() -> Iterator[None]:
    """Writes instants in UTC meanwhile, whoever looks: for what several viewers are shown."""
    token = _in_utc.set(True)
    try:
        yield
    finally:
        _in_utc.reset(token)


def zoned(at: datetime) -> tuple[datetime, str]:
    """Returns an instant in the zone in which it is written here, and what is written behind it."""
    zone = None if _in_utc.get() or not _viewers_zone else _viewers_zone[0]()
    return (at, " UTC") if zone is None else (at.replace(tzinfo=UTC).astimezone(zone), "")


def is_missing(value: object) -> bool:
    """Whether a value is absent: None, NaN or NaT, none of which equals itself.

    >>> is_missing(None), is_missing(float("nan")), is_missing(0)
    (True, True, False)
    """
    return value is None or value != value


def instant(at: datetime | None, absent: str = "never", seconds: bool = False) -> str:
    """Writes an instant for a person, where the year is plain from what stands beside it.

    >>> instant(datetime(2026, 1, 22, 4, 40)), instant(None), instant(datetime(2026, 1, 22, 4, 40, 5), seconds=True)
    ('22 Jan, 04:40 UTC', 'never', '22 Jan, 04:40:05 UTC')
    """
    if at is None or is_missing(at):
        return absent
    local, _ = zoned(at)
    return f"{local.day} {local:%b}, {clock_time(at, seconds)}"


def dated(at: datetime | None, absent: str = "never") -> str:
    """Writes an instant with its year, for what is read later or elsewhere: mails, reports, the command line.

    >>> dated(datetime(2026, 1, 22, 4, 40))
    '22 Jan 2026, 04:40 UTC'
    """
    if at is None or is_missing(at):
        return absent
    local, zone = zoned(at)
    return f"{local.day} {local:%b %Y, %H:%M}{zone}"


def day(at: datetime) -> str:
    """Writes a day with its year.

    >>> day(datetime(2026, 1, 5))
    '5 Jan 2026'
    """
    return f"{at.day} {at:%b %Y}"


def clock_time(at: datetime, seconds: bool = False) -> str:
    """Writes the time of an instant whose day is plain from what stands beside it.

    >>> clock_time(datetime(2026, 1, 22, 4, 40)), clock_time(datetime(2026, 1, 22, 4, 40, 5), seconds=True)
    ('04:40 UTC', '04:40:05 UTC')
    """
    local, zone = zoned(at)
    return f"{local:%H:%M:%S}{zone}" if seconds else f"{local:%H:%M}{zone}"


def clock_span(began: datetime, ended: datetime) -> str:
    """Writes from when to when, where the day is plain from what stands beside it.

    >>> clock_span(datetime(2026, 1, 22, 4, 40), datetime(2026, 1, 22, 5))
    '04:40 to 05:00 UTC'
    """
    return f"{zoned(began)[0]:%H:%M} to {clock_time(ended)}"


def span(length: timedelta | float | None, absent: str = UNKNOWN) -> str:
    """Writes a length of time, in seconds or as a timedelta, in its two largest units; a zero unit is left out.

    >>> span(59), span(90), span(3700), span(7200), span(timedelta(days=1)), span(200_000), span(None)
    ('59 s', '1 min', '1 h 1 min', '2 h', '1 day', '2 days 7 h', 'unknown')
    >>> span(-90)
    '-1 min'
    """
    if length is None or is_missing(length):
        return absent
    seconds = int(length.total_seconds() if isinstance(length, timedelta) else length)
    if seconds < 0:
        return f"-{span(-seconds)}"
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        units = [count(days, "day"), f"{hours} h" if hours else ""]
    elif hours:
        units = [f"{hours} h", f"{minutes} min" if minutes else ""]
    else:
        units = [f"{minutes} min" if minutes else f"{seconds} s"]
    return " ".join(unit for unit in units if unit)


def ago(seconds: float) -> str:
    """Writes how long ago something was, in months where it is many days.

    >>> ago(7200), ago(308 * 86_400)
    ('2 h ago', '10 months ago')
    """
    months = round(seconds / (30.44 * 86_400))
    return f"{count(months, 'month') if months > 2 else span(seconds)} ago"


NAMES = ("Entra", "Microsoft", "Active Directory", "Azure", "Graph")
"What a sentence may begin with that keeps its capital anywhere."


def within(text: str) -> str:
    """Writes a sentence as it stands behind a colon or inside another one.

    >>> within("No licence is left in the app"), within("Entra's scope is empty"), within("SCIM is off")
    ('no licence is left in the app', "Entra's scope is empty", 'SCIM is off')
    """
    is_name = text.startswith(NAMES) or text[1:2].isupper()
    return text if is_name else text[:1].lower() + text[1:]


def count(number: float, one: str, many: str = "") -> str:
    """Writes a number with its noun.

    >>> count(1, "job"), count(1200, "person", "people")
    ('1 job', '1,200 people')
    """
    return f"{int(number):,} {one if number == 1 else many or one + 's'}"


def people(number: float, groups: float | None = None) -> str:
    """Writes how many users and groups there are, each by its own noun where it is known how many are groups.

    >>> people(3, 0), people(4, 1), people(1, 1), people(2)
    ('3 users', '3 users and 1 group', '1 group', '2 users and groups')
    """
    if groups is None or is_missing(groups):
        return count(number, "user or group", "users and groups")
    users = number - groups
    parts = [*([count(users, "user")] if users or not groups else []), *([count(groups, "group")] if groups else [])]
    return " and ".join(parts)


def share(value: float | None, absent: str = UNKNOWN) -> str:
    """Writes a fraction as a percentage of at most one decimal, which rounds neither up to 100% nor down to 0%.

    >>> share(0.9996), share(1.0), share(0.774), share(2 / 3), share(0.0002), share(0.0), share(None)
    ('99.9%', '100%', '77.4%', '66.7%', 'under 0.1%', '0%', 'unknown')
    """
    if value is None or is_missing(value):
        return absent
    tenths = round(value * 1000)
    return "under 0.1%" if value > 0 and tenths == 0 else f"{min(tenths, 999 if value < 1 else tenths) / 10:g}%"


def iso(at: datetime) -> str:
    """Writes an instant for programs: ISO 8601 in UTC, with no more digits than it has.

    >>> iso(datetime(2026, 1, 5, 12)), iso(datetime(2026, 1, 5, 12, 0, 0, 500_000))
    ('2026-01-05T12:00:00Z', '2026-01-05T12:00:00.500Z')
    """
    digits = "microseconds" if at.microsecond % 1000 else "milliseconds" if at.microsecond else "seconds"
    return (at.astimezone(UTC) if at.tzinfo else at).replace(tzinfo=None).isoformat("T", digits) + "Z"


def address(at: datetime) -> str:
    """Writes an instant as the dashboard's addresses have it: a day alone at midnight, else with hour and minute.

    >>> address(datetime(2026, 1, 5)), address(datetime(2026, 1, 5, 9, 30))
    ('2026-01-05', '2026-01-05T09:30')
    """
    return f"{at:%Y-%m-%d}" if (at.hour, at.minute) == (0, 0) else f"{at:%Y-%m-%dT%H:%M}"
