"""The parameters of a statement as fields; the time range, the app and the tenant are those chosen above."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import streamlit as st

from pipeline.config.wording import is_missing, iso
from pipeline.store.catalog import Parameter, Query
from views.frame import state
from views.frame.data import Values, as_of, ask
from views.frame.filters import bar, job_names
from views.frame.state import Key, Word, read_word, write_word

WIDTH = 200
EXAMPLES = {
    "object": ("people", "source_id"),
    "group": ("group_ledger", "group_id"),
    "cycle": ("cycles_lately", "cycle_id"),
    "with": ("cycles_lately", "cycle_id"),
    "issue": ("issues", "issue"),
    "event": ("matching_events", "event_id"),
    "at": ("matching_events", "occurred_at"),
    "cell": ("wire_matrix", "cell"),
    "app": ("wire_logs", "app_id"),
    "incident": ("incidents", "incident_id"),
    "search": ("people", "name"),
}
"""Where a value comes from that a question needs and no bar has: the first row of another question's answer, and of
which column. The second cycle is the one that the first is compared with."""
LONG = ("people", "group_ledger", "matching_events")
"Of these, the first row alone is asked for."
FIXED = {"stage": "exported"}


@dataclass
class Given:
    """What the fields hold."""

    values: Values = field(default_factory=dict)
    missing: list[Parameter] = field(default_factory=list)
    "Parameters that need a value and have none."


def fields(query: Query) -> Given:
    """Draws a field for each parameter that is not chosen above; an empty one has its default."""
    given, own = Given(), []
    above = {"since": bar().since, "until": bar().until, "job": bar().job, "tenant": bar().tenant}
    for parameter in query.parameters:
        if parameter.name in above and (above[parameter.name] is not None or not needs_choice(parameter)):
            given.values[parameter.name] = above[parameter.name]
        else:
            own.append(parameter)
    # What the others show at first depends on the app.
    own.sort(key=lambda parameter: parameter.name != "job")
    if own:
        with st.container(horizontal=True):
            for parameter in own:
                draw_field(query, parameter, given)
    return given


def needs_choice(parameter: Parameter) -> bool:
    """Whether a question is about one app, so that all of them is no answer."""
    return parameter.default is None or (parameter.name == "job" and "asks about all" not in parameter.meaning)


def draw_field(query: Query, parameter: Parameter, given: Given) -> None:
    """Draws the field of one parameter, whose value stands in the address."""
    value = choose_job(query) if parameter.name == "job" else typed(query, parameter, given.values.get("job"))
    given.values[parameter.name] = value
    if value is None and parameter.default is None:
        given.missing.append(parameter)


def choose_job(query: Query) -> str | None:
    """Lets a person choose an app for a question about one; the first of them where none is chosen."""
    names = job_names(ask("jobs"))
    if not names:
        return None
    key = Key.VALUE.of(query.name, "job")
    if state.value(key) not in names:
        asked = read_word(Word.OF)
        state.set_value(key, asked if asked in names else next(iter(names)))
    chosen = st.selectbox("App", list(names), key=key, width=WIDTH)
    write_word(Word.OF, chosen)
    return names[chosen]


def typed(query: Query, parameter: Parameter, job: Any) -> str | None:
    """Draws a field to type into."""
    usual = usual_text(query, parameter, job)
    # Another app is another example.
    key = Key.VALUE.of(query.name, parameter.name, *([job] if job and parameter.default is None else []))
    if state.value(key) is None:
        state.set_value(key, read_word(parameter.name, usual))
    text = st.text_input(
        label_of(parameter),
        key=key,
        placeholder="required" if parameter.default is None else "any",
        help=f"{parameter.meaning} ({parameter.type})",
        width=WIDTH,
    ).strip()
    # An example is another one tomorrow, so an address names it.
    write_word(parameter.name, text if text and (text != usual or parameter.default is None) else None)
    return text or None


def usual_text(query: Query, parameter: Parameter, job: Any) -> str:
    """Returns what stands in a field at first: the default, else an example of the data, else its present."""
    if parameter.default is not None:
        return "" if parameter.default == "null" else parameter.default.strip("'")
    is_instant = parameter.type == "TIMESTAMP"
    names = {one.name for one in query.parameters}
    found = example(parameter.name, job) if query.name and (not is_instant or "event" in names) else None
    if found is None and is_instant:
        found = {"begins": bar().since, "ends": bar().until}.get(parameter.name) or as_of()
    return "" if found is None else iso(found) if isinstance(found, datetime) else str(found)


def example(name: str, job: Any) -> Any:
    """Returns a value of the data for a parameter that has no default; None where there is none."""
    if name not in EXAMPLES:
        return FIXED.get(name)
    question, column = EXAMPLES[name]
    few = {"limit": 2, "least": 1} if question == "cycles_lately" else {"limit": 1} if question in LONG else {}
    rows = ask(question, **({"job": job} if job else {}), **few)
    place = 1 if name == "with" else 0
    value = rows.iloc[place][column] if len(rows) > place else None
    return None if is_missing(value) else value


def label_of(parameter: Parameter) -> str:
    """Writes a parameter's name as a label.

    >>> label_of(Parameter("as_of", "TIMESTAMP", None, "")), label_of(Parameter("slow_ms", "BIGINT", "5000", ""))
    ('As of', 'Slow ms')
    """
    return parameter.name.replace("_", " ").capitalize()


def hint(missing: list[Parameter]) -> str:
    """Writes which values are needed before the statement can run.

    >>> hint([Parameter("object", "VARCHAR", None, "the object's id in Entra")])
    "Enter a value for Object (the object's id in Entra) to run this."
    """
    needed: list[Any] = [f"{label_of(one)} ({one.meaning})" for one in missing]
    return f"Enter a value for {' and '.join(needed)} to run this."
