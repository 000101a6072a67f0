"""The file of routes: who is told of what and when, and what is wrong in it said with its place."""

from datetime import datetime
from pathlib import Path

import pytest

from pipeline.config.errors import RoutesError
from pipeline.config.settings import Settings
from pipeline.notify.quiet_hours import Digest, QuietHours
from pipeline.notify.routes import Routes, public_name, read_routes

SMTP = """
[smtp]
host = "mail.example.com"
from = "Provisioning <observatory@example.com>"
"""
PLAIN = f'email = "it@example.com"\n{SMTP}'


@pytest.fixture
def file(settings: Settings, tmp_path: Path) -> Path:
    """Where the settings expect the routes."""
    settings.notify = tmp_path / "notify.toml"
    return settings.notify


def read(settings: Settings, text: str) -> Routes:
    assert settings.notify is not None
    settings.notify.write_text(text)
    return read_routes(settings)


def names(routes: Routes, app: str | None, severity: str) -> list[str]:
    return [one.name for one in routes.taking([app], severity)]


def test_without_the_setting_nobody_is_told(settings: Settings) -> None:
    assert read_routes(settings).taking(["Cerby"], "critical") == []


def test_one_address_and_one_server_are_enough(settings: Settings, file: Path) -> None:
    routes = read(settings, PLAIN)
    [route] = routes.taking(["Cerby"], "critical")
    assert [one.address for one in route.destinations] == ["it@example.com"]
    assert routes.smtp is not None and (routes.smtp.tls, routes.smtp.sender) == (
        "starttls",
        "Provisioning <observatory@example.com>",
    )
    assert names(routes, "Cerby", "info") == []


def test_a_route_takes_its_apps_and_severities_and_the_default_one_what_is_left(settings: Settings, file: Path) -> None:
    routes = read(
        settings,
        f"""{PLAIN}
        [route.cerby]
        apps = ["Cerby"]
        severities = ["critical"]
        to = ["slack://${{SLACK}}"]
        [route.pager]
        severities = "critical"
        to = "${{PAGER}}"
        """,
    )
    assert names(routes, "Cerby", "critical") == ["cerby", "pager"]
    assert names(routes, "Zoom", "critical") == ["pager"]
    assert names(routes, "Cerby", "warning") == ["default"]
    assert names(routes, None, "critical") == ["pager"]


def test_a_url_with_a_user_is_no_email_address(settings: Settings, file: Path) -> None:
    routes = read(settings, '[route.a]\nto = "jsons://ada:${KEY}@hooks.example.com/in"')
    assert [one.is_email for one in routes.find("a").destinations] == [False]


def test_what_is_wrong_in_an_address_is_said_without_its_neighbours_secrets(settings: Settings, file: Path) -> None:
    with pytest.raises(RoutesError) as raised:
        read(settings, '[route.a]\nto = ["slack://T0KEN/B/C", "hooks.example.com"]')
    assert str(raised.value).endswith(
        "to in [route.a]: a URL such as jsons://hooks.example.com/path, or ${NAME}, was expected."
    )
    assert "T0KEN" not in str(raised.value)


def test_an_address_is_called_without_its_secrets() -> None:
    assert "T0ken" not in public_name("slack://T0ken/B/C") + public_name(
        "jsons://ada:T0ken@hooks.example.com/x?k=T0ken"
    )
    assert public_name("jsons://ada:T0ken@hooks.example.com/x").startswith("jsons hooks.example.com ")
    assert public_name("slack://a/b/c") != public_name("slack://a/b/d")


NIGHT = QuietHours.model_validate({"from": "22:00", "until": "07:00", "zone": "Europe/Berlin", "except": ["critical"]})


@pytest.mark.parametrize(
    ("at", "end"),
    [
        (datetime(2026, 1, 19, 20, 59), None),
        (datetime(2026, 1, 19, 21, 0), datetime(2026, 1, 20, 6, 0)),
        (datetime(2026, 1, 20, 0, 30), datetime(2026, 1, 20, 6, 0)),
        (datetime(2026, 1, 20, 6, 0), None),
        # The clocks go forward during this night: its end comes an hour sooner in UTC.
        (datetime(2026, 3, 28, 22, 0), datetime(2026, 3, 29, 5, 0)),
    ],
)
def test_quiet_hours_are_those_of_their_zone_and_reach_over_midnight(at: datetime, end: datetime | None) -> None:
    assert NIGHT.end(at) == end


def test_quiet_hours_within_a_day(settings: Settings) -> None:
    noon = QuietHours.model_validate({"from": "12:00", "until": "13:30"})
    assert noon.end(datetime(2026, 1, 19, 12, 10)) == datetime(2026, 1, 19, 13, 30)
    assert noon.end(datetime(2026, 1, 19, 13, 30)) is None


def test_an_excepted_severity_goes_out_at_night(settings: Settings, file: Path) -> None:
    quiet = '[route.a]\nemail = "it@example.com"\nquiet_hours = {from="22:00", until="07:00", except=["critical"]}'
    route = read(settings, f"{SMTP}{quiet}").find("a")
    night = datetime(2026, 1, 19, 23)
    assert route.free_at(night, "critical") == night
    assert route.free_at(night, "warning") == datetime(2026, 1, 20, 7)


def test_a_digest_is_of_the_newest_day_or_week_that_is_over() -> None:
    daily = Digest.model_validate({"every": "daily", "at": "08:00", "zone": "Europe/Berlin"})
    assert daily.period(datetime(2026, 1, 20, 6, 59)) == (datetime(2026, 1, 18, 7), datetime(2026, 1, 19, 7))
    assert daily.period(datetime(2026, 1, 20, 7, 0)) == (datetime(2026, 1, 19, 7), datetime(2026, 1, 20, 7))
    weekly = Digest.model_validate({"every": "weekly", "on": "friday"})
    assert weekly.period(datetime(2026, 1, 23, 7, 59)) == (datetime(2026, 1, 9, 8), datetime(2026, 1, 16, 8))
    assert weekly.period(datetime(2026, 1, 25)) == (datetime(2026, 1, 16, 8), datetime(2026, 1, 23, 8))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ": it has no receiver; give email, an address, or a table such as [route.cerby]."),
        ("email = [", " is no TOML: "),
        ('email = "it@example.com"', ": email is given and [smtp] is missing; name the server that takes it."),
        (f"{PLAIN}port = 'x'", ":6: port in [smtp] is 'x'; "),
        (f"{PLAIN}prot = 25", ":6: prot in [smtp] is no setting of a route or its server;"),
        (f"{SMTP}[route.a]", ":5: [route.a]: it leads nowhere; give email, an address, or to, URLs."),
        (
            f"{SMTP}[route.a]\nemail = 'it'",
            ":6: email in [route.a] is 'it'; 'it' is no e-mail address; one such as it@",
        ),
        (f"{SMTP}[route.a]\nto = 'it@example.com'", "'it@example.com' is an e-mail address; give email = "),
        (f"{SMTP}[route.a]\nto = 'hooks.example.com'", "a URL such as jsons://hooks.example.com/path, or ${NAME}, was"),
        (
            f"{SMTP}[route.a]\nemail='it@example.com'\nseverities=['red']",
            ":7: severities in [route.a] is 'red'; 'info',",
        ),
        (
            f"{SMTP}[route.a]\nemail='it@example.com'\nquiet_hours={{from='25', until='07:00'}}",
            "quiet_hours.from in [rou",
        ),
        (
            f"{SMTP}[route.a]\nemail='it@example.com'\nquiet_hours={{from='22:00'}}",
            "quiet_hours.until in [route.a] is mi",
        ),
        (
            f"{SMTP}[route.a]\nemail='it@example.com'\ndigest='hourly'",
            "digest.every in [route.a] is 'hourly'; 'daily' or",
        ),
        (
            f"{SMTP}[route.a]\nemail='it@example.com'\ndigest={{every='daily', zone='Berlin'}}",
            'such as "Europe/Berlin" w',
        ),
        (
            f"{PLAIN}[route.default]\nemail='it@example.com'",
            ": [route.default] and email both make the route 'default'",
        ),
        ("[smtp]\nhost = 'mail.example.com'", ":1: from in [smtp] is missing."),
        ("route = 3", ":1: [route] is 3; a table was expected."),
    ],
)
def test_what_is_wrong_is_said_with_its_place(settings: Settings, file: Path, text: str, said: str) -> None:
    with pytest.raises(RoutesError) as raised:
        read(settings, text)
    assert said in str(raised.value)
    assert str(raised.value).startswith(str(file))


def test_a_file_that_is_not_there_is_named(settings: Settings, file: Path) -> None:
    with pytest.raises(RoutesError, match=r"notify.toml cannot be read \(No such file or directory\)"):
        read_routes(settings)


def test_an_unknown_route_is_answered_with_those_there_are(settings: Settings, file: Path) -> None:
    with pytest.raises(RoutesError, match="There is no route 'cerby'; there are default"):
        read(settings, PLAIN).find("cerby")
