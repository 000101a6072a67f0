"""Alert rules: each rule's state, thresholds and backtest."""

import streamlit as st

from pipeline.config.errors import RulesError
from views.frame.data import ask
from views.frame.look import plain
from views.frame.state import Word, has_word, read_word
from views.parts.health.rules import draw_rule, read_rules_file, rules_table


def page() -> None:
    """Draws the rules, and the one that the address names."""
    try:
        overrides = read_rules_file()
    except RulesError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    rules_table(ask("rule_runs_lately"), overrides)
    if has_word(Word.RULE):
        draw_rule(read_word(Word.RULE), overrides)


if __name__ == "__main__":
    page()
