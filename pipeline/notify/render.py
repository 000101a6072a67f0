"""Renders the texts of messages from templates/: plain text, in which a missing value is an error and not a gap."""

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.config import wording
from pipeline.rules.summary import undated

TEMPLATES = Path(__file__).with_name("templates")


@lru_cache
def environment() -> Environment:
    """Builds the environment; nothing is escaped, since the texts are no HTML."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {one.__name__: one for one in (wording.dated, wording.span, wording.count, wording.share, undated)}
    return made


def render(name: str, **values: object) -> str:
    """Renders one template."""
    return environment().get_template(name).render(values).strip("\n")
