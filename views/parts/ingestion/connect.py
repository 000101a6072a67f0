"""Three ways in: connect a tenant, drop an export, or load the sample; each with its next step."""

import streamlit as st

from pipeline.config.settings import Settings
from views.frame.empty import WAYS
from views.frame.places import page_link
from views.frame.state import UPLOAD_RESULTS
from views.parts.ingestion.upload import draw_upload

CONNECT, DROP, _ = (title for title, _, _ in WAYS)
STEPS = {
    CONNECT: (
        "Register an app in Entra and grant it the permissions that docs/graph.md lists.",
        "Write a file of tenants, and set PROVISIONING_TENANTS to its path.",
        "Check the permissions with the command below, then restart the dashboard.",
    )
}
"What to do, in order, where a command alone is not enough."


def draw_connect(settings: Settings, expanded: bool) -> None:
    """Draws the three ways in, open where there is no data yet or a file was just loaded."""
    is_open = expanded or bool(UPLOAD_RESULTS.get())
    with st.expander("Add data", expanded=is_open):
        for column, (title, text, commands) in zip(st.columns(3), WAYS, strict=True):
            with column, st.container(border=True, height="stretch"):
                st.subheader(title, anchor=False)
                st.markdown(text)
                if title in STEPS:
                    st.markdown("\n".join(f"{place}. {step}" for place, step in enumerate(STEPS[title], 1)))
                if title == DROP:
                    draw_upload(settings)
                else:
                    st.code(commands, language=None, wrap_lines=True)
                if title == CONNECT and not expanded:
                    page_link("configuration", "Permissions and connections", ":material/vpn_key:")
