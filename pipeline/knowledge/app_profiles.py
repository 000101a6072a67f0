"""What is known of each target app: its attributes, its cycle and how long a new token takes, from profiles/*.toml.

A job's configuration is held against the profile of its app here, so that pages and rules say the same.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.config.errors import ProfileError
from pipeline.config.settings import Settings
from pipeline.config.toml_file import read_toml

Kind = Literal["user", "group"]
OBJECTS: dict[Kind, str] = {"user": "person", "group": "group"}
Told = dict[str, Any]


class Strict(BaseModel):
    """A table whose every key is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Applies(Strict):
    """Which jobs a profile is about."""

    apps: tuple[str, ...] = Field(min_length=1)
    hosts: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()


class Target(Strict):
    """What is published of the app's SCIM endpoint."""

    base_url: str = ""
    cycle_minutes: int | None = Field(default=None, ge=1)


class Token(Strict):
    """How a new token is had."""

    self_service: bool
    lead_days: int = Field(ge=0)
    "From asking for a new token to having it in Entra."
    lead_is_assumed: bool = False
    "Whether that figure is ours, since none is published."
    who: str = ""
    support: str = ""
    how: tuple[str, ...] = ()


class Attribute(Strict):
    """One attribute of the target."""

    type: str
    required: bool = False
    "Whether the app refuses an object without it."
    filterable: bool = False
    "Whether the app can search by it, so that it may be a matching attribute."
    note: str = ""


class Profile(Strict):
    """What is known of one app."""

    name: str
    source: str
    applies_to: Applies
    target: Target = Target()
    token: Token | None = None
    attributes: dict[Kind, dict[str, Attribute]] = {}


@dataclass(frozen=True)
class Finding:
    """One thing in a job's configuration that its app's profile speaks against."""

    kind: Literal["unmapped", "unsearchable", "unmatched", "elsewhere", "untold"]
    attribute: str
    said: str
    remedy: str
    grave: bool = True
    "Whether provisioning fails by it, or may."


def read_profiles(settings: Settings) -> list[Profile]:
    """Gives every profile, by file name. Raises ProfileError with file, line and key for one that cannot be used."""
    folder = settings.profiles
    if not folder.is_dir():
        raise ProfileError(f"{folder} is no folder; PROVISIONING_PROFILES must name one that holds profiles/*.toml.")
    return [read_profile(file) for file in sorted(folder.glob("*.toml"))]


def read_profile(file: Path) -> Profile:
    """Reads one file."""
    toml = read_toml(file, ProfileError)
    try:
        return Profile.model_validate(toml.tables)
    except ValidationError as error:
        fault = error.errors()[0]
        keys = [str(key) for key in fault["loc"] if key != "[key]"]
        raise ProfileError(f"{toml.place(*keys)}: {complaint(keys, fault)}") from None


def complaint(keys: Sequence[str], fault: Any) -> str:
    """Says what is wrong with one key, and the nearest right one."""
    key = ".".join(keys)
    if fault["type"] == "missing":
        return f"{key} is missing; see README.md beside it."
    if fault["type"] == "extra_forbidden":
        near = get_close_matches(keys[-1], known_keys(), 1)
        return f"{key} is no key of a profile; {f'did you mean {near[0]}?' if near else 'see README.md beside it.'}"
    return f"{key} is {fault['input']!r}; {str(fault['msg'])[0].lower()}{str(fault['msg'])[1:]}."


def known_keys() -> list[str]:
    """Gives every key that a profile may have, whatever its table."""
    return [name for model in (Profile, Applies, Target, Token, Attribute) for name in model.model_fields]


def profile_of(
    profiles: Iterable[Profile], app_name: str | None, template_id: str | None = None, host: str | None = None
) -> Profile | None:
    """Gives the profile of a job's app: known by its template, else by its host, else by a name with a word of it."""
    known = list(profiles)
    for profile in known:
        if template_id and template_id in profile.applies_to.templates:
            return profile
    for profile in known:
        if host and host.casefold() in profile.applies_to.hosts:
            return profile
    for profile in known:
        if any(re.search(rf"(?i)\b{re.escape(name)}\b", app_name or "") for name in profile.applies_to.apps):
            return profile
    return None


def kind_of(target_object: str | None) -> Kind | None:
    """Gives whether an object of the target is a user or a group.

    >>> kind_of("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")
    'user'
    """
    last = re.split(r"[:.]", target_object or "")[-1].casefold()
    return next((kind for kind in OBJECTS if last.startswith(kind)), None)


def known_as(attribute: str) -> str:
    """Gives an attribute's name without what its spelling may differ in.

    >>> known_as('Emails[type eq "work"].value') == known_as("emails[type  eq 'work'].value")
    True
    """
    return re.sub(r"\s+", " ", attribute).replace("'", '"').casefold()


def check(profile: Profile, mappings: Iterable[Told], host: str | None = None) -> list[Finding]:
    """Holds a job's mappings, rows of `configurations.mappings`, against its app's profile; the gravest comes first."""
    rows = list(mappings)
    found = elsewhere(profile, host) if host else []
    for kind, attributes in profile.attributes.items():
        mine = [row for row in rows if kind_of(row["target_object"]) == kind]
        if mine:
            found += unmapped(profile, kind, attributes, mine) + wrongly_matched(profile, kind, attributes, mine)
        elif any(attribute.required for attribute in attributes.values()):
            found.append(untold(profile, kind))
    return sorted(found, key=lambda finding: not finding.grave)


def elsewhere(profile: Profile, host: str) -> list[Finding]:
    """Finds an endpoint at another host than the published ones."""
    hosts = profile.applies_to.hosts
    if not hosts or host.casefold() in hosts:
        return []
    said = f"Its endpoint is at {host}; {profile.name}'s is published as {profile.target.base_url or hosts[0]}."
    remedy = "In Entra: Provisioning, Admin Credentials: see whether the Tenant URL is meant to be another."
    return [Finding("elsewhere", "", said, remedy, grave=False)]


def untold(profile: Profile, kind: Kind) -> Finding:
    """Says that one kind of object is not provisioned at all, which may be meant."""
    said = f"No mapping for {kind}s is switched on, so Entra provisions no {kind} to {profile.name}."
    return Finding("untold", "", said, f"Nothing, if {kind}s are not meant to be there.", grave=False)


def unmapped(profile: Profile, kind: Kind, attributes: dict[str, Attribute], rows: list[Told]) -> list[Finding]:
    """Finds required attributes that nothing is mapped to."""
    mapped = {known_as(str(row["target_attribute"])) for row in rows}
    return [
        Finding(
            "unmapped",
            name,
            f"{profile.name} requires {name} of every {OBJECTS[kind]}, and nothing is mapped to it.",
            f"In Entra: Provisioning, Mappings, the one for {kind}s: map an attribute that every {OBJECTS[kind]} has.",
        )
        for name, attribute in attributes.items()
        if attribute.required and known_as(name) not in mapped
    ]


def wrongly_matched(profile: Profile, kind: Kind, attributes: dict[str, Attribute], rows: list[Told]) -> list[Finding]:
    """Finds matching attributes that the app cannot search by, or is not known to, and a kind without any."""
    known = {known_as(name): attribute for name, attribute in attributes.items()}
    right = " or ".join(name for name, attribute in attributes.items() if attribute.filterable)
    remedy = f"In Entra: Provisioning, Mappings, the one for {kind}s: match by {right} instead."
    matching = [row for row in rows if (row["matching_priority"] or 0) > 0]
    found = []
    who = f"{kind.capitalize()}s are matched by"
    for row in matching:
        name, attribute = str(row["target_attribute"]), known.get(known_as(str(row["target_attribute"])))
        if attribute is None:
            said = f"{who} {name}; whether {profile.name} can search by it is not published."
            found.append(Finding("unsearchable", name, said, remedy, grave=False))
        elif not attribute.filterable:
            said = f"{who} {name}, which {profile.name} cannot search by."
            found.append(Finding("unsearchable", name, said, remedy))
    if not matching:
        said = f"{who} no attribute, so Entra cannot tell who is in {profile.name} already."
        found.append(Finding("unmatched", "", said, remedy.replace(" instead", "")))
    return found
