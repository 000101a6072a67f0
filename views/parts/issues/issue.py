"""The side panel of one issue: what happens, what to do, whom it affects, and why its failures are grouped."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing
from pipeline.knowledge.causes import OWNERS, Cause, cause_of, evidence
from views.charts.issues import issue_spread
from views.frame.chart import chart
from views.frame.copying import dashboard_address, text_to_copy
from views.frame.data import Row, ask, records
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.look import COLOURS, look, plain, plain_name
from views.frame.panel import panel, show_sql
from views.frame.side_panel import side_panel
from views.frame.state import Key, Word, has_word, read_word, write_words
from views.frame.table import code_column, number_column, table, text_column, time_columns
from views.parts.issues.attribute_blame import draw_blame
from views.parts.issues.handling import draw_handled, handled_row
from views.parts.issues.sentences import ICONS, STATES, affected_words, filled, issue_title, text_of, unknown_code
from views.parts.people.panel import numbered, open_person
from views.parts.people.status import action_label, in_code
from views.parts.shared.acts import draw_history
from views.parts.shared.letter import Letter, draw_letter
from views.parts.shared.profiles import profile_or_none
from views.parts.shared.remedies import meaning_in, steps_in, stop_word

LONG_AGO = datetime(1970, 1, 1)
STANDINGS = {"leaver": "Leaver, still has access", "waiting": "Failing", "settled": "Recovered"}
PARTS = ("template", "source_type", "step_type", "code", "http_status", "scim_type")
NAMED = 20
"Users that a draft of an e-mail names."
TABS = ("Affected users", "Why grouped", "Over time")


def issue_panel() -> None:
    """Opens the side panel of the issue that the address names."""
    if not has_word(Word.ISSUE):
        return
    row, others = find_issue(read_word(Word.ISSUE), read_word(Word.OF) or None)
    title = "Issue" if row is None else plain(issue_title(row))
    side_panel(Word.ISSUE, title, lambda issue: draw_issue(issue, row, others), Word.OF)


def find_issue(issue: str, job: str | None) -> tuple[Row | None, pd.DataFrame]:
    """Returns an issue as of the time range's end, whenever it was last seen, and all that were seen until then."""
    rows = ask("issues", since=LONG_AGO, job=None)
    matches = [row for row in records(rows) if row["issue"] == issue and job in (None, row["job_id"])]
    return (matches[0] if matches else None), rows


def draw_issue(issue: str, row: Row | None, others: pd.DataFrame) -> None:
    """Draws the issue that the address names, or that it is not here."""
    if has_word(Word.OBJECT):
        # A user was opened from this panel: the page has to open that one's in its place.
        st.rerun()
    if row is None:
        st.warning(
            f"There is no issue {plain(issue)} in this store before {instant(bar().until)}. Choose a time range that "
            "ends later, or look for it among all issues.",
            icon=":material/search_off:",
        )
        return
    draw_details(row, others)


def draw_details(row: Row, others: pd.DataFrame) -> None:
    """Draws one issue; similar ones are searched among `others`, the issues until the time range's end."""
    cause = cause_of(filled(row))
    st.markdown(" ".join(chips_of(row)))
    draw_meaning(row, cause, others)
    draw_owner(row)
    row = handled_row(row)
    draw_handled(row)
    with st.container(horizontal=True, vertical_alignment="center"):
        if cause is not None:
            draft_email(row, cause)
        copy_link(row)
    draw_history(str(row["issue"]), issue=str(row["issue"]), job=str(row["job_id"]))
    show_sql(issues={"since": LONG_AGO})
    boxes = st.tabs(TABS, key=Key.ISSUE_PARTS, on_change="rerun")
    place = next((place for place, box in enumerate(boxes) if box.open), 0)
    with boxes[place]:
        (draw_affected, draw_grouping, draw_course)[place](row, others)


def asked(row: Row) -> dict[str, Any]:
    """Returns what a question about one issue is asked with."""
    return {"job": row["job_id"], "issue": row["issue"], "until": bar().until}


def draw_affected(row: Row, _others: pd.DataFrame) -> None:
    """Draws whom it affects, and what they have in common."""
    panel("issue_people", lambda rows: people_table(rows, row), title="", **asked(row))
    draw_blame(row)


def draw_grouping(row: Row, others: pd.DataFrame) -> None:
    """Draws why this owner is likely, an example with what makes it this issue, and similar issues."""
    if signs := evidence(filled(row)):
        st.markdown(f"**Why this owner:** {'; '.join(plain(one) for one in signs)}.")
    empty = "Its newest event is not stored any more."
    panel("issue_example", lambda rows: draw_example(records(rows)[0], row), empty=empty, title="", **asked(row))
    draw_similar(row, others)


def draw_course(row: Row, _others: pd.DataFrame) -> None:
    """Draws how many it affected over time, and how it came and went."""
    panel("issue_spread", lambda rows: draw_spread(rows, row), **asked(row))
    panel("issue_episodes", episodes_table, **asked(row))


def chips_of(row: Row) -> list[str]:
    """Writes its state, its app and how many it affects as chips."""
    label, tone, meaning = STATES[row["state"]]
    if row["state"] == "quiet" and row["waiting"]:
        meaning = "no attempts lately, not recovered"
    affected = affected_words(row["waiting"] or row["people"], row["source_type"])
    when = "affected" if row["waiting"] else "affected before, none now"
    return [
        f":{COLOURS[tone]}-badge[{ICONS[tone]} {label}: {meaning}]",
        f":blue-badge[{plain_name(row['app_name'])}]",
        f":gray-badge[{affected} {when}]",
    ]


def draw_meaning(row: Row, cause: Cause | None, others: pd.DataFrame) -> None:
    """Draws what happens and since when, and what to do, or that the code is not documented."""
    code, status = text_of(row["code"]), row["http_status"]
    named = ", ".join([*([] if is_missing(status) else [f"{status:.0f}"]), *([f"`{in_code(code)}`"] if code else [])])
    seen = f"since {instant(row['first_seen_at'])}, last on {instant(row['last_seen_at'])}"
    if cause is None:
        codes = sorted(set(others["code"].dropna()) - {code})
        unknown = unknown_code(code, codes) if code else "The log gives no error code."
        st.markdown(f"{unknown} Seen {seen}; {count(row['events'], 'attempt')}.")
        return
    stop = stop_word(row["job_id"])
    meaning, detail = meaning_in(cause, stop), f" ({named})" if named else ""
    st.markdown(f"**{meaning.removesuffix('.')}**{detail}. Seen {seen}; {count(row['events'], 'attempt')}.")
    steps = steps_in(cause, row["app_name"], stop)
    todo = f"**What to do:** {steps[0]}" if len(steps) == 1 else "**What to do:**\n" + numbered(steps)
    st.markdown(f"{todo}\n\n{cause.again}" if cause.retries and stop is None else todo)


def draw_owner(row: Row) -> None:
    """Draws the likely owner."""
    st.markdown(f"**Likely owner:** {plain(OWNERS[str(row['fault'])])}.")


def draft_email(row: Row, cause: Cause) -> None:
    """Offers a draft of an e-mail where only somebody else can fix what users and groups are failing with."""
    if not row["waiting"]:
        return
    app, affected = str(row["app_name"]), count(row["waiting"], "user or group", "users and groups")
    facts = {
        "HTTP status": None if is_missing(row["http_status"]) else f"{row['http_status']:.0f}",
        "Error code": text_of(row["code"]),
        "Message": text_of(row["detail"]),
        "Latest failure": row["last_seen_at"],
        "Users": ", ".join(row["waiting_names"][:NAMED]) if cause.owner == "source data" else None,
    }
    problem = f"Provisioning to {app} fails for {affected}"
    draw_letter(Letter(app, problem, cause, row["first_seen_at"], affected, facts), profile_or_none(app))


def copy_link(row: Row) -> None:
    """Offers the address of the issue."""
    words = bar().pinned | {Word.ISSUE: str(row["issue"]), Word.OF: str(row["job_id"])}
    text_to_copy("Copy link", f"{dashboard_address()}/issues?{urlencode(words, safe=':')}")


def people_table(rows: pd.DataFrame, row: Row) -> None:
    """Draws who is affected, leavers first; a row opens the side panel of that user or group."""
    leavers = int((rows["standing"] == "leaver").sum())
    waiting = int((rows["standing"] != "settled").sum())
    grave = f" **{count(leavers, 'leaver')} still {'has' if leavers == 1 else 'have'} access.**" if leavers else ""
    affected = affected_words(len(rows), row["source_type"])
    recovered = len(rows) - waiting
    all_of = {0: "none recovered", len(rows): "recovered" if len(rows) == 1 else "all recovered"}
    st.markdown(f"{affected}, {all_of.get(recovered, f'{recovered:,} recovered')}.{grave}")
    columns = {
        "name": text_column("User or group"),
        "label": text_column("Status"),
        **time_columns(first_seen_at="First failure"),
        "attempts": number_column("Attempts"),
        **time_columns(retry_at="Next retry"),
        "action": text_column("Action"),
        **time_columns(last_seen_at="Latest failure"),
        **time_columns(settled_at="Recovered", again_at="New account since"),
    }
    given = [name for name in columns if name == "label" or not rows[name].isna().all()]
    shown = rows.assign(label=[status_label(one) for one in records(rows)], action=rows["action"].map(action_label))
    shown_columns = {name: columns[name] for name in given}
    table(shown, shown_columns, Key.ISSUE_PEOPLE.of(row["issue"]), at_most=320, opens="name", on_open=open_person)


def status_label(row: Row) -> str:
    """Writes how somebody fares whom an issue affects, by the word that People has for who is not recovered."""
    if row["standing"] == "waiting" and row["state"] in ("failing", "skipped"):
        return look(str(row["state"])).label
    return STANDINGS[str(row["standing"])]


def draw_similar(row: Row, others: pd.DataFrame) -> None:
    """Draws the other issues with the same cause or code; a row opens one."""
    same = (others["code"] == row["code"]) if text_of(row["code"]) else pd.Series(False, index=others.index)
    if not is_missing(row["cause"]):
        same = same | (others["cause"] == row["cause"])
    rows = others[same & ~((others["issue"] == row["issue"]) & (others["job_id"] == row["job_id"]))]
    st.subheader("Similar issues", anchor=False)
    if rows.empty:
        nothing("No other issue has the same cause or error code.")
        return
    columns = {
        "what": text_column("Issue", width="large"),
        "app_name": text_column("App"),
        "label": text_column("Status"),
        "people": number_column("Affected"),
        **time_columns(last_seen_at="Last seen"),
    }
    shown = rows.assign(
        what=[issue_title(one) for one in records(rows)], label=rows["state"].map(lambda word: STATES[word][0])
    )
    table(shown, columns, Key.SIMILAR.of(row["issue"]), at_most=250, opens="what", on_open=open_issue)


def open_issue(row: Row) -> None:
    """Opens the side panel of an issue."""
    write_words({Word.ISSUE: str(row["issue"]), Word.OF: str(row["job_id"])})


def draw_spread(rows: pd.DataFrame, row: Row) -> None:
    """Draws how many waited, and how many it had hit."""
    chart(Key.ISSUE_SPREAD.of(row["issue"]), issue_spread, rows, bar().until)


def episodes_table(rows: pd.DataFrame) -> None:
    """Draws how it came and went."""
    columns = {
        "episode": code_column("Episode"),
        **time_columns(began_at="Began", ended_at="Ended"),
        "people": number_column("Affected"),
        "most": number_column("Peak", help="Users and groups affected at once"),
        "cycles": number_column("Cycles"),
    }
    table(rows, columns, Key.EPISODES)


def draw_example(example: Row, row: Row) -> None:
    """Draws what the fingerprint was made from: the message before and after, and everything else that counts."""
    left, right = st.columns(2)
    left.caption("A message as logged")
    left.code(str(example["raw"]), language=None, wrap_lines=True)
    right.caption("What they all have in common")
    right.code(str(example["detail"]) or "(no message)", language=None, wrap_lines=True)
    parts_of = filled(row | {"template": example["template"]})
    parts = ", ".join(f"{name.replace('_', ' ')} `{number(parts_of[name])}`" for name in PARTS if name in parts_of)
    st.markdown(f"Failures of this app with this message and {parts} are one issue (`{row['issue']}`).")


def number(value: Any) -> str:
    """Writes a part of a fingerprint; a status without decimals."""
    return f"{value:.0f}" if isinstance(value, float) else str(value)
