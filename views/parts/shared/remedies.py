"""What to do about an error or an incident in one app, as its profile has it, fit for markdown."""

from pipeline.config.settings import read_settings
from pipeline.knowledge.app_profiles import usable_profiles
from pipeline.knowledge.causes import Cause
from pipeline.knowledge.remedies import remedy
from pipeline.rules.rule import Rule
from views.frame.look import plain


def text_in(text: str, app_name: object) -> str:
    """Writes a step for one app."""
    return remedy(text, usable_profiles(read_settings()), app_name if isinstance(app_name, str) else None)


def steps_in(cause: Cause, app_name: object) -> list[str]:
    """Writes the steps of a cause for one app."""
    return [plain(text_in(step, app_name)) for step in cause.steps]


def advice_in(rule: Rule, app_name: object) -> str:
    """Writes what a rule advises for one app."""
    return plain(text_in(rule.do, app_name))
