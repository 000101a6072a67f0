"""Tokens: when they end, by a date or by a JWT that is read once; no letter of a token is on the disk after."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from pipeline.__main__ import command_line
from pipeline.config.errors import TokenRefused
from pipeline.config.settings import Settings
from pipeline.knowledge.app_profiles import read_profiles
from pipeline.rules.catch_up import overrides_of
from pipeline.rules.token_expiry import Claims, lead_days, read_expiry, read_jwt, record_expiry
from pipeline.store.lake import Store
from tests.support.given import Given, moment
from tests.support.pages import app, healthy, table, text
from views.parts.configuration.token_terms import Term, cost_sentence, renewal_contact

SIGNATURE = "UExBTlRFRHNpZ25hdHVyZQ"
NOW, AFTER = moment(14, 11, 59), moment(14, 13)
"A minute before noon: the clock runs on while a test does."


def jwt(**claims: Any) -> str:
    """A token that says so of itself, and more that nobody must ever keep."""
    parts = [{"alg": "RS256"}, {"sub": "PLANTEDsubject", **claims}]
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*coded, SIGNATURE])


def leaks(folder: Path, token: str) -> list[str]:
    """Files below a folder that hold a part of a token, as it is or decoded."""
    pieces = [part.encode() for part in token.split(".")[1:]] + [b"PLANTEDsubject"]
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    return [str(file) for file in files for piece in pieces if piece in file.read_bytes()]


def token_ends(store: Store, at: datetime = AFTER) -> list[tuple[Any, ...]]:
    return store.rows("select app_name, expires_at, recorded_by, note from token_ends(?) order by app_name", [at])


@pytest.fixture(autouse=True)
def nearly_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the clock to Monday 2 February 2026."""
    monkeypatch.setenv("PROVISIONING_CLOCK", f"{NOW.isoformat()}Z,1,{datetime.now(UTC).isoformat()}")
    monkeypatch.delenv("PROVISIONING_TENANTS", raising=False)


def test_a_jwt_gives_its_end_and_its_beginning_and_nothing_else() -> None:
    token = jwt(exp=1798675200, iat=1767225600.5)
    told = Claims(datetime(2026, 12, 31), datetime(2026, 1, 1, 0, 0, 0, 500000))
    assert read_jwt(token) == read_jwt(f" Bearer {token}\n") == told
    assert read_jwt(jwt(exp=1798675200)).issued_at is None


@pytest.mark.parametrize(
    ("pasted", "why"),
    [
        ("PLANTEDopaque", "This is no JWT: one word of three parts"),
        ("", "This is no JWT"),
        ("a b c PLANTEDword", "This is no JWT"),
        ("PLANTED.PLANTED.PLANTED", "its parts hold no JSON"),
        ("W10.W10.PLANTED", "its parts hold no JSON"),
        ("é.PLANTED.é", "its parts hold no JSON"),
        ("e30.PLANTED.e30.e30.e30", "encrypted JWT"),
        (jwt(), "names no end: it has no exp"),
        (jwt(exp="PLANTED"), "The exp of this JWT is no number"),
        (jwt(exp=True), "The exp of this JWT is no number"),
        (jwt(exp=1798675200000), "The exp of this JWT is no instant before 2200; seconds"),
        (jwt(exp=1e300), "The exp of this JWT is no instant"),
        (jwt(exp=float("nan")), "The exp of this JWT is no instant"),
        (jwt(exp=-5), "The exp of this JWT is no instant"),
        (jwt(exp=1798675200, iat="PLANTED"), "The iat of this JWT is no number"),
    ],
)
def test_what_is_no_jwt_with_an_end_is_refused_in_a_sentence_that_repeats_nothing(pasted: str, why: str) -> None:
    with pytest.raises(TokenRefused, match=why) as refused:
        read_jwt(pasted)
    assert not any(part in str(refused.value) for part in ("PLANTED", SIGNATURE, *pasted.split(".")) if len(part) > 4)
    assert str(refused.value).endswith(".")


def test_a_date_is_read_as_utc_and_a_wrong_one_refused_without_repeating_a_token() -> None:
    assert read_expiry("2026-12-31T01:00+02:00") == datetime(2026, 12, 30, 23)
    assert read_expiry(" 2026-12-31 ") == datetime(2026, 12, 31)
    with pytest.raises(TokenRefused, match=r"'soon' is no instant; ISO 8601 was expected, such as 2026-12-31T00:00Z."):
        read_expiry("soon")
    with pytest.raises(TokenRefused, match="'1026-12-31' is no token expiry"):
        read_expiry("1026-12-31")
    with pytest.raises(TokenRefused) as refused:
        read_expiry(jwt(exp=1798675200))
    assert SIGNATURE not in str(refused.value) and "[removed]" in str(refused.value)


def test_the_newest_word_counts_the_older_ones_are_history_and_none_may_be_known_any_more(store: Store) -> None:
    record_expiry(store, "Cerby", moment(50), "Ada", moment(1))
    record_expiry(store, "Cerby", moment(60), "Bob", moment(3), "renewed")
    assert token_ends(store) == [("Cerby", moment(60), "Bob", "renewed")]
    assert token_ends(store, moment(2)) == [("Cerby", moment(50), "Ada", None)]
    assert token_ends(store, moment(0)) == [("Cerby", moment(60), "Bob", "renewed")]
    record_expiry(store, "cerby", None, None, moment(4))
    assert token_ends(store) == []
    assert store.rows("select count(*) from tokens") == [(3,)]


def test_an_app_is_named_as_the_store_spells_it_and_a_slip_is_answered_with_the_nearest(given: Given) -> None:
    given.succeeded("ada", app="Contoso Docs")
    store = given.stored()
    assert record_expiry(store, " contoso docs ", moment(50), None, moment()) == "Contoso Docs"
    with pytest.raises(TokenRefused, match=r"No app 'Contoso Dogs' is known here; did you mean Contoso Docs\?"):
        record_expiry(store, "Contoso Dogs", moment(50), None, moment())
    with pytest.raises(TokenRefused, match=r"No app 'xyz' is known here; known are Contoso Docs\."):
        record_expiry(store, "xyz", moment(50), None, moment())
    assert token_ends(store) == [("Contoso Docs", moment(50), None, None)]


def test_a_token_in_a_note_is_removed_before_it_is_kept(store: Store, tmp_path: Path) -> None:
    token = jwt(exp=1798675200)
    record_expiry(store, "Cerby", moment(50), "Ada", moment(), f"it is {token}")
    assert token_ends(store) == [("Cerby", moment(50), "Ada", "it is [removed]")]
    assert leaks(tmp_path, token) == []


def run(*given: str, typed: str | None = None) -> tuple[int, str]:
    """The command line's answer: its exit code and what it said."""
    found = CliRunner().invoke(command_line(), ["token", *given], input=typed)
    return found.exit_code, f"{found.output}{found.exception or ''}"


def test_the_command_takes_a_date_says_until_when_to_order_and_lists_and_forgets(store: Store) -> None:
    code, said = run("Cerby", "--expires", "2026-12-31T00:00Z", "--by", "Ada", "--note", "by mail")
    assert (code, said) == (
        0,
        "Cerby: the token expires 31 Dec 2026, 00:00 UTC, in 331 days 12 h. Allow 7 days for a new one: "
        "request it before 24 Dec 2026.\n",
    )
    [listed] = json.loads(run("--json")[1])
    assert listed.pop("said_at").startswith("2026-02-02T11:59:")
    assert listed == {
        "app_name": "Cerby", "expires_at": "2026-12-31T00:00:00Z", "said_by": "Ada", "note": "by mail"
    }  # fmt: skip
    assert "request it now" in run("Cerby", "--expires", "2026-02-05")[1]
    assert run("Cerby", "--forget")[1] == "Cerby: the token's expiry is unknown.\n"
    assert run() == (0, "No token expiry is recorded; record one: python -m pipeline token APP --expires INSTANT\n")


def test_the_command_reads_a_jwt_from_standard_input_and_leaves_no_letter_of_it(store: Store, tmp_path: Path) -> None:
    token = jwt(exp=1798675200, iat=1767225600)
    code, said = run("Cerby", "--jwt", "-", typed=f"{token}\n")
    assert code == 0 and "expires 31 Dec 2026, 00:00 UTC" in said and SIGNATURE not in said
    assert token_ends(store) == [("Cerby", datetime(2026, 12, 31), "the token itself", "issued 1 Jan 2026")]
    assert leaks(tmp_path, token) == []


@pytest.mark.parametrize(
    ("given_words", "why"),
    [
        (["Cerby"], "Give one of --expires INSTANT, --jwt - and --forget."),
        (["Cerby", "--forget", "--expires", "2026-12-31"], "Give one of"),
        (["--forget"], "No app was named"),
        (["Cerby", jwt(exp=1798675200)], "One app was expected"),
        (["Cerby", "--jwt", jwt(exp=1798675200)], "stays in the shell's history"),
        (["Cerby", "--jwt", "-"], "This is no JWT"),
    ],
)
def test_the_command_refuses_what_does_not_go_together_and_repeats_no_token(
    settings: Settings, given_words: list[str], why: str
) -> None:
    code, said = run(*given_words, typed="nothing")
    assert code != 0 and why in said and SIGNATURE not in said
    assert settings.catalog_file is not None and not settings.catalog_file.exists()


def test_the_lead_time_is_the_profiles_unless_rules_toml_says_another(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "profiles"
    folder.mkdir()
    token = "[token]\nself_service = false\nlead_days = 21"
    (folder / "cerby.toml").write_text(f'name = "Cerby"\nsource = "x"\n[applies_to]\napps = ["Cerby"]\n{token}')
    store.settings = settings.model_copy(update={"profiles": folder, "rules": tmp_path / "r.toml"})
    for name in ("Cerby", "Zoom"):
        record_expiry(store, name, moment(50), None, moment())
    assert [lead_days(overrides_of(store), name) for name in ("Cerby", "Zoom")] == [21, 7]
    (tmp_path / "r.toml").write_text("[token_due]\nspare = 3\n[token_due.app.Cerby]\nlead = 14")
    assert overrides_of(store)["token_due"] == {"spare": 3, "app": {"Cerby": {"lead": 14}}}
    (folder / "cerby.toml").write_text("broken")
    assert lead_days(overrides_of(store), "Cerby") == 14


def test_a_term_says_how_it_stands_and_until_when_to_order() -> None:
    terms = [Term("Cerby", moment(day), 7, moment(14, 12)) for day in (14, 20, 25, 40)]
    assert [term.word for term in terms] == ["ended", "ask_now", "ask_soon", "in_time"]
    assert terms[0].advice == "expired 12 h ago; enter the new token's expiry"
    assert terms[1].advice == "expires in 5 days 12 h, and a new one takes 7 days: renew it now"
    assert terms[3].advice == "expires in 25 days 12 h; renew it by 21 Feb, 00:00 UTC"


def test_whom_to_ask_is_the_profiles_word(settings: Settings) -> None:
    said = renewal_contact(read_profiles(settings), "Cerby")
    assert "Not self-service" in said and "support at cerby.com" in said and "checking the identity" in said
    assert said.endswith("About 7 days (estimate: none is published).")
    assert renewal_contact(read_profiles(settings), "Zoom") == ""


def test_a_cost_without_history_says_that_too_little_is_known() -> None:
    row = {"kind": "disable", "low": None, "high": None, "weeks": 1.12}
    assert cost_sentence([row], "If it expired now").startswith("If it expired now: impact unknown.")


@pytest.fixture
def apps(given: Given) -> Given:
    """Four apps: one token over, one due, one in time, one nobody knows; Zoom refuses its token."""
    for name in ("Cerby", "Zoom", "Docs", "Desk"):
        given.succeeded("ada", day=13, app=name)
        given.observed(name, "Active", day=13, hour=23, app_id=f"app-{name}")
    given.exchanged("GET", "/Users", 200, moment(13, 8, 43), app_id="app-Zoom")
    given.exchanged("GET", "/Users", 401, moment(13, 9, 23), app_id="app-Zoom")
    given.exchanged("GET", "/Users", 403, moment(13, 9, 25), app_id="app-Zoom")
    for name, day in (("Zoom", 10), ("Cerby", 19), ("Docs", 100)):
        row = {"app_name": name, "expires_at": moment(day), "recorded_by": "Ada", "recorded_at": moment(), "note": None}
        given.rows["tokens"].append(row)
    given.stored()
    return given


def page() -> AppTest:
    return healthy(app("configuration"))


def test_the_calendar_lists_the_soonest_end_first_with_the_day_to_order_by_and_the_minute_of_refusal(
    apps: Given,
) -> None:
    test = page()
    rows = table(test, "order_by").set_index("app_name")
    assert list(rows.index) == ["Zoom", "Cerby", "Docs", "Desk"]
    assert [chip[0] for chip in rows["state"]] == ["Rejected", "Renew now", "Not due", "Not set"]
    assert (rows["expires_at"]["Cerby"], rows["order_by"]["Cerby"]) == (moment(19), moment(12))
    assert rows["refused_at"]["Zoom"] == moment(13, 9, 23)
    said = text(test).replace("\\", "")
    assert "**Zoom** has been rejecting the token since 1 Feb, 09:23 (403, 2 requests); the last successful" in said
    assert "the last successful request was 1 Feb, 08:43." in said
    assert "**Cerby**: the token expires in 4 days 12 h, and a new one takes 7 days: renew it now." in said
    assert "Token expiry is not set for Desk." in said
    assert "4 apps; **Zoom** is rejecting the token" in said
    assert "If the token expires on 7 Feb, 00:00 and a new one works from 15 Feb, 00:00: impact" in said


def test_the_form_keeps_a_date_or_a_jwts_end_empties_itself_and_leaves_no_letter_on_disk(
    apps: Given, tmp_path: Path
) -> None:
    token, test = jwt(exp=1798675200), page()
    test.selectbox(key="token_app").select("Desk")
    test.text_input(key="token_jwt").input(token)
    test.button(key="FormSubmitter:token-Save").click()
    healthy(test.run())
    assert token_ends(apps.store)[1] == ("Desk", datetime(2026, 12, 31), "the token itself", None)
    assert "Desk: the token expires 31 Dec, 00:00." in text(test).replace("\\", "")
    assert test.text_input(key="token_jwt").value == ""
    assert token not in repr(test.session_state)
    assert leaks(tmp_path, token) == []


def test_the_form_says_what_was_wrong_and_keeps_nothing(apps: Given) -> None:
    test = page()
    for pasted, why in (("PLANTEDopaque", "This is no JWT"), ("", "Enter either a date or a token")):
        test.text_input(key="token_jwt").input(pasted)
        test.button(key="FormSubmitter:token-Save").click()
        healthy(test.run())
        assert why in text(test) and "PLANTED" not in text(test)
    assert apps.store.rows("select count(*) from tokens") == [(3,)]


def test_an_end_can_be_forgotten_in_the_form(apps: Given) -> None:
    test = page()
    test.selectbox(key="token_app").select("Docs")
    test.button(key="FormSubmitter:token-Set to unknown").click()
    healthy(test.run())
    assert [name for name, *_ in token_ends(apps.store)] == ["Cerby", "Zoom"]
