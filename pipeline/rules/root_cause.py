"""Finds the root cause of each open incident: one dead token is one incident, and what follows from it are symptoms.

Rules say in their headers, under `Explained by`, which other rules' incidents may be their cause. Nothing else decides:
not which was noticed first, nor which is graver. A symptom names its root, not the next link of a chain.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.rules.incidents import Incident
from pipeline.rules.rule import SEVERITIES, Explanation, Rule, rules


@dataclass(frozen=True)
class Group:
    """A root cause with the incidents that it explains."""

    root: Incident
    symptoms: tuple[Incident, ...] = ()
    "The gravest first."

    @property
    def severity(self) -> str:
        """Returns the worst severity of the root cause and its symptoms."""
        return max((one.severity for one in (self.root, *self.symptoms)), key=SEVERITIES.index)

    @property
    def apps(self) -> set[str | None]:
        """Returns the apps that it is about."""
        return {one.app_name for one in (self.root, *self.symptoms)}


def with_roots(incidents: Sequence[Incident], graph: Mapping[str, Rule] | None = None) -> list[Incident]:
    """Returns open incidents, each with the root cause that explains it; None where it is one itself."""
    explainer = Explainer(incidents, rules() if graph is None else graph)
    return [replace(one, explained_by=explainer.root_of(one)) for one in incidents]


def groups(incidents: Iterable[Incident]) -> dict[str, Group]:
    """Groups incidents by root cause; one whose cause is not among them stands alone."""
    every = sorted(incidents, key=lambda one: (-SEVERITIES.index(one.severity), one.opened_at, one.incident_id))
    known, symptoms = {one.incident_id for one in every}, defaultdict(list)
    for one in every:
        if one.explained_by in known:
            symptoms[one.explained_by].append(one)
    return {
        one.incident_id: Group(one, tuple(symptoms[one.incident_id])) for one in every if one.explained_by not in known
    }


class Explainer:
    """The causes of some open incidents, by the rules' headers."""

    def __init__(self, incidents: Sequence[Incident], graph: Mapping[str, Rule]) -> None:
        self._graph = graph
        self._by_rule: dict[str, list[Incident]] = defaultdict(list)
        for one in sorted(incidents, key=lambda one: (one.opened_at, one.incident_id)):
            self._by_rule[one.rule].append(one)
        self._evidence: dict[str, Mapping[str, Any]] = {
            one.incident_id: json.loads(one.evidence or "{}") for one in incidents
        }

    def root_of(self, symptom: Incident) -> str | None:
        """Returns the id of the incident at the top of the causes of another; None where it has none."""
        cause = self._cause_of(symptom)
        return (self.root_of(cause) or cause.incident_id) if cause else None

    def _cause_of(self, symptom: Incident) -> Incident | None:
        rule = self._graph.get(symptom.rule)
        for explanation in rule.explained_by if rule else ():
            for cause in self._by_rule[explanation.rule]:
                evidence = self._evidence[cause.incident_id], self._evidence[symptom.incident_id]
                if is_same_app(explanation, cause, symptom) and explanation.applies(*evidence):
                    return cause
        return None


def is_same_app(explanation: Explanation, cause: Incident, symptom: Incident) -> bool:
    """Whether a cause is of the job of a symptom, or of its app where one of them names no job, or of any app."""
    if explanation.is_wide:
        return True
    if cause.job_id and symptom.job_id:
        return cause.job_id == symptom.job_id
    return cause.app_name is not None and cause.app_name == symptom.app_name
