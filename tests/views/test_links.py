"""Every link arrives: those that stand on pages, those of messages about each rule, and the digest's."""

from datetime import datetime
from urllib.parse import parse_qsl, urlparse

import pytest
from streamlit.testing.v1 import AppTest

from pipeline.notify.digest import Summary
from pipeline.notify.digest import link_of as digest_link
from pipeline.notify.messages import MessageContext, link_of
from pipeline.rules.incidents import Incident
from pipeline.rules.rule import rules
from pipeline.store.lake import Store
from tests.support.given import MONDAY, job_id, moment
from tests.support.pages import APP, FIRST, app, healthy, text
from views.app import PAGES
from views.frame.state import Word

ADDRESS = "http://observatory.example"
LOST = ("Nobody in the store has the id", "There is no cycle with the id", "must begin before it ends")
"What a page says where it does not have what was asked for."


def followed(page: str, words: dict[str, str]) -> AppTest:
    """Opens a link and holds it to be whole: a page that there is, words that pages read, and what was asked for."""
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


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("tenant")
def test_every_link_of_a_page_arrives(page: str) -> None:
    for target, query in sorted(links(healthy(app(page)))):
        followed(target, dict(parse_qsl(query)))


@pytest.mark.parametrize("name", rules())
def test_the_link_of_every_rules_message_opens_its_page_on_job_and_window(name: str, tenant: Store) -> None:
    incident = Incident.__new__(Incident)
    values = {"rule": name, "subject": job_id("Zoom"), "job_id": job_id("Zoom"), "opened_at": moment(12, 4, 40)}
    for field, value in values.items():
        object.__setattr__(incident, field, value)
    context = MessageContext(moment(13, 5, 10), ADDRESS, {job_id("Zoom"): "Zoom"})
    for over in (False, True):
        link = urlparse(link_of(incident, over, context))
        test = followed(link.path.strip("/"), dict(parse_qsl(link.query)))
        assert test.selectbox(key="job").value == "Zoom"
        assert f"until {datetime(2026, 2, 1, 6):%-d %b %Y, %H:%M} UTC" in text(test)


@pytest.mark.usefixtures("tenant")
def test_the_link_of_a_digest_opens_the_overview_on_its_period() -> None:
    summary = Summary(MONDAY, moment(7), moment(13), [], [])
    link = urlparse(digest_link(summary, ADDRESS))
    test = followed(link.path.strip("/"), dict(parse_qsl(link.query)))
    assert "Showing 19 Jan 2026, 00:00 UTC until 26 Jan 2026, 00:00 UTC." in text(test)
