"""A note to copy into a ticket: plain text on somebody's state, from the answers that the story page already has."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from pipeline.config.wording import count, instant, is_missing
from pipeline.knowledge.causes import OWNERS, cause_of
from pipeline.knowledge.remedies import steps_while
from views.frame.look import look
from views.parts.people.status import shown_word, stop_sentence
from views.parts.shared.remedies import stop_word, text_in
from views.parts.shared.retries import retries_ended, retry_words, since_when

Row = Mapping[str, Any]


def note(source_id: str, states: Sequence[Row], event: Row, requests: pd.DataFrame, address: str) -> str:
    """Writes who, in which app, what and since when, the error in words, the evidence and a link."""
    state = next((one for one in states if one["job_id"] == event["job_id"]), states[0])
    parts = [
        f"{title(state)}\n",
        f"Who:    {who(state)} (id in Entra {source_id}{target(state)})",
        f"App:    {state['app_name']}",
        f"State:  {state_label(state)}{since(state)}",
        *stopped(state),
        f"Event:  {event['action']}, {event['status']}, {instant(event['occurred_at'])}",
        *words(event),
        f"Tried:  {count(state['attempts'], 'attempt')}, {int(state['failures']):,} failed; "
        f"last success {instant(state['last_success_at'])}{again(state)}",
        *others(states, state),
        f"Ids:    event {event['event_id']}, job {event['job_id']}{request_id(requests)}",
        f"See:    {address}",
    ]
    return "\n".join(" ".join(part.split(" ")) for part in parts)


def stopped(state: Row) -> list[str]:
    """Writes that nothing is provisioned to the app at present."""
    text = stop_sentence(dict(state)).replace("*", "").replace("\\", "")
    return [f"Note:   {text}"] if text else []


def title(state: Row) -> str:
    """Writes the note's first line."""
    return f"Provisioning of {who(state)} to {state['app_name']}: {state_label(state)}"


def state_label(state: Row) -> str:
    """Returns the status in an app, as the page shows it."""
    return look(shown_word(dict(state))).label.lower()


def who(state: Row) -> str:
    """Returns somebody's name."""
    return str(state["name"])


def target(state: Row) -> str:
    """Returns the id in the app, where it is known."""
    return "" if is_missing(state["target_id"]) else f", in the app {state['target_id']}"


def since(state: Row) -> str:
    """Writes since when somebody waits."""
    return "" if is_missing(state["since"]) else f" since {since_when(state)}"


def again(state: Row) -> str:
    """Writes when Entra tries again, or that it does not any more."""
    if ended := retries_ended(state["since"]):
        return f"; retries ended {instant(ended)}"
    return "" if is_missing(state["retry_at"]) else f"; {retry_words(state['retry_at'])}"


def words(event: Row) -> list[str]:
    """Writes the error's meaning and cure, where its code is documented, and the log's own words."""
    code = next((str(event[name]) for name in ("error_code", "skip_reason") if not is_missing(event[name])), None)
    if code is None:
        return []
    cause = cause_of({name: value for name, value in event.items() if not is_missing(value)})
    lines = [f"Error:  {code}" if cause is None else f"Error:  {code}: {cause.title}. {cause.meaning}"]
    if not is_missing(event["reason"]):
        lines.append(f"Log:    {' '.join(str(event['reason']).split())[:400]}")
    if cause is not None:
        steps = steps_while(cause.steps, stop_word(event["job_id"]))
        lines.append(f"Do:     {' '.join(text_in(step, event.get('app_name')) for step in steps)}")
        lines.append(f"Owner:  {cause.owner}: {OWNERS[cause.owner]}")
    elif not is_missing(event["advice"]):
        lines.append(f"Do:     {event['advice']}")
    return lines


def others(states: Sequence[Row], state: Row) -> list[str]:
    """Writes how the same person fares in the other apps."""
    rest = [f"{one['app_name']} {state_label(one)}" for one in states if one is not state]
    return [f"Others: {', '.join(rest)}"] if rest else []


def request_id(requests: pd.DataFrame) -> str:
    """Returns the matched request's id, where one was matched."""
    if requests.empty or "matched_by" not in requests:
        return ""
    matched = requests[requests["matched_by"].notna()]
    return "" if matched.empty else f", request {matched.iloc[0]['exchange_id']}"


def address(base: str, words: Mapping[str, str]) -> str:
    """Writes a link to the story."""
    return f"{base}/people?{urlencode(words, safe=':')}"
