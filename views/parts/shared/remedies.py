"""What to do about an error or an incident in one app, as its profile has it, fit for markdown.

Nothing is awaited of Entra, and no retry promised, while the app's job does not run or the retries have ended.
"""

from pipeline.config.settings import read_settings
from pipeline.knowledge.app_profiles import usable_profiles
from pipeline.knowledge.causes import Cause
from pipeline.knowledge.remedies import RESUMPTIONS, remedy, steps_while, without_promises
from pipeline.rules.rule import Rule
from views.frame.look import plain
from views.frame.verdict import job_facts


def stop_word(job_id: object, has_ended: bool = False) -> str | None:
    """Returns what keeps Entra from retrying in a job, a word of RESUMPTIONS; None where nothing does."""
    job = job_facts(str(job_id))
    if job is not None and job.replaced_at is not None:
        return "replaced"
    if job is not None and (job.state in RESUMPTIONS or job.inferred_since is not None):
        return job.state if job.state in RESUMPTIONS else "quarantined"
    return "ended" if has_ended else None


def text_in(text: str, app_name: object) -> str:
    """Writes a step for one app."""
    return remedy(text, usable_profiles(read_settings()), app_name if isinstance(app_name, str) else None)


def steps_in(cause: Cause, app_name: object, stop: str | None = None) -> list[str]:
    """Writes the steps of a cause for one app."""
    return [plain(text_in(step, app_name)) for step in steps_while(cause.steps, stop)]


def meaning_in(cause: Cause, stop: str | None = None) -> str:
    """Writes what a cause means."""
    return plain(cause.meaning if stop is None else without_promises(cause.meaning))


def advice_in(rule: Rule, app_name: object, stop: str | None = None) -> str:
    """Writes what a rule advises for one app."""
    return " ".join(plain(text_in(step, app_name)) for step in steps_while([rule.do], stop))
