"""Bounds for functions that make one huge value of little: DuckDB looks for an interrupt between values, never inside
one, and a value may be larger than its memory limit (measured with 1.5.5: 4 to 7 GB, 10 to 50 s behind the interrupt).

They stand in a connection's own temporary schema under the functions' names, where DuckDB looks first. Can go when
these functions heed interrupts and the limit.
"""

from pipeline.store.writer_lock import Cursor

MOST = 65_536
"Characters of a text or elements of a list that one call may make; DuckDB makes 2,048 values at a time."
LENGTH = "len(value::varchar)"
STEPS = "(try_cast(stop::varchar as hugeint) - try_cast({start} as hugeint)) // {step}"
"Null between instants, which are not bounded."
AMOUNTS = {"times": "0", "size": "0", "stop": "null"}
"The parameters that say how much a call makes, and what makes nothing."
TOO_MANY = {
    "repeat": {"value, times": (f"greatest(times, 0)::hugeint * {LENGTH}", "value, {times}")},
    "lpad": {"value, size, fill": ("size", "value, {size}::integer, fill")},
    "rpad": {"value, size, fill": ("size", "value, {size}::integer, fill")},
    "list_resize": {"value, size": ("size", "value, {size}"), "value, size, fill": ("size", "value, {size}, fill")},
    "array_resize": {"value, size": ("size", "value, {size}"), "value, size, fill": ("size", "value, {size}, fill")},
    "bitstring": {"value, size": ("size", "value, {size}::integer")},
    "range": {
        "stop": (STEPS.format(start="'0'", step="1"), "{stop}"),
        "start, stop": (STEPS.format(start="start::varchar", step="1"), "start, {stop}"),
        "start, stop, step": (
            STEPS.format(start="start::varchar", step="nullif(try_cast(step::varchar as hugeint), 0)"),
            "start, {stop}, step",
        ),
    },
}
TOO_MANY["generate_series"] = TOO_MANY["range"]
"By function and parameters: how much a call makes, and the call, whose amount is in braces."


def macro(name: str) -> str:
    """Builds the macro that stands before a function: it fails where a call would make too much.

    The amount is taken out of the call as well, since DuckDB computes a constant call whatever stands around it.
    """
    error = f"error('{name}: at most {MOST:,} characters or elements were expected of one call')"
    bodies = []
    for parameters, (amount, call) in TOO_MANY[name].items():
        kept = {one: f"case when {amount} > {MOST} then {nothing} else {one} end" for one, nothing in AMOUNTS.items()}
        limited = f"system.main.{name}({call.format(**kept)})"
        bodies.append(f"({parameters}) as case when {amount} > {MOST} then {error} else {limited} end")
    return f"create or replace temp macro {name}{', '.join(bodies)}"


LIMITS = ";\n".join(macro(name) for name in TOO_MANY)


def limit_values(cursor: Cursor) -> Cursor:
    """Bounds what one call in this connection's questions may make."""
    cursor.execute(LIMITS)
    return cursor
