"""What goes on when the logs end in the midst of work: one job was restarted, another has just ended a cycle."""

from __future__ import annotations

from datetime import timedelta

from pipeline.sample.everyday import Pools
from pipeline.sample.nouns import App, Intent

BEFORE_MIDNIGHT = timedelta(minutes=22)
"""How long before the fixed end the logs end then: five minutes after Contoso Docs began its last cycle."""
RESTARTED_AGO = timedelta(minutes=20)
RESTART_S = 3000
"""Seconds over which the restarted cycle spreads: two fifths of it are done when the logs end."""
_UPDATED = 8
_ONE_IN = 4
"""One in so many of those that are looked at again is updated; the others are as they should be."""


def restarts(app: App) -> bool:
    """Whether somebody restarts an app's provisioning, so that everything is looked at again."""
    return app.name == "Fabrikam Desk"


def everything(who: Pools) -> list[Intent]:
    """Returns what a cycle that looks at everything again means to do."""
    people = [Intent("redundant" if place % _ONE_IN else "update", each) for place, each in enumerate(who.active)]
    return [*people, *(Intent("redundant", group) for group in who.groups)]


def updates(app: App, who: Pools, busy: set[str]) -> list[Intent]:
    """Returns what Contoso Docs' last cycle means to do beside everyday traffic, for users who are not busy."""
    free = [person for person in who.active if person.source_id not in busy]
    return [Intent("update", person) for person in free[:_UPDATED]] if app.name == "Contoso Docs" else []
