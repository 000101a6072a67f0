"""Target: does what Entra says agree with what the app saw, how does the app answer, what should its vendor fix?"""

import streamlit as st

from pipeline.config.wording import count, instant, is_missing
from views.frame.data import Values, ask, ask_ahead, records
from views.frame.filters import bar
from views.frame.panel import panel, show_sql
from views.frame.places import page_link
from views.parts.target.cells import cell_counts, sentence
from views.parts.target.comparison import (
    cell_rows,
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
    """Draws how an app's log gets in, where no request of this window was logged."""
    st.markdown(f"**No SCIM request was logged between {instant(bar().since)} and {instant(bar().until)}.**")
    st.markdown(
        "What Entra says can then not be held against what the app saw, and nothing is said about it here. To see both "
        "sides, load the app's own log of SCIM requests:\n\n"
        "- **An access log** of nginx or Apache in front of the app, as it is; with the request's body at the end of "
        "each line, creates are found too.\n"
        "- **A JSON line for each request**, from the app or a proxy; the form below is understood, and the names that "
        "other servers use. Authorization headers are removed on reading.\n"
        "- **For an app that is not yours**, ask its vendor for the log of your tenant's SCIM requests."
    )
    st.code(FORM, language="json")
    st.code("python -m pipeline ingest scim.log", language="bash")
    page_link("sources", "Drop a file on Data sources", ":material/upload_file:")


def draw_tab() -> None:
    """Draws the tab."""
    sizes = ask("wire_size")
    if not sizes["requests"].sum():
        no_log()
        return
    since, until = choose_stretch(sizes)
    part: Values = {"since": since, "until": until}
    short = (until - since).days <= 3
    ask_ahead("wire_matrix", "wire_logs", "target_health", "target_latency", bucket="hour" if short else "day", **part)
    rows = ask("wire_matrix", **part)
    app = choose_app(rows)
    own = rows[rows["app_id"] == app] if app else rows
    counts = cell_counts(own)
    names = sorted(own["app_name"].dropna().unique())
    if not sizes["events"].sum():
        many = count(sizes["requests"].sum(), "request was", "requests were")
        st.markdown(f"**{many} logged, and no event of Entra's: only the app's side is known.**")
    else:
        st.markdown(f"**{sentence(counts, names)}**")
    st.subheader("Does what Entra says agree with what the app saw?", anchor="wire-matrix")
    opened = draw_matrix(own)
    show_sql(wire_matrix=part)
    panel("wire_cell", cell_rows, empty="Nothing is in this cell.", cell=opened, app=app, **part)
    panel("wire_logs", log_sentences, **part)
    panel("target_health", health_table, empty="No request in this stretch.", **part)
    panel("target_latency", latency_chart, bucket="hour" if short else "day", **part)
    named = own.dropna(subset=["app_id"])
    draw_lint(app, dict(zip(named["app_id"], named["app_name"].fillna(named["app_id"]), strict=True)), part)


def draw_lint(app: str | None, names: dict[str, str], part: Values) -> None:
    """Draws what the vendor should fix, and offers it as a report where it is one app's."""
    panel(
        "target_lint",
        lambda rows: lint_findings(rows, names),
        empty="No finding in the requests of this time range that were read.",
        app=app,
        **part,
    )
    one = app or (next(iter(names)) if len(names) == 1 else None)
    if one is None:
        st.caption("A report for the vendor is written of one app: choose it above.")
        return
    looked = records(ask("target_looked_at", app=one, **part))[0]
    examined = {name: None if is_missing(value) else value for name, value in looked.items()}
    vendor_report(names[one], ask("target_lint", app=one, **part), examined, part["since"], part["until"])
