"""Instants as logs write them: ISO 8601, .NET's milliseconds, and what the locales of portals and spreadsheets make.

Where the day and the month are both numbers up to 12, which of them comes first is a matter of the whole file: see
date_order.py.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Literal

from pydantic import BeforeValidator, ValidationInfo

from pipeline.ingest.bounds import is_within

DateOrder = Literal["", "mdy", "dmy", "unclear"]
"Whether the month or the day comes first in a file, as far as the file shows it; nothing where it has no such dates."
TIMES = ("%I:%M:%S.%f %p", "%I:%M:%S %p", "%I:%M %p", "%H:%M:%S.%f", "%H:%M:%S", "%H:%M")
LOCAL = tuple(f"%m/%d/%Y{between} {time}{zone}" for between in (",", "") for time in TIMES for zone in ("", " %z"))
"How the Azure portal, PowerShell and Excel write instants under a locale with slashes, the month first."
DAY_FIRST = tuple(form.replace("%m/%d", "%d/%m") for form in LOCAL)
NUMBERS = re.compile(r"(\d{1,2})([/-])(\d{1,2})\2(\d{4})(?=\D|$)")
"A date whose day and month are numbers before the year."
AMERICAN = r"^\d{1,2}/\d/\d{4}.*[AP]M"
"A day of one digit with AM or PM: of the locales that write the day first, none writes both so."
DOTNET = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
"An instant in milliseconds, as Windows PowerShell 5.1 writes it."
UNCLEAR = "nothing shows whether the day or the month comes first; set PROVISIONING_DATE_ORDER to dmy or mdy"
EXPECTED = "an ISO 8601 instant was expected, such as 2026-01-05T12:00:00Z"


def readable(value: object, order: DateOrder = "") -> str:
    """Returns an instant as ISO 8601 in UTC; raises ValueError with a sentence where it cannot be read.

    >>> readable("2026-01-05T14:00:00+02:00"), readable("5/01/2026 12:00", "dmy")
    ('2026-01-05T12:00:00+00:00', '2026-01-05T12:00:00+00:00')
    """
    shown = str(value).strip()
    text = month_first(shown, order)
    for read in READINGS:
        try:
            moment = read(text)
        except (ValueError, OverflowError):
            continue
        if not is_within(moment):
            raise OutOfBounds(
                f"is '{shown[:60]}'; {EXPECTED}, between the year 2000 and tomorrow by this machine's clock"
            )
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    raise ValueError(f"is '{shown[:60]}'; {EXPECTED}")


def month_first(text: str, order: DateOrder) -> str:
    """Returns an instant with slashes and the month first, if it has day and month as numbers before the year.

    Raises ValueError where nothing shows which of them is the month.

    >>> month_first("13-01-2026 09:14", ""), month_first("5/1/2026 9:14:02 AM", ""), month_first("2026-01-05", "dmy")
    ('01/13/2026 09:14', '5/1/2026 9:14:02 AM', '2026-01-05')
    """
    match = NUMBERS.match(text)
    if match is None:
        return text
    first, second, rest = match[1], match[3], text[match.end() :]
    if order not in ("mdy", "dmy"):
        if int(first) <= 12 and int(second) <= 12 and int(first) != int(second) and not re.match(AMERICAN, text):
            raise ValueError(f"is '{text[:60]}'; {EXPECTED}: {UNCLEAR}")
        order = "dmy" if int(first) > 12 else "mdy"
    return f"{second}/{first}/{match[4]}{rest}" if order == "dmy" else f"{first}/{second}/{match[4]}{rest}"


def of_dotnet(text: str) -> datetime:
    """Reads .NET's instant in milliseconds, also out of an object that holds one.

    >>> of_dotnet("/Date(1767614400000)/").isoformat()
    '2026-01-05T12:00:00+00:00'
    """
    match = DOTNET.search(text.replace("\\/", "/"))
    if match is None:
        raise ValueError("holds no /Date(…)/")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(match[1]))


def of_form(text: str, form: str) -> datetime:
    """Reads an instant in one form."""
    return datetime.strptime(text, form)


OTHER_TIMES = tuple(
    f"{day}{between}{time}"
    for day in ("%d.%m.%Y", "%Y/%m/%d", "%Y-%m-%d")
    for between in (", ", " ")
    for time in ("%H:%M:%S.%f", "%H:%M:%S", "%H:%M")
)
"How the Azure portal, Excel and PowerShell write instants under a German, Japanese or Swedish locale."

READINGS: tuple[Callable[[str], datetime], ...] = (
    datetime.fromisoformat,
    of_dotnet,
    *(partial(of_form, form=form) for form in (*LOCAL, *OTHER_TIMES)),
)


def never_or_readable(value: object, order: DateOrder = "") -> str | None:
    """Returns an instant as ISO 8601 in UTC, none for an empty one or one beyond all bounds, which mean never.

    >>> never_or_readable("/Date(1772438400000)/"), never_or_readable("0001-01-01T00:00:00Z")
    ('2026-03-02T08:00:00+00:00', None)
    """
    try:
        return None if means_never(value) else readable(value, order)
    except OutOfBounds:
        return None
    except ValueError as error:
        raise Spoiled(str(error)) from None


def means_never(value: object) -> bool:
    """Whether there is no instant: nothing, .NET's first one, or one of before 1970 in its milliseconds."""
    text = "" if value is None else str(value).strip()
    return not text or text.startswith("0001-") or ((at := DOTNET.search(text)) is not None and int(at[1]) < 0)


def never_or_bounded(value: object, order: DateOrder = "") -> str | None:
    """Returns an instant as `never_or_readable` does, but refuses one beyond all bounds that means some time.

    >>> never_or_bounded("0001-01-01T00:00:00Z")
    """
    try:
        return None if means_never(value) else readable(value, order)
    except ValueError as error:
        raise Spoiled(str(error)) from None


class Spoiled(ValueError):
    """A member without which a record would be a silent half."""


class OutOfBounds(Spoiled):
    """An instant that no log can mean."""


def in_file(read: Callable[[object, DateOrder], str | None]) -> BeforeValidator:
    """Builds the validator that reads an instant by the order of its file, which is the context of validation."""

    def of_context(value: object, info: ValidationInfo) -> str | None:
        return read(value, info.context or "")

    return BeforeValidator(of_context)


Instant = Annotated[str, in_file(readable)]
Moment = Annotated[str | None, in_file(never_or_readable)]
"An instant that need not be there; one that is and cannot be read spoils its record."
Observed = Annotated[str | None, in_file(never_or_bounded)]
"The same of an instant by which a record is known."
