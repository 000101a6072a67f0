"""Access: who may do what, how to put the dashboard behind a sign-in, and what people did."""

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import count, dated, is_missing
from views.frame.data import Row, ask, records
from views.frame.look import plain
from views.frame.panel import panel
from views.frame.places import lead_to
from views.frame.state import Key, Word
from views.frame.table import table, text_column, time_columns
from views.frame.times import zone_name
from views.parts.shared.acts import with_labels

MOST = 500
"Actions that are shown, the default of the question."
NAMED = "Under the sign-in name, else the name entered"
PERMISSIONS = (
    ("View users, groups, events and SCIM requests", "Everyone who can open the dashboard", "Not recorded"),
    ("Run SQL that reads, and export rows", "Everyone who can open the dashboard", "Not recorded"),
    ("Acknowledge, snooze, assign and note incidents and issues", "Everyone who can open the dashboard", NAMED),
    ("Enter when a token expires", "Everyone who can open the dashboard", "Under the name entered"),
    ("Load files", "Everyone who can open the dashboard", "Data sources, without a name"),
    ("Change alert rules", "Everyone who can open the dashboard", "In rules.toml, without a name"),
    ("Send a test message", "Everyone who can open the dashboard", "Not recorded"),
    ("Change settings, routes and tenants; run commands", "Accounts of this machine", "By the operating system"),
)
"What can be done, who may do it, and where it is recorded."


def draw_actions(rows: pd.DataFrame) -> None:
    """Draws what people did, the newest first; a row opens what it was done to."""
    columns = {
        "subject": text_column("Subject", width="large"),
        "label": text_column("Action"),
        "actor": text_column("By", help="The name of the sign-in; without one as entered, not checked"),
        **time_columns(acted_at="When"),
        "was": text_column("From"),
        "detail": text_column("To", width="medium"),
        "app_name": text_column("App"),
    }
    table(with_labels(rows), columns, Key.ACTIONS, at_most=360, opens="subject", on_open=open_subject)


def open_subject(row: Row) -> None:
    """Opens the incident, the issue or the token that something was done to."""
    if not is_missing(row["incident_id"]):
        lead_to("issues", {Word.INCIDENT: str(row["incident_id"])})
    elif not is_missing(row["issue"]):
        lead_to("issues", {Word.ISSUE: str(row["issue"]), Word.OF: str(row["job_id"])})
    else:
        lead_to("configuration", {})


def draw_sign_in() -> None:
    """Draws how to restrict who can open the dashboard."""
    st.markdown(
        "1. Keep the dashboard listening on this machine only, as it does unless server.address is changed.\n"
        "2. Put a reverse proxy with sign-in in front of it: oauth2-proxy, Microsoft Entra application proxy or the "
        "like. It must pass websockets on.\n"
        "3. Allow the people or the group who may see provisioning data there. The dashboard itself has no roles "
        "apart."
    )
    st.caption("docs/deploy.md has more on proxies, several processes and a catalog in PostgreSQL.")


def sentence(rows: pd.DataFrame) -> str:
    """Writes what holds now."""
    address = st.get_option("server.address")
    here = (
        "It accepts connections from this machine only."
        if address in ("localhost", "127.0.0.1", "::1")
        else (f"It accepts connections at {plain(str(address or 'every address of this machine'))}.")
    )
    newest = f" Last recorded action: {dated(records(rows)[0]['acted_at'])}." if len(rows) else ""
    return f"**No sign-in: everyone who can open this dashboard can do everything it offers.** {here}{newest}"


def page() -> None:
    """Draws the page."""
    rows = ask("actions")
    st.warning(sentence(rows), icon=":material/lock_open:")
    names = rows["actor"].dropna().nunique()
    st.subheader("Permissions", anchor="permissions")
    table(
        pd.DataFrame(PERMISSIONS, columns=["action", "who", "recorded"]),
        {
            "action": text_column("Action", width=230),
            "who": text_column("Who", width=210),
            "recorded": text_column("Recorded"),
        },
    )
    with st.expander("Put the dashboard behind a sign-in"):
        draw_sign_in()
    panel("actions", draw_actions, empty="No action recorded yet.", title="Latest actions")
    if names:
        rules = plain(str(read_settings().rules.resolve()))
        st.caption(
            f"{count(names, 'name')}. Every action on incidents and issues and every token expiry entered is kept; the "
            f"newest {MOST:,} are shown, and the table action_log has all. Changes of rules are in {rules}. "
            f"Times are in {zone_name()}."
        )


if __name__ == "__main__":
    page()
