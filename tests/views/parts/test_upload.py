"""What becomes of a dropped file."""

import pytest

from pipeline.config.settings import Settings
from views.parts.ingestion.upload import save


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\..\\passwd", "a/b/passwd", ".passwd"])
def test_an_upload_never_leaves_the_inbox(name: str, settings: Settings) -> None:
    path = save(settings.inbox, name, b"{}")
    assert path == settings.inbox / "passwd"
    assert path.read_bytes() == b"{}"


def test_an_upload_never_overwrites_another_file(settings: Settings) -> None:
    first = save(settings.inbox, "log.json.gz", b"1")
    assert save(settings.inbox, "log.json.gz", b"2").name == "log-2.json.gz"
    assert save(settings.inbox, "log.json.gz", b"1") == first
    assert save(settings.inbox, "..", b"3").name == "upload"
