"""Every link arrives: those that stand on pages, those of messages about each rule, and the digest's."""

from collections.abc import Iterable
from urllib.parse import parse_qsl, urlparse

import pytest
from streamlit.testing.v1 import AppTest

from pipeline.notify.digest import Summary
from pipeline.notify.digest import link_of as digest_link
from pipeline.notify.messages import MessageContext, link_of
from pipeline.rules.incidents import Incident, add_incidents
from pipeline.rules.rule import find_rule, rules
from pipeline.store.lake import Store
from tests.support.given import MONDAY, job_id, moment
from tests.support.pages import APP, app, healthy, text
from views.app import PAGES
from views.frame.places import FIRST, MOVED, PLACES, moved
from views.frame.state import Word

ADDRESS = "http://observatory.example"
LOST = (
    "No user or group in this store",
    "There is no incident",
    "There is no issue",
    "There is no cycle",
    "must begin before",
)
"What a page says where it does not have what was asked for."
USUAL = ("home", "people", "issues", "history")


def followed(page: str, words: dict[str, str]) -> AppTest:
    """Opens a link and holds it to be whole: a page that there is, words that pages read, and what was asked for."""
    if page in MOVED and page not in PLACES:
        arrived = urlparse(moved(page, list(words.items())))
        page, words = arrived.path.strip("/") or FIRST.removesuffix(".py"), dict(parse_qsl(arrived.query))
    assert f"{page}.py" in PAGES, page
    assert words.keys() <= {word.value for word in Word}, words
    test = AppTest.from_file(str(APP), default_timeout=120)
    for word, value in words.items():
        test.query_params[word] = value
    if f"{page}.py" != FIRST:
        test.switch_page(f"{page}.py")
    drawn = text(healthy(test.run()))
    assert not [lost for lost in LOST if lost in drawn], (page, words)
    return test


def links(test: AppTest) -> set[tuple[str, str]]:
    """Returns the page and the words of each link of a page."""
    return {(link.proto.page or FIRST.removesuffix(".py"), link.proto.query_string) for link in test.get("page_link")}


@pytest.mark.parametrize("places", [USUAL, pytest.param(PLACES, marks=pytest.mark.deep)], ids=["usual", "all"])
@pytest.mark.usefixtures("tenant")
def test_every_link_of_a_page_arrives(places: Iterable[str]) -> None:
    found = {link for place in places for link in links(healthy(app(place)))}
    assert found
    for target, query in sorted(found):
        followed(target, dict(parse_qsl(query)))


@pytest.mark.parametrize("name", ["quarantined", *(pytest.param(one, marks=pytest.mark.deep) for one in rules())])
def test_the_link_of_every_rules_message_opens_its_incident_on_job_and_time_range(name: str, tenant: Store) -> None:
    job, since, checked = job_id("Zoom"), moment(12, 4, 40), moment(12, 5)
    incident = Incident("one", name, "warning", job, "Zoom", since, checked, None, "Zoom is failing", "{}", job_id=job)
    tenant.write(lambda cursor: add_incidents(cursor, [incident]))
    context = MessageContext(moment(13, 5, 10), ADDRESS, {job_id("Zoom"): "Zoom"})
    for over in (False, True):
        link = urlparse(link_of(incident, over, context))
        test = followed(link.path.strip("/"), dict(parse_qsl(link.query)))
        assert test.selectbox(key="job").value == "Zoom"
        drawn = text(test)
        assert "to 1 Feb 2026, 06:00" in drawn and "**Since 31 Jan, 04:40**" in drawn
        assert find_rule(name).do.split(".")[0] in drawn.replace("\\", "")


@pytest.mark.usefixtures("tenant")
def test_the_link_of_a_digest_opens_home_on_its_period() -> None:
    summary = Summary(MONDAY, moment(7), moment(13), [], [])
    link = urlparse(digest_link(summary, ADDRESS))
    test = followed(link.path.strip("/") or "home", dict(parse_qsl(link.query)))
    assert "26 Jan 2026, 00:00 (UTC)" in text(test)
