"""Who and what exists in the sample tenant: invented people, groups, and three apps with whom they are assigned to.

Every address is in a domain reserved for documentation, so no mail can ever reach a person.
"""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass

from pipeline.sample.nouns import App, Group, Person, guid

GIVEN = (
    "Ada Amara Anouk Arjun Astrid Bashir Beatriz Bo Carmen Chidi Clara Dagny Darius Elif Emeka Esme Farah Felix "
    "Fumiko Greta Hana Hugo Ines Ivar Jana Jonas Kaia Kofi Lena Leif Łucja Mateo Mei Mira Nadia Nils Noor Odd Olu "
    "Petra Priya Quentin Rafa Rosa Sami Saoirse Tariq Tove Uma Vera Viggo Wanda Xavi Yara Yusuf Zoë"
)
SURNAMES = (
    "Abara Albrecht Anker Baptiste Bergström Brandt Castellan Chowdhury Corbin Dahl Delacroix Devi Eklund Ferro "
    "Fontaine Garrick Grønbech Halloran Haruki Ibarra Ivanko Jansen Jelinek Kamara Kessler Laurent Lindqvist Lovelace "
    "Marchetti Mbeki Moreau Nakata Novák Okoro Orlando Pereira Petrosyan Quist Ramires Rasmus Sandoval Sefton Sørby "
    "Tanaka Tillman Ueda Valdés Varga Whitlock Xanthos Yilmaz Zabala"
)
TITLES = (
    "Analyst Architect Buyer Clerk Consultant Controller Designer Developer Editor Engineer Planner Recruiter Tester"
)
DEPARTMENTS = "Accounting Care Design Engineering Facilities Finance Legal Logistics Marketing People Research Sales"
PURPOSES = "Admins Approvers Contractors Editors Leads Members Readers Reviewers Visitors"


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is assigned to one app: from the start, later, or never."""

    app: App
    members: list[Person]
    joiners: list[Person]
    outsiders: list[Person]
    groups: list[Group]


@dataclass(frozen=True, slots=True)
class Directory:
    """The tenant: its people and groups, and one roster per app (Cerby, Contoso Docs, Fabrikam Desk)."""

    tenant_id: str
    workspace_id: str
    people: list[Person]
    groups: list[Group]
    rosters: list[Roster]


def build(seed: int, users: int, groups: int) -> Directory:
    """Returns the tenant of a seed.

    The first few people lack a surname and the next few lack a mail address; both kinds are assigned to Cerby.
    """
    rng = random.Random(f"directory:{seed}")
    tenant_id, workspace_id = guid(rng), guid(rng)
    people = [_person(rng, index, lacking(users)) for index in range(users)]
    teams = [_group(rng, index, people) for index in range(groups)]
    rosters = [
        _roster(rng, app, share, people, teams)
        for app, share in zip(_apps(rng, tenant_id), (0.65, 0.6, 0.5), strict=True)
    ]
    return Directory(tenant_id, workspace_id, people, teams, rosters)


def lacking(users: int) -> int:
    """Returns how many people lack a surname, and how many lack a mail address."""
    return max(2, users // 200)


def _person(rng: random.Random, index: int, lack: int) -> Person:
    """Returns one invented person; the number in the UPN keeps it unique."""
    given, surname = rng.choice(GIVEN.split()), rng.choice(SURNAMES.split())
    local = f"{_ascii(given)}.{_ascii(surname)}{index + 1}".lower()
    domain = rng.choices(("contoso.example", "example.com", "example.org"), (8, 3, 1))[0]
    return Person(
        source_id=guid(rng),
        given=given,
        surname=None if index < lack else surname,
        upn=f"{local}@{domain}",
        mail=None if lack <= index < 2 * lack else f"{local}@{domain}",
        title=rng.choice(TITLES.split()),
        department=rng.choice(DEPARTMENTS.split()),
        number=f"{100000 + index}",
    )


def _ascii(name: str) -> str:
    """Returns a name without its diacritics, as UPNs need it."""
    plain = name.replace("ø", "o").replace("Ł", "L")
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()


def _group(rng: random.Random, index: int, people: list[Person]) -> Group:
    """Returns one group of ten people, so that a part of them is easy to speak of."""
    name = f"{rng.choice(DEPARTMENTS.split())} {rng.choice(PURPOSES.split())} {index + 1}"
    return Group(guid(rng), name, tuple(rng.sample(people, 10)))


def _apps(rng: random.Random, tenant_id: str) -> list[App]:
    """Returns the three apps; their job prefixes follow the wire, except that Cerby's and Fabrikam's are invented."""
    flat = tenant_id.replace("-", "")
    rows = (
        ("Cerby", "cerby", "cerby", "Cerby", 3, False),
        ("Contoso Docs", "scim", "scim", "customappsso", 13, True),
        ("Fabrikam Desk", "fabrikamDesk", "fabrikamDesk", "Fabrikam Desk", 27, True),
    )
    return [
        App(name, guid(rng), guid(rng), tenant_id, f"{prefix}.{flat}.{guid(rng)}", template, target, minute, rich)
        for name, prefix, template, target, minute, rich in rows
    ]


def _roster(rng: random.Random, app: App, share: float, people: list[Person], groups: list[Group]) -> Roster:
    """Returns who is assigned to an app; those who lack something required always are."""
    flawed = [person for person in people if person.surname is None or person.mail is None]
    others = [person for person in people if person.surname and person.mail]
    rng.shuffle(others)
    first, later = int(len(others) * share), int(len(others) * (share + 0.15))
    return Roster(app, flawed + others[:first], others[first:later], others[later:], groups)
