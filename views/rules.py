"""Alert rules: each rule's state and thresholds; one opens in the side panel, with its backtest."""

import streamlit as st

from pipeline.config.errors import RulesError
from pipeline.rules.rule import rules
from views.frame.look import plain
from views.frame.side_panel import side_panel
from views.frame.state import Word, read_word
from views.parts.alerts.rule import draw_rule
from views.parts.alerts.rules import read_rules_file, rules_table


def page() -> None:
    """Draws the rules, and the one that the address names."""
    try:
        overrides = read_rules_file()
    except RulesError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    rows = rules_table(overrides)
    rule = rules().get(read_word(Word.RULE))
    title = rule.title if rule else "Alert rule"
    side_panel(Word.RULE, title, lambda name: draw_rule(name, rows), wide=True)


if __name__ == "__main__":
    page()
