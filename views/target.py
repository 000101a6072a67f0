"""Target: does what Entra says agree with what the app saw, how does the app answer, what should its vendor mend?"""

import streamlit as st

from views.frame.data import Values, ahead, ask, asked, bar, is_empty, records, teach, tile
from views.frame.look import count, missing, when
from views.parts.target import cells, comparison

FORM = (
    '{"time": "2026-01-20T12:00:03.120Z", "method": "PATCH", "path": "/scim/v2/Users/5f1c…", "status": 200,\n'
    ' "duration_ms": 84, "request_id": "…", "app_id": "…", "request_body": {…}, "response_body": {…}}'
)


def no_log() -> None:
    """Teaches how an app's side gets in, where no request of this window was logged."""
    st.markdown(f"**No SCIM request was logged between {when(bar().since)} and {when(bar().until)}.**")
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
    st.page_link("ingestion.py", label="Drop a file on Ingestion", icon=":material/upload_file:")


def page() -> None:
    """Draws the page."""
    if is_empty():
        teach()
        return
    sizes = ask("wire_size")
    if not sizes["requests"].sum():
        no_log()
        return
    since, until = comparison.stretch(sizes)
    part: Values = {"since": since, "until": until}
    short = (until - since).days <= 3
    ahead("wire_matrix", "wire_logs", "target_health", "target_latency", bucket="hour" if short else "day", **part)
    rows = ask("wire_matrix", **part)
    app = comparison.one_app(rows)
    own = rows[rows["app_id"] == app] if app else rows
    found = cells.counts(own)
    names = sorted(own["app_name"].dropna().unique())
    if not sizes["events"].sum():
        many = count(sizes["requests"].sum(), "request was", "requests were")
        st.markdown(f"**{many} logged, and no event of Entra's: only the app's side is known.**")
    else:
        st.markdown(f"**{cells.sentence(found, names)}**")
    st.subheader("Does what Entra says agree with what the app saw?", anchor="wire-matrix")
    opened = comparison.matrix(own)
    asked(wire_matrix=part)
    tile("wire_cell", comparison.behind, empty="Nothing is in this cell.", cell=opened, app=app, **part)
    tile("wire_logs", comparison.logs, **part)
    tile("target_health", comparison.health, empty="No request in this stretch.", **part)
    tile("target_latency", comparison.latency, bucket="hour" if short else "day", **part)
    told = own.dropna(subset=["app_id"])
    lint_of(app, dict(zip(told["app_id"], told["app_name"].fillna(told["app_id"]), strict=True)), part)


def lint_of(app: str | None, names: dict[str, str], part: Values) -> None:
    """Draws what the vendor should mend, and offers it as a report where it is one app's."""
    tile(
        "target_lint",
        lambda rows: comparison.lint(rows, names),
        empty="Nothing was found that RFC 7644 or Entra would have otherwise.",
        app=app,
        **part,
    )
    one = app or (next(iter(names)) if len(names) == 1 else None)
    if one is None:
        st.caption("A report for the vendor is written of one app: choose it above.")
        return
    looked = records(ask("target_looked_at", app=one, **part))[0]
    seen = {name: None if missing(value) else value for name, value in looked.items()}
    comparison.offer(names[one], ask("target_lint", app=one, **part), seen, part["since"], part["until"])


if __name__ == "__main__":
    page()
