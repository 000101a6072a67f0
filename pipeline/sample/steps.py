"""What an event shows of its work: the ladder of steps and the attributes it wanted altered.

Keys inside `details` lose their dots and colons, as they do on the wire.
"""

from __future__ import annotations

import json
import random

from pipeline.sample.nouns import App, Change, Failure, Group, Intent, Person, Step, Subject
from pipeline.sample.reasons import unresolved_names

SOURCE = "Microsoft Entra ID"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_UNDOTTED = str.maketrans("", "", ".:")
SKIPS = {
    "redundant": "RedundantExport",
    "out_of_scope": "NotEffectivelyEntitled",
    "invalid": "AttributeValidationFailed",
}
_EXPORTS = {
    "create": ("EntryExportAdd", "created"),
    "update": ("EntryExportUpdate", "updated"),
    "enable": ("EntryExportUpdate", "updated"),
    "members": ("EntryExportUpdate", "updated"),
    "disable": ("EntryExportUpdateSoftDelete", "disabled"),
    "delete": ("EntryExportDelete", "deleted"),
}


def attributes(app: App, subject: Subject, active: bool = True) -> dict[str, str]:
    """Returns the mapped target attributes that have a value; Cerby's six, and more for the richer apps."""
    if isinstance(subject, Group):
        return {"displayName": subject.name, "externalId": subject.source_id}
    values = {
        "userName": subject.upn,
        'emails[type eq "work"].value': subject.mail,
        "active": str(active),
        "name.givenName": subject.given,
        "name.familyName": subject.surname,
        "externalId": subject.source_id,
    }
    return {key: value for key, value in (values | (_extras(subject) if app.rich else {})).items() if value}


def _extras(person: Person) -> dict[str, str | None]:
    """Returns what only the richer apps map."""
    return {
        "displayName": person.name,
        "title": person.title,
        "preferredLanguage": "en-GB",
        f"{ENTERPRISE}:department": person.department,
        f"{ENTERPRISE}:employeeNumber": person.number,
    }


def changes(app: App, intent: Intent, rng: random.Random) -> tuple[Change, ...]:
    """Returns what an intent wants altered; nothing on a skip or a delete.

    `accountDisabled` comes along on updates with a null old value although nobody touched it.
    """
    subject = intent.subject
    if intent.what == "create":
        return tuple(Change(key, None, value) for key, value in attributes(app, subject).items())
    if intent.what in ("disable", "enable"):
        enabling = intent.what == "enable"
        return Change("active", str(not enabling), str(enabling)), Change("accountDisabled", None, str(not enabling))
    if intent.what == "update" and isinstance(subject, Person):
        return _edit(app, subject, rng), Change("accountDisabled", None, "False")
    if intent.what == "members" and isinstance(subject, Group):
        return (Change("members", None, ", ".join(person.source_id for person in _named(intent, subject, rng))),)
    return ()


def _edit(app: App, person: Person, rng: random.Random) -> Change:
    """Returns one everyday edit of a person."""
    if app.rich:
        return Change("title", f"Junior {person.title}", person.title)
    if rng.random() < 0.5:
        return Change('emails[type eq "work"].value', f"{person.number}@example.net", person.mail or person.upn)
    return Change("name.givenName", f"{person.given[0]}.", person.given)


def _named(intent: Intent, group: Group, rng: random.Random) -> tuple[Person, ...]:
    """Returns the members a membership update speaks of: all when some are unresolved, else a few."""
    return group.members if intent.unresolved else group.members[: rng.randint(1, 4)]


def ladder(app: App, intent: Intent, target_id: str, failure: Failure | None) -> tuple[Step, ...]:
    """Returns the steps of an event in order: import, match where there is a target, scope, act or skip."""
    rungs = [_import(intent)]
    if intent.what == "create":
        rungs += [_scope(intent), _no_match(app, intent)]
    elif intent.what == "delete":
        pass
    elif target_id and intent.what != "members":
        rungs += [_match(app, intent, target_id), _scope(intent)]
    else:
        rungs += [_scope(intent)]
    return (*rungs, _act(app, intent, failure))


def _who(subject: Subject) -> str:
    """Returns how descriptions call a subject."""
    return f"{subject.kind} '{subject.upn or subject.name}'"


def _import(intent: Intent) -> Step:
    """Returns the reading of the source, or of the escrow when this is a retry."""
    subject = intent.subject
    if intent.retries:
        return _retried(intent)
    if intent.what == "delete":
        text = f"{_who(subject)} was not found in {SOURCE} any more"
        return Step("EntryImportObjectNotFound", "import", "success", text, {"objectId": subject.source_id})
    kind = "Add" if intent.what in ("create", "invalid") else "Update"
    text = f"Received {_who(subject)} change of type ({kind}) from {SOURCE}"
    return Step(f"EntryImport{kind}", "import", "success", text, _source(intent))


def _retried(intent: Intent) -> Step:
    """Returns the step that takes a subject out of the escrow."""
    subject = intent.subject
    who = f"Identifier: {subject.upn or subject.name}\r\nObject type: {subject.kind}"
    text = f"An operation that failed before is tried again.\r\n{who}"
    details = {
        "CountProcessed": str(intent.retries - 1),
        "Identifier": subject.source_id,
        "ModificationType": "Add" if intent.what == "create" else "Modify",
        "Origin": "Source",
        "TypeName": "EscrowedEntryDefault",
    }
    return Step("EntryEscrowRetry", "import", "success", text, details)


def _source(intent: Intent) -> dict[str, str]:
    """Returns the source attributes that were read."""
    subject = intent.subject
    if isinstance(subject, Group):
        return {
            "objectId": subject.source_id,
            "displayName": subject.name,
            "securityEnabled": "True",
            "IsSoftDeleted": "False",
        }
    values = {
        "objectId": subject.source_id,
        "accountEnabled": str(intent.what != "disable"),
        "displayName": subject.name,
        "givenName": subject.given,
        "surname": subject.surname,
        "mail": subject.mail,
        "userPrincipalName": subject.upn,
        "department": subject.department,
        "employeeId": subject.number,
        "IsSoftDeleted": str(intent.what == "disable"),
        "appRoleAssignments": None if intent.what == "out_of_scope" else "User",
    }
    return {key: value for key, value in values.items() if value}


def _match(app: App, intent: Intent, target_id: str) -> Step:
    """Returns the reading of the object that the target already holds."""
    who = intent.subject.upn or intent.subject.name
    return Step(
        "EntryImport",
        "matching",
        "success",
        f"Retrieved '{who}' from {app.target_system}",
        _target_attributes(app, intent) | {"id": target_id},
    )


def _target_attributes(app: App, intent: Intent) -> dict[str, str]:
    """Returns what the target held before the event."""
    values = attributes(app, intent.subject, active=intent.what != "enable")
    return {key.translate(_UNDOTTED): value for key, value in values.items()}


def _no_match(app: App, intent: Intent) -> Step:
    """Returns the look-up that ended with nothing, or, for a duplicate, with too much."""
    subject = intent.subject
    if intent.error == "DuplicateTargetEntries":
        text = f"More than one object in {app.target_system} matches {_who(subject)}"
        return Step("EntryImportByMatchingProperty", "matching", "failure", text, {"MatchCount": "2"})
    text = f"{_who(subject)} will be created in {app.target_system} (active and assigned, but without a match)"
    return Step("EntrySynchronizationAdd", "matching", "success", text, {})


def _scope(intent: Intent) -> Step:
    """Returns the scoping facts; an unassigned subject is out of scope."""
    inside = intent.what not in ("out_of_scope", "disable")
    kind = intent.subject.kind
    verdict = {"Members of this organisation.userType EQUALS 'Member'": True}
    details = {
        "Active in the source system": "True",
        "Assigned to the application": str(inside),
        f"{kind} has the required role": str(inside),
        "Scoping filter evaluation passed": "True",
        "ScopeEvaluationResult": json.dumps(verdict, separators=(",", ":")),
    }
    text = f"Determine whether {_who(intent.subject)} is in scope by evaluating each scoping filter"
    status = "skipped" if intent.what == "out_of_scope" else "success"
    return Step("EntrySynchronizationScoping", "scoping", status, text, details)


def _act(app: App, intent: Intent, failure: Failure | None) -> Step:
    """Returns the last step: the export, or the reason for leaving it out."""
    if intent.what in SKIPS:
        return _skip(intent)
    if failure and failure.code == "DuplicateTargetEntries":
        text = f"{_who(intent.subject)} was not processed because its match in {app.target_system} is ambiguous"
        return Step("EntrySynchronizationError", "processing", "failure", text, _reportable(intent))
    if intent.unresolved:
        return _partial(app, intent)
    name, verb = _EXPORTS[intent.what]
    status = "failure" if failure else "warning" if intent.warned else "success"
    text = f"{_who(intent.subject)} was {verb} in {app.target_system}"
    if failure:
        text = f"Failed to export {_who(intent.subject)}: it was not {verb} in {app.target_system}"
    elif intent.warned:
        text += ", but its manager could not be set because the manager is out of scope"
    return Step(name, "export", status, text, _exported(app, intent))


def _reportable(intent: Intent) -> dict[str, str]:
    """Returns the name under which the portal shows the subject."""
    return {"ReportableIdentifier": intent.subject.upn or intent.subject.name}


def _exported(app: App, intent: Intent) -> dict[str, str]:
    """Returns what the export sent: everything on a create, else only the name."""
    return _reportable(intent) | (_target_attributes(app, intent) if intent.what == "create" else {})


def _partial(app: App, intent: Intent) -> Step:
    """Returns the membership export in which some members were unknown to the target."""
    error = f"We were unable to assign {unresolved_names(intent)} as the members of {intent.subject.name}."
    text = f"UnableToResolveReferenceAttributeValue: {error}"
    details = _reportable(intent) | {
        "UnresolvedReferences": str(len(intent.unresolved)),
        "TargetSystem": app.target_system,
    }
    return Step("EntryExportUpdate", "export", "failure", text, details)


def _skip(intent: Intent) -> Step:
    """Returns the step that says why nothing was written."""
    why = {
        "redundant": "its state already matches in both systems",
        "out_of_scope": "it is not assigned to the application",
        "invalid": f"the required attribute {intent.lacks} has no value",
    }[intent.what]
    details = (
        {"SkipReason": SKIPS[intent.what]}
        | ({"PropertyName": intent.lacks} if intent.lacks else {})
        | _reportable(intent)
    )
    text = f"{_who(intent.subject)} was skipped because {why}"
    kind = "processing" if intent.what == "invalid" else "export"
    return Step("EntrySynchronizationSkip", kind, "skipped", text, details)


def skip_reason(intent: Intent) -> str | None:
    """Returns the reason of a skip, or None when the intent is not one."""
    return SKIPS.get(intent.what)
