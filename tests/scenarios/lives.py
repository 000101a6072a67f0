"""Draws a small world from a seed: people and groups whose lives pass through one to four jobs, and what was logged.

A life is a walk: join, change, rename, leave, return, be deleted and made anew, be held back, fail and be retried for
hours or weeks. What each step leaves behind is written in `wire.py`; how things stand is nowhere kept for the count,
which reads the files.
"""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from tests.scenarios import wire
from tests.scenarios.wire import Doc

FIRST = ["Ada", "Bo", "Cyd", "Dee", "Eve", "Fay", "Gus", "Hal", "Ivy", "Jo", "Kim", "Lou", "Max", "Nia", "Oda", "Pim"]
LAST = ["Abel", "Birch", "Cole", "Dorn", "Elm", "Frost", "Gale", "Hart", "Imre", "Jansen"]
APPS = ["Cerby", "Contoso Docs", "Fabrikam Desk", "Größe & Co", "Northwind"]
REASONS = [
    "EncounteredBaseEscrowThreshold",
    "EncounteredTotalEscrowThreshold",
    "EncounteredEscrowProportionThreshold",
    "EncounteredQuarantineException",
    "Unknown",
    "QuarantinedOnDemand",
    "TooManyDeletes",
    "IngestionInterrupted",
]
INCOMPATIBLE = "SystemForCrossDomainIdentityManagementServiceIncompatible"
ERRORS = [
    ("EntryConflict", "Conflict", "User {name} already exists", "uniqueness"),
    (INCOMPATIBLE, "BadRequest", "Value of {name} is invalid", "invalidValue"),
    ("InternalServerError", "InternalServerError", "boom", ""),
    ("TooManyRequests", "TooManyRequests", "slow down", ""),
]  # fmt: skip
People = list[tuple[str, str, str, int]]
"Id, first name, last name and number."
LADDER = [timedelta(hours=6), timedelta(hours=6), timedelta(hours=12)]
"Waits before the first, second and third retry; a day before each one after."


@dataclass
class Failure:
    """An attempt that failed and is tried again."""

    action: str
    since: datetime
    again: datetime
    error: tuple[str, str, str, str]
    times: int = 1


@dataclass
class Life:
    """A person or group in one job."""

    id: str
    kind: str
    name: str
    upn: str | None
    target: str | None = None
    account: str = "absent"
    scoped: bool = True
    title: str = "Clerk"
    members: list[str] = field(default_factory=list)
    failure: Failure | None = None

    def doc(self) -> Doc:
        """The object as a record names it."""
        return {"id": self.id, "type": self.kind, "name": self.name, "upn": self.upn, "target": self.target}


@dataclass
class World:
    """What was logged, in the order in which it happened."""

    seed: int
    events: list[Doc] = field(default_factory=list)
    statuses: list[Doc] = field(default_factory=list)
    requests: list[Doc] = field(default_factory=list)


def draw(seed: int) -> World:
    """Draws the world of a seed."""
    dice = Random(seed)
    world = World(seed)
    begins = datetime(2025, 11, 3, tzinfo=UTC) + timedelta(days=dice.randrange(90), minutes=dice.randrange(1440))
    tenants = [guid(dice) for _ in range(1 if dice.random() < 0.4 else 2)]
    people = [(guid(dice), dice.choice(FIRST), dice.choice(LAST), number) for number in range(9)]
    apps = dice.sample(APPS, 3)
    weeks = dice.random() < 0.3
    for tenant in tenants:
        for app in apps[: dice.choice([1, 1, 2])]:
            app_id = guid(dice)
            prefix = dice.choice(["scim", app.split()[0].lower().replace("ö", "o").replace("ß", "ss")])
            job = {
                "tenant": tenant, "app": app, "app_id": app_id, "connector": dice.choice([app, "customappsso"]),
                "id": f"{prefix}.{tenant.replace('-', '')}.{guid(dice)}", "threshold": dice.choice([5, 500]),
                "mount": dice.choice(["v1", "api", f"apps/{len(world.statuses)}"]), "schedule": "Active",
                "skew": dice.choice([0, 0, -47, 33, 90]), "heard": dice.random() < 0.7, "asked": dice.random() < 0.75,
            }  # fmt: skip
            Job(dice, world, job, begins, weeks, people).walk()
    if dice.random() < 0.3:
        # The log begins in the middle: what was before it is kept by nobody.
        moments = sorted(one["activityDateTime"] for one in world.events)
        cut = moments[len(moments) // 3]
        world.events = [one for one in world.events if one["activityDateTime"] >= cut]
    return world


def guid(dice: Random) -> str:
    """Draws an id."""
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))


class Job:
    """One job's cycles, and everyone in them."""

    def __init__(self, dice: Random, world: World, job: Doc, begins: datetime, weeks: bool, people: People) -> None:
        self.dice, self.world, self.job = dice, world, job
        self.at = self.began = begins + timedelta(minutes=dice.randrange(40))
        self.weeks = weeks
        self.cycle = ""
        self.exported = 0
        self.failed = 0
        self.steady: datetime | None = None
        self.quarantine: Doc | None = None
        mail = dice.choice(["example.com", "corp.example", "example.org"])
        self.lives = [
            Life(ident, "User", f"{first} {last}", f"{first}.{last}{number}@{mail}".lower())
            for ident, first, last, number in dice.sample(people, dice.randrange(4, 8))
        ]
        self.lives += [Life(guid(dice), "Group", f"Team {n}", None) for n in range(dice.randrange(3))]
        for life in self.lives:
            life.scoped = dice.random() < 0.85

    def walk(self) -> None:
        """Goes through the job's cycles."""
        dice = self.dice
        for _ in range(dice.randrange(10, 19)):
            self.cycle, self.exported, self.failed = guid(dice), 0, 0
            began = self.at
            if self.quarantine is None or dice.random() < 0.4:
                for life in dice.sample(self.lives, len(self.lives)):
                    if dice.random() < (0.75 if life.failure else 0.45):
                        self.act(life)
            ended = self.at + timedelta(seconds=dice.randrange(2, 50))
            if self.job["asked"] and dice.random() < 0.7:
                self.ask(began, ended)
            waits = [1, 1, 2, 5, 30] if not self.weeks else [5, 30, 36, 60, 110]
            self.at = self.began = began + timedelta(minutes=40) * dice.choice(waits)
            if self.job["heard"] and dice.random() < 0.3:
                self.hear("GET", f'/Users?filter=userName+eq+"{guid(dice)}"'.replace('"', "%22"), 200, None, listed([]))

    def ask(self, began: datetime, ended: datetime) -> None:
        """Asks Graph for the job's status a while after the run."""
        dice = self.dice
        asked = ended + timedelta(seconds=dice.randrange(60, 900))
        failing = sum(1 for life in self.lives if life.failure)
        if self.quarantine is None and dice.random() < 0.12:
            self.quarantine = {
                "currentBegan": wire.stamp(ended), "seriesBegan": wire.stamp(ended), "seriesCount": 1,
                "nextAttempt": wire.stamp(ended + timedelta(hours=6)), "reason": dice.choice(REASONS), "error": None,
            }  # fmt: skip
        elif self.quarantine is not None and dice.random() < 0.35:
            self.quarantine = None
        elif self.quarantine is not None:
            again = {"seriesCount": self.quarantine["seriesCount"] + 1, "currentBegan": wire.stamp(ended)}
            self.quarantine = self.quarantine | again | {"nextAttempt": wire.stamp(ended + timedelta(hours=12))}
            if dice.random() < 0.3:
                self.quarantine["reason"] = dice.choice(REASONS)
        if self.steady is None and dice.random() < 0.6:
            self.steady = ended
        state = "EntryLevelErrors" if self.failed else "Succeeded"
        last = wire.run(state, began - timedelta(seconds=1), ended, failing, self.exported)
        code = "Quarantine" if self.quarantine else "Active"
        self.world.statuses.append(wire.job_status(self.job, asked, code, last, self.steady, self.quarantine))

    def act(self, life: Life) -> None:
        """Lets one thing happen to an object in this cycle."""
        if life.failure:
            self.retry(life, life.failure)
        elif life.kind == "Group":
            self.group(life)
        elif life.account in ("absent", "deleted"):
            self.join(life)
        elif life.account == "disabled":
            self.gone(life)
        else:
            self.stay(life)

    def join(self, life: Life) -> None:
        """Somebody without an account: comes in, is held back, or is not meant to."""
        luck = self.dice.random()
        if not life.scoped and luck < 0.7:
            self.out_of_scope(life)
            return
        life.scoped = True
        if luck < 0.12:
            missing = self.dice.choice(["name.familyName", 'emails[type eq "work"].value'])
            self.skip(life, "create", {"SkipReason": "AttributeValidationFailed", "PropertyName": missing})
        elif luck < 0.16:
            self.skip(life, "create", {"SkipReason": self.dice.choice(["ImportSkipped", "SomethingNew"])})
        else:
            self.attempt(life, "create", fails=0.2)

    def stay(self, life: Life) -> None:
        """Somebody with an account in use."""
        luck, dice = self.dice.random(), self.dice
        if not life.scoped:
            # Unassigned, and nothing was ever asked of the app.
            life.scoped = luck < 0.4
            self.skip(life, "other", {"SkipReason": "RedundantExport"}) if life.scoped else self.out_of_scope(life)
        elif luck < 0.2:
            self.skip(life, "other", {"SkipReason": "RedundantExport"})
        elif luck < 0.25:
            self.skip(life, "update", {"SkipReason": "AttributeValidationFailed", "PropertyName": "name.givenName"})
        elif luck < 0.29:
            self.log(life, "update", "success", [wire.change("title", life.title, life.title)])
        elif luck < 0.34:
            life.scoped = False
            self.out_of_scope(life)
        elif luck < 0.38:
            self.log(life, "stagedDelete", "success", [])
        elif luck < 0.5:
            life.scoped = False
            self.attempt(life, "disable", fails=0.3)
        elif luck < 0.58:
            life.scoped = False
            self.attempt(life, "delete", fails=0.2)
        elif luck < 0.68:
            self.rename(life)
        else:
            self.attempt(life, "update", fails=0.25, warns=dice.random() < 0.15)

    def gone(self, life: Life) -> None:
        """Somebody whose account is switched off."""
        luck = self.dice.random()
        if luck < 0.4:
            self.out_of_scope(life)
        elif luck < 0.5:
            self.skip(life, "other", {"SkipReason": "RedundantExport"}, wire.scoping(assigned=life.scoped))
        elif luck < 0.65:
            self.attempt(life, "delete", fails=0.2)
        else:
            life.scoped = True
            self.attempt(life, "enable", fails=0.15)

    def group(self, life: Life) -> None:
        """A group: made, filled, emptied."""
        dice = self.dice
        people = [one for one in self.lives if one.kind == "User" and one.target]
        if life.account != "active":
            self.attempt(life, "create", fails=0.2)
        elif people and dice.random() < 0.7:
            who = dice.choice(people)
            self.attempt(life, "remove" if who.id in life.members else "add", fails=0.15, member=who)
        else:
            self.skip(life, "other", {"SkipReason": "RedundantExport"})

    def retry(self, life: Life, failure: Failure) -> None:
        """Tries again what failed, when its time has come; or the wish is taken back."""
        luck = self.dice.random()
        if failure.action == "disable" and luck < 0.15:
            life.scoped, life.failure = True, None
            self.attempt(life, "update", fails=0)
        elif failure.action in ("create", "update") and life.kind == "User" and luck < 0.08:
            life.scoped, life.failure = False, None
            self.out_of_scope(life)
        elif failure.action == "disable" and luck < 0.3:
            self.out_of_scope(life)
        elif failure.action == "update" and luck < 0.2:
            life.failure = None
            self.skip(life, "other", {"SkipReason": "RedundantExport"})
        elif failure.action == "update" and luck < 0.28:
            # Left out for want of an attribute: what failed before stays open.
            self.skip(life, "update", {"SkipReason": "AttributeValidationFailed", "PropertyName": "name.givenName"})
        elif self.at >= failure.again:
            self.attempt(life, failure.action, fails=0.6)

    def attempt(self, life: Life, what: str, fails: float, warns: bool = False, member: Life | None = None) -> None:
        """Tries to write something to the app, which takes it or does not."""
        action = "update" if what in ("enable", "add", "remove") else what
        changes = self.changes(life, what, member)
        if self.dice.random() < fails:
            if member:
                error = wire.failure("UnableToResolveReferenceAttributeValue", "BadRequest", "no such member", 0, None)
                self.failed += 1
                self.log(life, action, "failure", changes, error)
            else:
                self.fail(life, what, action, changes)
            return
        if what == "create":
            life.target, life.account = f"acc-{self.dice.getrandbits(32):08x}", "active"
        life.account = {"disable": "disabled", "delete": "deleted", "enable": "active"}.get(what, life.account)
        if what == "update":
            life.title = str(changes[0]["newValue"])
        if member:
            life.members.append(member.id) if what == "add" else life.members.remove(member.id)
        retry, life.failure = life.failure, None
        self.exported += 1
        self.log(life, action, "warning" if warns else "success", changes, retry=retry)
        self.carry(life, what, 201 if what == "create" else 204, member)

    def fail(self, life: Life, what: str, action: str, changes: list[Doc]) -> None:
        """Lets an attempt fail, which Entra will repeat."""
        failure = life.failure
        if failure is None:
            error = self.dice.choice(ERRORS)
            failure = life.failure = Failure(what, self.at, self.at + LADDER[0], error)
        else:
            failure.times += 1
            failure.again = self.at + (LADDER[failure.times - 1] if failure.times <= 3 else timedelta(days=1))
        code, word, detail, scim_type = failure.error
        error_doc = wire.failure(code, word, detail.format(name=life.name), failure.times - 1, failure.again, scim_type)
        self.failed += 1
        self.log(life, action, "failure", changes, error_doc, retry=failure if failure.times > 1 else None)
        if failure.times == 1:
            failure.since = self.at
        status = {"Conflict": 409, "BadRequest": 400, "InternalServerError": 500, "TooManyRequests": 429}[word]
        self.carry(life, what, status, None)

    def rename(self, life: Life) -> None:
        """Marries somebody."""
        old, first = life.upn, life.name.split()[0]
        last = self.dice.choice(LAST)
        life.name, life.upn = f"{first} {last}", f"{first}.{last}-{self.dice.randrange(100)}@example.net".lower()
        self.exported += 1
        self.log(life, "update", "success", [wire.change("userName", old, life.upn)])
        self.carry(life, "update", 204, None)

    def changes(self, life: Life, what: str, member: Life | None) -> list[Doc]:
        """Writes what an attempt alters."""
        if what == "create" and life.kind == "Group":
            return [wire.change("displayName", None, life.name)]
        if what == "create":
            first, last = life.name.split()
            values = {"userName": life.upn, 'emails[type eq "work"].value': life.upn, "active": "True"}
            values |= {"name.givenName": first, "name.familyName": last, "externalId": life.id}
            return [wire.change(name, None, value) for name, value in values.items()]
        if what in ("disable", "enable"):
            was, becomes = ("True", "False") if what == "disable" else ("False", "True")
            return [wire.change("active", was, becomes)]
        if member:
            pair = (None, member.id) if what == "add" else (member.id, None)
            return [wire.change("members", *pair)]
        return (
            [] if what == "delete" else [wire.change("title", life.title, self.dice.choice(["Lead", "Chief", "Aide"]))]
        )

    def out_of_scope(self, life: Life) -> None:
        """Skips somebody who is not meant to be in the app."""
        why = self.dice.choice(["assigned", "active", "role", "filter"])
        named = self.dice.random() < 0.85
        self.skip(
            life, "other", {"SkipReason": "NotEffectivelyEntitled"} if named else {}, wire.scoping(**{why: False})
        )

    def skip(self, life: Life, action: str, details: Doc, scoping: Doc | None = None) -> None:
        """Logs that nothing was written."""
        scoping = scoping or wire.scoping()
        if not details:
            scoping = scoping | {"status": "skipped"}
        last = wire.step("EntrySynchronizationSkip", "export", "skipped", details)
        steps = [wire.step("EntryImportUpdate", "import", "success", {"objectId": life.id}), scoping, last]
        self.write(life, action, "skipped", steps, [], None)

    def log(self, life: Life, action: str, status: str, changes: list[Doc], error: Doc | None = None,
            retry: Failure | None = None) -> None:  # fmt: skip
        """Logs an attempt with its steps."""
        steps = []
        if retry:
            told = {
                "CreationTime": wire.stamp(retry.since), "NextAttempt": retry.again.strftime("%-m/%-d/%Y %-I:%M:%S %p"),
                "CountProcessed": "0", "TypeName": "EscrowedEntryDefault",
            }  # fmt: skip
            steps.append(wire.step("EntryEscrowRetry", "import", "success", told))
        steps.append(wire.step("EntryImportUpdate", "import", "success", {"objectId": life.id}))
        leaves = action in ("disable", "delete", "stagedDelete")
        steps.append(wire.scoping(**({"assigned": False} if leaves else {})))
        steps.append(wire.step("EntryImportByMatchingProperty", "matching", "success"))
        steps.append(wire.step(wire.EXPORT[action], "export", status, {"ReportableIdentifier": life.upn or life.name}))
        self.write(life, action, status, steps, changes, error)

    def write(
        self, life: Life, action: str, status: str, steps: list[Doc], changes: list[Doc], error: Doc | None
    ) -> None:
        """Adds an event; no two of one job share a second."""
        self.at += timedelta(seconds=self.dice.randrange(1, 9))
        ids = guid(self.dice), guid(self.dice)
        doc = wire.event(self.job, self.cycle, self.at, *ids, action, status, life.doc(), steps, changes, error)
        self.world.events.append(doc)

    def carry(self, life: Life, what: str, status: int, member: Life | None) -> None:
        """Lets the app's own log have the requests of an attempt."""
        if not self.job["heard"]:
            return
        kind = f"{life.kind}s"
        answer = None if status < 300 else {"detail": "no", "status": str(status)}
        if what == "create":
            found = f"/{kind}?filter=userName+eq+%22{life.upn or life.name}%22".replace(" ", "+")
            self.hear("GET", found, 200, None, listed([]))
            made = answer or {"id": life.target, "userName": life.upn, "active": True}
            self.hear("POST", f"/{kind}", status, {"userName": life.upn or life.name, "externalId": life.id}, made)
        elif what == "delete":
            self.hear("DELETE", f"/{kind}/{life.target}", status, None, answer)
        else:
            operation: Doc = {"op": "Replace", "path": "title", "value": life.title}
            if what in ("disable", "enable"):
                operation = {"op": "Replace", "path": "active", "value": str(what == "enable")}
            if member:
                operation = {"op": what.capitalize(), "path": "members", "value": [{"value": member.target}]}
            body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}
            self.hear("PATCH", f"/{kind}/{life.target}", status, body, answer)

    def hear(self, method: str, path: str, status: int, body: Doc | None, answer: Doc | None) -> None:
        """Adds a request by the app's own clock."""
        at = self.at + timedelta(seconds=self.job["skew"], milliseconds=self.dice.randrange(900))
        self.world.requests.append(wire.request(self.job, at, guid(self.dice), method, path, status, body, answer))


def listed(found: list[Doc]) -> Doc:
    """Writes a SCIM list."""
    schema = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
    return {"schemas": [schema], "totalResults": len(found), "Resources": found}
