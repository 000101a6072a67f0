"""What is known of the target apps, and a job's mappings held against it."""

from pathlib import Path
from typing import Any

import pytest

from demo.schemas import cerby_schema
from pipeline.collect.graph.configuration import mappings_of
from pipeline.config.errors import ProfileError
from pipeline.config.settings import Settings
from pipeline.ingest.records.schema import Schema
from pipeline.knowledge.app_profiles import (
    Applies,
    Attribute,
    Profile,
    Target,
    Token,
    check,
    profile_of,
    read_profile,
    read_profiles,
)

FILE = Path(__file__).parents[2] / "profiles" / "cerby.toml"
CERBY = read_profile(FILE)
SMALL = """
name = "Zoom"
source = "nowhere"
[applies_to]
apps = ["Zoom"]
[token]
self_service = true
lead_days = 0
[attributes.user]
userName = { type = "String", required = true }
'emails[type eq "work"].value' = { type = "String" }
"""


def mapped(**how: Any) -> list[dict[str, Any]]:
    """Gives the mappings of a Cerby job, as they are kept."""
    return list(mappings_of(Schema.model_validate(cerby_schema(**how))))


def profile_findings(**how: Any) -> list[tuple[str, str]]:
    """Checks mappings against the profile and returns each finding's kind and attribute."""
    return [(finding.kind, finding.attribute) for finding in check(CERBY, mapped(**how))]


def test_cerbys_profile_is_that_of_the_tutorials_tables() -> None:
    users, groups = CERBY.attributes["user"], CERBY.attributes["group"]
    required = {name for name, attribute in users.items() if attribute.required}
    assert required == {"userName", 'emails[type eq "work"].value', "active", "name.givenName", "name.familyName"}
    assert {name for name, attribute in users.items() if attribute.filterable} == {
        "userName",
        'emails[type eq "work"].value',
    }
    assert [name for name, attribute in groups.items() if attribute.required and attribute.filterable] == [
        "displayName"
    ]
    assert (CERBY.target.base_url, CERBY.target.cycle_minutes) == ("https://api.cerby.com/v1/scim/v2", 40)
    assert CERBY.token is not None and not CERBY.token.self_service and CERBY.token.lead_is_assumed


def test_the_shipped_profiles_are_read_from_the_folder_of_the_setting(settings: Settings) -> None:
    assert "Cerby" in [profile.name for profile in read_profiles(settings)]


@pytest.mark.parametrize(
    "app, template, host, found",
    [
        ("Cerby", None, None, True),
        ("cerby (production)", "scim", None, True),
        ("Password vault", "scim", "api.cerby.com", True),
        ("Cerbyra", None, None, False),
        ("Zoom", None, "api.zoom.example.com", False),
        (None, None, None, False),
    ],
)
def test_a_profile_is_found_by_host_or_by_a_word_of_the_apps_name(
    app: str | None, template: str | None, host: str | None, found: bool
) -> None:
    assert (profile_of([CERBY], app, template, host) is CERBY) == found


def test_a_template_wins_over_a_name() -> None:
    other = CERBY.model_copy(
        update={"name": "Other", "applies_to": CERBY.applies_to.model_copy(update={"templates": ("other",)})}
    )
    found = profile_of([CERBY, other], "Cerby", "other")
    assert found is other


def test_the_usual_mappings_are_fine() -> None:
    assert profile_findings() == []


def test_a_required_attribute_without_a_mapping_is_named_with_what_to_do() -> None:
    [finding] = check(CERBY, mapped(without=["name.familyName"]))
    assert (finding.kind, finding.attribute, finding.grave) == ("unmapped", "name.familyName", True)
    assert finding.text == "Cerby requires name.familyName of every person, and nothing is mapped to it."
    assert "map an attribute that every person has" in finding.remedy


def test_a_matching_attribute_that_cannot_be_searched_by_is_named_with_those_that_can() -> None:
    [finding] = check(CERBY, mapped(matched_by="externalId"))
    assert finding.text == "Users are matched by externalId, which Cerby cannot search by."
    assert 'match by userName or emails[type eq "work"].value instead' in finding.remedy


def test_a_matching_attribute_that_nobody_published_is_doubtful_and_not_grave() -> None:
    rows = [
        row | {"target_attribute": "nickName"} if row["target_attribute"] == "externalId" else row
        for row in mapped(matched_by="externalId")
    ]
    [finding] = [each for each in check(CERBY, rows) if each.attribute == "nickName"]
    assert "is not published" in finding.text and not finding.grave


def test_objects_that_nothing_matches_are_said() -> None:
    assert profile_findings(matched_by="nothing") == [("unmatched", "")]


def test_a_kind_of_object_that_is_switched_off_is_told_after_what_is_grave() -> None:
    assert profile_findings(groups=False, without=["active"]) == [("unmapped", "active"), ("not_provisioned", "")]


def test_spelling_does_not_make_an_attribute_missing() -> None:
    rows = [row | {"target_attribute": str(row["target_attribute"]).upper().replace('"', "'")} for row in mapped()]
    assert check(CERBY, rows) == []


def broken(tmp_path: Path, was: str, now: str) -> str:
    """Gives the complaint about a small profile in which something was changed."""
    file = tmp_path / "zoom.toml"
    assert was in SMALL
    file.write_text(SMALL.replace(was, now))
    with pytest.raises(ProfileError) as caught:
        read_profile(file)
    return str(caught.value).removeprefix(f"{file}")


def test_a_small_profile_will_do(tmp_path: Path) -> None:
    file = tmp_path / "zoom.toml"
    file.write_text(SMALL)
    assert isinstance(read_profile(file), Profile)


@pytest.mark.parametrize(
    "was, now, complaint",
    [
        ("lead_days = 0", 'lead_days = "soon"', ":8: token.lead_days is 'soon'; "),
        ("lead_days = 0", "lead_dais = 0", ":6: token.lead_days is missing; see README.md beside it."),
        ('name = "Zoom"\n', 'name = "Zoom"\nnme = 1\n', ":3: nme is no key of a profile; did you mean name?"),
        (
            "self_service = true",
            "self_service = true\nsuport = 'x'",
            ":8: token.suport is no key of a profile; did you mean support?",
        ),
        (
            '{ type = "String", required = true }',
            '{ type = "String", required = 7 }',
            ":10: attributes.user.userName.required is 7; ",
        ),
        (
            'value\' = { type = "String" }',
            "value' = { }",
            ':11: attributes.user.emails[type eq "work"].value.type is missing; ',
        ),
        ("[attributes.user]", "[attributes.people]", ":9: attributes.people is "),
        ("[token]", "[token", " is no TOML: "),
    ],
)
def test_a_mistake_in_a_profile_is_told_with_its_line(tmp_path: Path, was: str, now: str, complaint: str) -> None:
    assert broken(tmp_path, was, now).startswith(complaint)


def test_a_folder_that_is_not_there_is_a_sentence(settings: Settings, tmp_path: Path) -> None:
    nowhere = settings.model_copy(update={"profiles": tmp_path / "none"})
    with pytest.raises(ProfileError, match="is no folder; PROVISIONING_PROFILES must name one"):
        read_profiles(nowhere)


def test_the_readme_describes_every_key_of_a_profile() -> None:
    described = (FILE.parent / "README.md").read_text()
    for name, model in (("applies_to", Applies), ("target", Target), ("token", Token)):
        for key in model.model_fields:
            assert f"`{name}.{key}`" in described, key
    for key in ("name", "source", "attributes.user", "attributes.group", *Attribute.model_fields):
        assert f"`{key}`" in described, key


def test_an_endpoint_at_another_host_is_said_and_not_grave() -> None:
    [finding] = check(CERBY, mapped(), "scim.example.com")
    assert (finding.kind, finding.grave) == ("other_host", False)
    assert "Its endpoint is at scim.example.com" in finding.text
    assert check(CERBY, mapped(), "API.cerby.com") == []
