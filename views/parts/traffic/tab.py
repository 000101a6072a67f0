"""SCIM traffic: Entra's events compared with the app's log, response times, and findings for the app's vendor."""

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing, share
from views.frame.data import Values, ask, ask_ahead, records
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.numbers import number_grid
from views.frame.panel import panel, show_sql
from views.frame.places import page_link
from views.frame.state import Word, has_word
from views.parts.shared.object_panel import object_panel
from views.parts.traffic.cells import TROUBLE, cell_counts, compared, sentence
from views.parts.traffic.comparison import (
    cell_panel,
    choose_app,
    choose_stretch,
    draw_matrix,
    health_table,
    latency_chart,
    lint_findings,
    log_sentences,
    vendor_report,
)

FORM = (
    '{"time": "2026-01-20T12:00:03.120Z", "method": "PATCH", "path": "/scim/v2/Users/5f1c…", "status": 200,\n'
    ' "duration_ms": 84, "request_id": "…", "app_id": "…", "request_body": {…}, "response_body": {…}}'
)


def no_log() -> None:
    """Draws how an app's log gets in, where no request of this time range was logged."""
    st.markdown(f"**No SCIM requests between {instant(bar().since)} and {instant(bar().until)}.**")
    st.markdown(
        "Without the app's log, what Entra reports cannot be compared with what the app received. Load the app's log "
        "of SCIM requests:\n\n"
        "- **A web server's access log** (nginx, Apache) in front of the app, as it is. With the request body at the "
        "end of each line, creates are found too.\n"
        "- **One JSON line per request**, from the app or a proxy, as below or under the names that other servers use. "
        "Authorization headers are removed when it is read.\n"
        "- **For a vendor's app**, ask the vendor for the log of your tenant's SCIM requests."
    )
    st.code(FORM, language=None)
    st.code("python -m pipeline ingest scim.log", language=None)
    page_link("sources", "Add it on Data sources", ":material/upload_file:")


def metrics(counts: dict[str, int]) -> None:
    """Draws four numbers."""
    total, agreed = compared(counts)
    with number_grid():
        st.metric("Changes compared", f"{total:,}", border=True, height="stretch")
        st.metric("Entra and app agree", share(agreed / total) if total else "Unknown", border=True, height="stretch")
        apart = sum(counts[name] for name in TROUBLE if name != "turned away")
        st.metric("Differences", f"{apart:,}" if total or apart else "Unknown", border=True, height="stretch")
        st.metric(
            "Unauthorized requests",
            f"{counts['turned away']:,}",
            border=True,
            height="stretch",
            help="Answered with 401 or 403",
        )


def draw_tab() -> None:
    """Draws the tab."""
    sizes = ask("wire_size")
    if not sizes["requests"].sum():
        no_log()
        return
    since, until = choose_stretch(sizes)
    part: Values = {"since": since, "until": until}
    bucket = "hour" if (until - since).days <= 3 else "day"
    ask_ahead("wire_matrix", "wire_logs", "target_health", "target_latency", bucket=bucket, **part)
    rows = ask("wire_matrix", **part)
    app = choose_app(rows)
    own = rows[rows["app_id"] == app] if app else rows
    counts = cell_counts(own)
    if not sizes["events"].sum():
        many = count(sizes["requests"].sum(), "request was", "requests were")
        st.markdown(f"**{many} logged by the app, and no provisioning logs: nothing can be compared.**")
    else:
        st.markdown(f"**{sentence(counts, sorted(own['app_name'].dropna().unique()))}**")
    metrics(counts)
    show_sql(wire_matrix=part)
    st.subheader("Entra vs app log", anchor="wire-matrix")
    draw_matrix(own, bool(sizes["events"].sum()))
    panel("target_latency", latency_chart, bucket=bucket, **part)
    draw_lint(app, own, part)
    with st.expander("App response by operation"):
        panel("target_health", health_table, empty="No requests in this time range.", title="", **part)
    with st.expander("SCIM log sources and clock offset"):
        panel("wire_logs", log_sentences, title="", **part)
    if has_word(Word.OBJECT):
        object_panel()
    else:
        cell_panel(app, part)


def draw_lint(app: str | None, rows: pd.DataFrame, part: Values) -> None:
    """Draws, closed, what the vendor should fix, and offers it as a report where it is one app's."""
    named = rows.dropna(subset=["app_id"])
    names = dict(zip(named["app_id"], named["app_name"].fillna(named["app_id"]), strict=True))
    found = ask("target_lint", app=app, **part)
    show_sql(target_lint={"app": app, **part})
    if found.empty:
        nothing("SCIM conformance: no finding in the requests of this time range that were read.")
    else:
        with st.container(border=True):
            st.subheader(f"SCIM conformance findings: {len(found):,}", anchor="target-lint")
            lint_findings(found, names)
    one = app or (next(iter(names)) if len(names) == 1 else None)
    if one is None:
        st.caption("The report for the vendor is about one app: choose it above.")
        return
    looked = records(ask("target_looked_at", app=one, **part))[0]
    examined = {name: None if is_missing(value) else value for name, value in looked.items()}
    vendor_report(names[one], ask("target_lint", app=one, **part), examined, part["since"], part["until"])
