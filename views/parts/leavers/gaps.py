"""Known gaps in deprovisioning: one check each; those that found something are listed, the others are one line."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, span
from pipeline.rules.verdict import Facts
from pipeline.store.catalog import find_query
from views.frame import state
from views.frame.data import ask
from views.frame.empty import nothing
from views.frame.look import plain
from views.frame.panel import show_sql
from views.frame.state import Key
from views.frame.table import decimal_column, number_column, table, text_column, time_columns
from views.parts.leavers.access import KINDS, none
from views.parts.people.panel import open_person
from views.parts.shared.object_panel import Facts as PanelFacts

TRAPS = (
    "trap_still_active",
    "trap_unassigned",
    "trap_unassigned_deleted",
    "trap_memberships",
    "trap_null",
)
"""The documented ways in which an account or a membership is left behind without an error. Rehires, after a removal or
back in scope, are one question, since the groups are looked through once for both."""
BASIS = (
    "Microsoft documents each of these, and none is an error in the log. The directory's own log is not stored here, "
    "and an account in an app is seen only where an answer of the app was logged."
)
QUICK = 20_000
"Up to how many events and requests in a window its removals are compared with the app's log without a click."
CONFIRMED, NOT_KNOWN = "both well", "not known"
CELLS = {
    "both well": "Confirmed",
    "never seen": "Not in the app's log",
    "refused but well": "Rejected by the app",
    "not known": "Unknown: no log of the app",
}


class Check(NamedTuple):
    """One check, and what it found."""

    name: str
    found: int
    draw: Callable[[], None]

    @property
    def title(self) -> str:
        """Returns its title."""
        return find_query(self.name).title


def checks(now: datetime, staged: pd.DataFrame) -> list[Check]:
    """Returns the checks that were made, those that found most first."""
    held = Check("leavers_held", len(staged), lambda: staged_deletions(staged))
    made = [held, *(trap_check(name, now) for name in TRAPS)]
    if is_quick():
        made.append(confirmed_check(now))
    return sorted(made, key=lambda one: -one.found)


def trap_check(name: str, now: datetime) -> Check:
    """Returns what one known gap caught."""
    rows = ask(name, as_of=now)
    return Check(name, len(rows), lambda: trapped(name, rows))


def confirmed_check(now: datetime) -> Check:
    """Returns which removals the app's own log does not confirm."""
    rows = ask("deprovision_heard", as_of=now)
    found = int((~rows["cell"].isin([CONFIRMED, NOT_KNOWN])).sum())
    return Check("deprovision_heard", found, lambda: removals(rows))


def is_quick() -> bool:
    """Whether removals are compared with the app's log: at once in a small window, else when asked for."""
    rows = ask("wire_size")[["events", "requests"]].sum().sum()
    return int(rows) <= QUICK or bool(state.value(Key.COMPARE_REMOVALS))


def draw_gaps(made: list[Check], facts: Facts, now: datetime) -> None:
    """Draws each check that found something, closed, and the others in one line."""
    st.subheader("Known gaps in deprovisioning", anchor="traps", help=BASIS)
    for one in made:
        show_sql(**{one.name: {"as_of": now}})
        if one.found:
            with st.expander(f"{one.title}: {one.found:,}"):
                one.draw()
    empty = [one.title.lower() for one in made if not one.found]
    if empty:
        text = (
            f"{len(empty)} of {count(len(made), 'check')} found nothing in the data that was read: {', '.join(empty)}."
        )
        nothing(none(text, facts))
    if not any(one.name == "deprovision_heard" for one in made):
        st.toggle("Compare removals with the apps' own logs", key=Key.COMPARE_REMOVALS)
        st.caption("This may take a while for this time range; a shorter one, or one app, is faster.")


def staged_deletions(rows: pd.DataFrame) -> None:
    """Draws the deletions that wait for a decision, and what can be decided."""
    apps = rows.groupby("app_name").size()
    by_app = ", ".join(f"{plain(str(app))}: {size:,}" for app, size in apps.items())
    st.markdown(
        f"{by_app}. In Entra, on the app's Provisioning page: *Allow deletes* carries them out. To reject them, "
        "correct the scope or the assignments first, then restart provisioning."
    )
    columns = {
        "name": text_column("Name"),
        "app_name": text_column("App"),
        "held_for": text_column("Held for"),
        "left_as": text_column("Left as"),
        "threshold": number_column("Deletion threshold"),
        **time_columns(staged_at="Since", last_event_at="Last event"),
    }
    shown = rows.assign(held_for=rows["held_s"].map(span))
    table(shown, columns, Key.HELD_DELETIONS, at_most=320, opens="name", on_open=open_person)


def trapped(name: str, rows: pd.DataFrame) -> None:
    """Draws whom a known gap caught."""
    columns = {
        "name": text_column("Name"),
        "app_name": text_column("App"),
        **({"was": text_column("Was")} if "was" in rows.columns else {}),
        **time_columns(since="Since"),
        "seen": text_column("Evidence", width="large"),
        "cure": text_column("What to do", width="large"),
    }
    table(rows, columns, Key.TRAP.of(name), at_most=320, opens="name", on_open=open_person)


def removals(rows: pd.DataFrame) -> None:
    """Draws how many removals the app's own log confirms, and the others first."""
    counts = {str(cell): int(size) for cell, size in rows["cell"].value_counts().items()}
    good = counts.pop(CONFIRMED, 0)
    rest = ", ".join(f"{CELLS.get(str(cell), str(cell)).lower()}: {size:,}" for cell, size in counts.items())
    st.markdown(f"The app's log confirms {good:,} of {count(len(rows), 'removal')}{'; ' + rest if rest else ''}.")
    columns = {
        "name": text_column("Name"),
        "app_name": text_column("App"),
        "action": text_column("Action"),
        "app_log": text_column("In the app's log"),
        **time_columns(ended_at="Removed", heard_at="Logged by the app"),
        "request": text_column("Request"),
        "matched_by": text_column("Matched by"),
        "score": decimal_column("Score"),
    }
    shown = rows.assign(
        action=rows["kind"].map(lambda kind: KINDS.get(kind, kind)),
        app_log=rows["cell"].map(lambda cell: CELLS.get(cell, cell)),
        request=rows["method"].fillna("").str.cat(rows["http_status"].map(status_text), sep=" "),
    )
    table(shown, columns, Key.REMOVALS, at_most=320, opens="name", on_open=open_person)


def status_text(code: float) -> str:
    """Writes an HTTP status; nothing where there is none."""
    return "" if pd.isna(code) else f"{code:.0f}"


def gap_facts(now: datetime, staged: pd.DataFrame) -> list[PanelFacts]:
    """Returns what the side panel says of whom the checks found."""
    labels = {"app_name": "App", "was": "Was", "since": "Since", "seen": "Evidence", "cure": "What to do"}
    held = {"app_name": "App", "staged_at": "Held since", "left_as": "Left as", "threshold": "Deletion threshold"}
    traps = [PanelFacts(find_query(name).title, ask(name, as_of=now), labels) for name in TRAPS]
    return [PanelFacts(find_query("leavers_held").title, staged, held), *traps]
