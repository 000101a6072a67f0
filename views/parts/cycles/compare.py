"""Two cycles of a job side by side: how each object fared there and here, which errors came or went, and the time."""

from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from views.charts import funnel
from views.frame.data import PLAIN, Row, pointed, tile
from views.frame.events import behind, choose
from views.frame.look import count, look, missing, plain, when
from views.parts.cycles import cycle as cycle_part

VERDICTS = {"new": "New", "shared": "In both", "gone": "Gone"}


def draw(cycle: Row, others: list[Row]) -> None:
    """Lets a person choose another cycle of the job, and draws how the two differ; the address keeps the choice."""
    st.subheader("How does it compare with another cycle?", anchor="compare")
    if not others:
        st.markdown(":gray[:material/remove: No other cycle of this job left an event.]")
        return
    known = {str(other["cycle_id"]): other for other in others}
    given = st.query_params.get("with", "")
    chosen = st.selectbox(
        "Compare with…",
        list(known),
        index=list(known).index(given) if given in known else None,
        format_func=lambda each: option(known[each]),
        placeholder="The previous of its kind, or any other",
        key=f"with-{cycle['cycle_id']}",
        width=520,
    )
    if chosen is None:
        st.query_params.pop("with", None)
        return
    st.query_params["with"] = chosen
    compared(cycle, known[chosen])


def option(cycle: Row) -> str:
    """Names a cycle in a list."""
    kind = "" if missing(cycle["kind"]) else f"{cycle['kind']}, "
    first = "Previous of its kind: " if cycle["relation"] == "previous of its kind" else ""
    return (
        f"{first}{when(cycle['began_at'])} ({kind}{count(cycle['objects'], 'object')}, {int(cycle['failed']):,} failed)"
    )


def compared(cycle: Row, other: Row) -> None:
    """Draws the differences of two cycles."""
    st.markdown(f"**{times(cycle, other)}**")
    asked = cycle_part.reach([cycle, other])
    tile("cycle_transitions", lambda rows: matrix(rows, asked), **asked)
    tile("cycle_errors_compared", lambda rows: errors(rows, cycle, other), empty="Nothing failed in either.", **asked)


def times(cycle: Row, other: Row) -> str:
    """Says which of two cycles took longer, and which had more to do."""
    here, there = (each["duration_ms"] for each in (cycle, other))
    took = "as long as" if here == there else "longer than" if here > there else "less than"
    work = f"{count(cycle['objects'], 'object')} here, {int(other['objects']):,} there"
    return f"It took {cycle_part.lasted(cycle)}, {took} the other's {cycle_part.lasted(other)}; {work}."


def matrix(rows: pd.DataFrame, asked: dict[str, Any]) -> None:
    """Draws from which outcome to which the objects went; a selected mark opens who they are."""
    state = st.plotly_chart(
        funnel.transitions(rows),
        key=f"matrix-{asked['cycle']}-{asked['with']}",
        on_select="rerun",
        selection_mode="points",
        config=PLAIN,
    )
    mark = pointed(state)
    if mark is None:
        st.caption(f"{count(rows['objects'].sum(), 'object')} in one or both. Select a mark to see who they are.")
    else:
        title = f"{look(str(mark[0])).label} there, {look(str(mark[1])).label.lower()} here"
        cycle_part.people(title, there=str(mark[0]), here=str(mark[1]), **asked)


def errors(rows: pd.DataFrame, cycle: Row, other: Row) -> None:
    """Draws errors that are new, stayed or are gone; a selected row opens its events."""
    rows = rows.assign(said=rows["verdict"].map(VERDICTS), code=rows["error_code"].fillna("(no code)"))
    columns = {
        "code": st.column_config.TextColumn("Error", pinned=True),
        "said": st.column_config.TextColumn("Verdict"),
        "there": st.column_config.NumberColumn("Objects there", format="localized"),
        "here": st.column_config.NumberColumn("Objects here", format="localized"),
        "reason": st.column_config.TextColumn("The newest one says", width="large"),
    }
    row = choose(rows, columns, f"errors-{cycle['cycle_id']}-{other['cycle_id']}")
    if row is None:
        st.caption("Select an error to see its events.")
        return
    seen = other if row["verdict"] == "gone" else cycle
    since, until = seen["began_at"].to_pydatetime(), seen["ended_at"].to_pydatetime() + timedelta(seconds=1)
    code = None if missing(row["error_code"]) else row["error_code"]
    where = "there" if seen is other else "here"
    behind(f"{plain(str(row['code']))} {where}", code=code, job=seen["job_id"], since=since, until=until)
