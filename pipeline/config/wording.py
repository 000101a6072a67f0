"""Words for spans, instants, counts and shares: one formatter for pages, mails, digest and command line."""


def span(seconds: int | None) -> str:
    """Says a span of seconds in its two largest units.

    >>> span(59), span(3700), span(200_000), span(None)
    ('59 s', '1 h 1 min', '2 d 7 h', 'unknown')
    """
    if seconds is None:
        return "unknown"
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
