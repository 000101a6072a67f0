"""Reads what is documented of each target app: attributes, cycle and the time a new token takes, from profiles/*.toml.

A job's configuration is checked against the profile of its app here, so that pages and rules agree.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.config.errors import ProfileError
from pipeline.config.settings import Settings
from pipeline.config.toml_file import read_toml

Kind = Literal["user", "group"]
OBJECTS: dict[Kind, str] = {"user": "person", "group": "group"}
Row = dict[str, Any]


class Strict(BaseModel):
    """A table that takes no other keys."""

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
    """One thing in a job's configuration that its app's profile contradicts."""

    kind: Literal["unmapped", "unsearchable", "unmatched", "other_host", "not_provisioned"]
    attribute: str
    text: str
    remedy: str
    grave: bool = True
    "Whether provisioning fails by it, or may."


def read_profiles(settings: Settings) -> list[Profile]:
    """Reads every profile, by file name. Raises ProfileError with file, line and key for one that cannot be used."""
    folder = settings.profiles
    if not folder.is_dir():
        raise ProfileError(f"{folder} is no folder; PROVISIONING_PROFILES must name one that holds profiles/*.toml.")
    return [read_profile(file) for file in sorted(folder.glob("*.toml"))]


def usable_profiles(settings: Settings) -> list[Profile]:
    """Reads every profile, each file once; none where one cannot be used, which an app's Configuration shows."""
    try:
        files = [(file, file.stat().st_mtime_ns) for file in sorted(settings.profiles.glob("*.toml"))]
        return [profile_as_of(*file) for file in files]
    except (ProfileError, OSError):
        return []


@lru_cache(maxsize=256)
def profile_as_of(file: Path, _changed: int) -> Profile:
    """Reads one file as it is since an instant, which another one ends."""
    return read_profile(file)


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
    """Describes what is wrong with one key, and the nearest right one."""
    key = ".".join(keys)
    if fault["type"] == "missing":
        return f"{key} is missing; see README.md beside it."
    if fault["type"] == "extra_forbidden":
        nearest = get_close_matches(keys[-1], profile_keys(), 1)
        hint = f"did you mean {nearest[0]}?" if nearest else "see README.md beside it."
        return f"{key} is no key of a profile; {hint}"
    return f"{key} is {fault['input']!r}; {str(fault['msg'])[0].lower()}{str(fault['msg'])[1:]}."


def profile_keys() -> list[str]:
    """Lists every key that a profile may have, whatever its table."""
    return [name for model in (Profile, Applies, Target, Token, Attribute) for name in model.model_fields]


def profile_of(
    profiles: Iterable[Profile], app_name: str | None, template_id: str | None = None, host: str | None = None
) -> Profile | None:
    """Returns the profile of a job's app: by its template, else by its host, else by a name with a word of it."""
    every = list(profiles)
    for profile in every:
        if template_id and template_id in profile.applies_to.templates:
            return profile
    for profile in every:
        if host and host.casefold() in profile.applies_to.hosts:
            return profile
    for profile in every:
        if any(re.search(rf"(?i)\b{re.escape(name)}\b", app_name or "") for name in profile.applies_to.apps):
            return profile
    return None


def kind_of(target_object: str | None) -> Kind | None:
    """Returns whether an object of the target is a user or a group.

    >>> kind_of("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")
    'user'
    """
    last = re.split(r"[:.]", target_object or "")[-1].casefold()
    return next((kind for kind in OBJECTS if last.startswith(kind)), None)


def normalised_name(attribute: str) -> str:
    """Returns an attribute's name without what its spelling may differ in.

    >>> normalised_name('Emails[type eq "work"].value') == normalised_name("emails[type  eq 'work'].value")
    True
    """
    return re.sub(r"\s+", " ", attribute).replace("'", '"').casefold()


def check(profile: Profile, mappings: Iterable[Row], host: str | None = None) -> list[Finding]:
    """Checks a job's mappings, rows of `configurations.mappings`, against its app's profile; the gravest is first."""
    rows = list(mappings)
    findings = other_host(profile, host) if host else []
    for kind, attributes in profile.attributes.items():
        of_kind = [row for row in rows if kind_of(row["target_object"]) == kind]
        if of_kind:
            findings += unmapped(profile, kind, attributes, of_kind)
            findings += matching_findings(profile, kind, attributes, of_kind)
        elif any(attribute.required for attribute in attributes.values()):
            findings.append(not_provisioned(profile, kind))
    return sorted(findings, key=lambda finding: not finding.grave)


def other_host(profile: Profile, host: str) -> list[Finding]:
    """Finds an endpoint at another host than the published ones."""
    hosts = profile.applies_to.hosts
    if not hosts or host.casefold() in hosts:
        return []
    text = f"Its endpoint is at {host}; {profile.name}'s is published as {profile.target.base_url or hosts[0]}."
    remedy = "In Entra: Provisioning, Admin Credentials: see whether the Tenant URL is meant to be another."
    return [Finding("other_host", "", text, remedy, grave=False)]


def not_provisioned(profile: Profile, kind: Kind) -> Finding:
    """Reports that one kind of object is not provisioned at all, which may be intended."""
    text = f"No mapping for {kind}s is switched on, so Entra provisions no {kind} to {profile.name}."
    return Finding("not_provisioned", "", text, f"Nothing, if {kind}s are not meant to be there.", grave=False)


def unmapped(profile: Profile, kind: Kind, attributes: dict[str, Attribute], rows: list[Row]) -> list[Finding]:
    """Finds required attributes that nothing is mapped to."""
    mapped = {normalised_name(str(row["target_attribute"])) for row in rows}
    return [
        Finding(
            "unmapped",
            name,
            f"{profile.name} requires {name} of every {OBJECTS[kind]}, and nothing is mapped to it.",
            f"In Entra: Provisioning, Mappings, the one for {kind}s: map an attribute that every {OBJECTS[kind]} has.",
        )
        for name, attribute in attributes.items()
        if attribute.required and normalised_name(name) not in mapped
    ]


def matching_findings(profile: Profile, kind: Kind, attributes: dict[str, Attribute], rows: list[Row]) -> list[Finding]:
    """Finds matching attributes that the app cannot search by, or not by documentation, and a kind without any."""
    by_name = {normalised_name(name): attribute for name, attribute in attributes.items()}
    right = " or ".join(name for name, attribute in attributes.items() if attribute.filterable)
    remedy = f"In Entra: Provisioning, Mappings, the one for {kind}s: match by {right} instead."
    matching = [row for row in rows if (row["matching_priority"] or 0) > 0]
    findings = []
    who = f"{kind.capitalize()}s are matched by"
    for row in matching:
        name, attribute = str(row["target_attribute"]), by_name.get(normalised_name(str(row["target_attribute"])))
        if attribute is None:
            text = f"{who} {name}; whether {profile.name} can search by it is not published."
            findings.append(Finding("unsearchable", name, text, remedy, grave=False))
        elif not attribute.filterable:
            text = f"{who} {name}, which {profile.name} cannot search by."
            findings.append(Finding("unsearchable", name, text, remedy))
    if not matching:
        text = f"{who} no attribute, so Entra cannot find users that are in {profile.name} already."
        findings.append(Finding("unmatched", "", text, remedy.replace(" instead", "")))
    return findings
