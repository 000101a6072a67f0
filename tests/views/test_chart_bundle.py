"""The browser draws only the kinds of traces that the shipped bundle of charts has; of others it makes a line."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRACE = re.compile(r"\bgo\.([A-Z][a-z]\w+)\(|\.add_(bar|scatter|heatmap|histogram|box|violin|pie|waterfall|funnel)\(")
NO_TRACES = {"figure", "layout"}


def test_every_kind_of_trace_that_is_drawn_is_in_the_bundle() -> None:
    [bundle] = (ROOT / "views" / "assets").glob("plotly-*.min.js")
    known = set(re.findall(r'moduleType:"trace",name:"(\w+)"', bundle.read_text(encoding="utf-8")))
    used = {
        (match[1] or match[2]).lower()
        for file in (ROOT / "views" / "charts").glob("*.py")
        for match in TRACE.finditer(file.read_text(encoding="utf-8"))
    } - NO_TRACES
    assert {"bar", "scatter"} <= used
    assert used - known == set()
