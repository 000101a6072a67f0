"""Reads which messages go where: the routes of the file that PROVISIONING_NOTIFY names.

The file need hold no secret: `${NAME}` in a URL stands for an environment variable, which is read when it is sent to.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from pipeline.config.errors import RoutesError
from pipeline.config.settings import Settings
from pipeline.config.toml_file import TomlFile, read_toml
from pipeline.notify.quiet_hours import Digest, QuietHours, Severity, Table

EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
VARIABLE = re.compile(r"\$\{(\w+)\}")
OWN_HOSTS = ("json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos")
"Schemes whose host is no secret; in others it may be a token."


def several(seen: object) -> object:
    """Takes one text as a list of one."""
    return [seen] if isinstance(seen, str) else seen


Texts = Annotated[tuple[str, ...], BeforeValidator(several)]


@dataclass(frozen=True)
class Destination:
    """One place to send to."""

    address: str
    "What it is called wherever it is written down: without secrets."
    target: str
    "An e-mail address, or a URL for apprise, as the file spells it."

    @property
    def is_email(self) -> bool:
        """Whether it is reached through [smtp]."""
        return "://" not in self.target and not VARIABLE.search(self.target)


class Route(Table):
    """Which changes go where, and when."""

    name: str = ""
    apps: Annotated[tuple[str, ...] | None, BeforeValidator(several)] = None
    "Apps by name; all, and what is of no app, when left out."
    severities: Annotated[tuple[Severity, ...], BeforeValidator(several)] = ("critical", "warning")
    email: Texts = ()
    to: Texts = ()
    "URLs as apprise spells them."
    default: bool = False
    "Whether it only takes what no other route takes."
    quiet_hours: QuietHours | None = None
    group_within: int = Field(0, ge=0, le=86_400)
    "Seconds that a message waits for others to go with."
    group_above: int = Field(5, ge=1)
    "More messages than that, due at once, become one that lists them."
    digest: Digest | None = None

    @field_validator("email")
    @classmethod
    def addresses(cls, email: tuple[str, ...]) -> tuple[str, ...]:
        """Refuses what is no e-mail address."""
        for one in email:
            if not EMAIL.fullmatch(one):
                raise ValueError(f"{one!r} is no e-mail address; one such as it@example.com was expected")
        return email

    @field_validator("to")
    @classmethod
    def urls(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        """Refuses what is no URL."""
        for one in to:
            if "://" in one or VARIABLE.fullmatch(one):
                continue
            if EMAIL.fullmatch(one):
                raise ValueError(f'{one!r} is an e-mail address; give email = "{one}"')
            raise ValueError("a URL such as jsons://hooks.example.com/path, or ${NAME}, was expected")
        return to

    @field_validator("digest", mode="before")
    @classmethod
    def briefly(cls, digest: object) -> object:
        """Takes "daily" as a table."""
        return {"every": digest} if isinstance(digest, str) else digest

    @model_validator(mode="after")
    def reaches(self) -> "Route":
        """Refuses a route to nowhere."""
        if not self.email and not self.to:
            raise ValueError("it leads nowhere; give email, an address, or to, URLs")
        return self

    @property
    def destinations(self) -> list[Destination]:
        """Returns where it leads."""
        return [Destination(one, one) for one in self.email] + [Destination(public_name(one), one) for one in self.to]

    def takes(self, app: str | None, severity: str) -> bool:
        """Whether it is for incidents of an app and severity."""
        return severity in self.severities and (self.apps is None or app in self.apps)

    def free_at(self, at: datetime, severity: str) -> datetime:
        """Returns the first instant from `at` on when a message of a severity may go out."""
        quiet = self.quiet_hours
        return at if quiet is None or severity in quiet.but else quiet.end(at) or at


class Smtp(Table):
    """The server that takes e-mail."""

    host: str
    port: int | None = Field(None, ge=1, le=65_535)
    user: str = ""
    password_env: str = ""
    "The environment variable that holds the password."
    sender: str = Field(alias="from")
    tls: Literal["starttls", "tls", "none"] = "starttls"
    ca: Path | None = None
    "Certificates to trust beside the usual ones."
    timeout: int = Field(20, ge=1, le=300)
    "Seconds to wait for each of the server's answers."

    @field_validator("sender")
    @classmethod
    def an_address(cls, sender: str) -> str:
        """Refuses a sender without an address."""
        if not EMAIL.fullmatch(parseaddr(sender)[1]) or not sender.isprintable():
            raise ValueError('an address such as "Provisioning <observatory@example.com>" was expected')
        return sender


class Written(Table):
    """The whole file."""

    email: Texts = ()
    "Who gets what no route takes; enough where one address gets everything."
    smtp: Smtp | None = None
    give_up_after_days: int = Field(3, ge=1)
    route: dict[str, Route] = Field(default_factory=dict)


@dataclass(frozen=True)
class Routes:
    """All routes, and what sending needs to know beside them."""

    routes: tuple[Route, ...] = ()
    smtp: Smtp | None = None
    give_up_after: timedelta = timedelta(days=3)
    dashboard_url: str = ""

    def taking(self, apps: Collection[str | None], severity: str) -> list[Route]:
        """Returns the routes for an incident of some apps: those made for it, else the default ones."""
        fitting = [one for one in self.routes if any(one.takes(app, severity) for app in apps)]
        return [one for one in fitting if not one.default] or fitting

    def find(self, name: str) -> Route:
        """Returns one route; raises RoutesError with those there are."""
        for one in self.routes:
            if one.name == name:
                return one
        names = ", ".join(one.name for one in self.routes)
        raise RoutesError(f"There is no route '{name}'; there are {names or 'none'}.")


def public_name(url: str) -> str:
    """Names a URL without the secrets in it; its digest distinguishes two of a kind.

    >>> public_name("slack://TokenA/TokenB/TokenC"), public_name("json://hooks.example.com/a?token=b")
    ('slack 0f4a4e6d', 'json hooks.example.com 8b955235')
    """
    scheme, _, rest = url.partition("://")
    host = re.split(r"[/?]", rest)[0].rpartition("@")[2] if scheme in OWN_HOSTS else ""
    words = ("from the environment" if VARIABLE.fullmatch(url) else scheme, host, sha256(url.encode()).hexdigest()[:8])
    return " ".join(word for word in words if word)


def read_routes(settings: Settings) -> Routes:
    """Reads the routes; none when PROVISIONING_NOTIFY is unset.

    Raises RoutesError with file, line, what was seen and what was expected.
    """
    file = settings.notify
    if file is None:
        return Routes(dashboard_url=settings.dashboard_url)
    toml = read_toml(file, RoutesError, "PROVISIONING_NOTIFY must name a file")
    try:
        written = Written(**toml.tables)
    except ValidationError as error:
        raise RoutesError(complaint(toml, error)) from None
    routes = routes_of(file, written)
    return Routes(routes, written.smtp, timedelta(days=written.give_up_after_days), settings.dashboard_url.rstrip("/"))


def routes_of(file: Path, written: Written) -> tuple[Route, ...]:
    """Returns the file's routes under their names; the plain address is a default route."""
    named = [route.model_copy(update={"name": name}) for name, route in written.route.items()]
    plain = (
        [Route.model_validate({"name": "default", "email": written.email, "default": True})] if written.email else []
    )
    routes = (*named, *plain)
    if len({one.name for one in routes}) < len(routes):
        raise RoutesError(f"{file}: [route.default] and email both make the route 'default'; give one another name.")
    if not routes:
        raise RoutesError(f"{file}: it has no receiver; give email, an address, or a table such as [route.cerby].")
    if written.smtp is None and any(one.email for one in routes):
        raise RoutesError(f"{file}: email is given and [smtp] is missing; name the server that takes it.")
    return routes


def complaint(toml: TomlFile, error: ValidationError) -> str:
    """Describes what is wrong with one key, after its file and line."""
    # A misspelled key is the likelier cause of one that is missing.
    fault = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    path = [str(part) for part in fault["loc"] if isinstance(part, str)]
    depth = 2 if path[0] == "route" else 1 if path[0] == "smtp" else 0
    table, keys = ".".join(path[:depth]), path[depth:]
    where = f" in [{table}]" if table else ""
    return f"{toml.place(*path)}: {sentence('.'.join(keys), where, fault)}"


def sentence(key: str, where: str, fault: Any) -> str:
    """Describes what was seen and what was expected."""
    expected = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        return f"{key}{where} is no setting of a route or its server; docs/notifications.md lists them."
    if fault["type"] == "missing":
        return f"{key}{where} is missing."
    if expected.startswith("Input should be "):
        expected = expected.removeprefix("Input should be ").replace("valid dictionary", "table") + " was expected"
    elif not key or key == "to":
        # What stands in `to` may hold secrets.
        return f"{key}{where if key else where.removeprefix(' in ')}: {expected}."
    return f"{key or where.removeprefix(' in ')}{where if key else ''} is {fault['input']!r}; {expected}."
