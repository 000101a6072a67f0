"""Settings are read once, and again as soon as what they are read from is another."""

from pathlib import Path

import pytest

from pipeline.config.errors import SettingsError
from pipeline.config.settings import read_settings


def test_settings_follow_the_environment_the_folder_and_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROVISIONING_INGEST_EVERY", "7")
    first = read_settings()
    assert first.ingest_every == 7
    first.ingest_every = 8
    assert read_settings().ingest_every == 7
    monkeypatch.setenv("provisioning_poll_every", "90")
    assert read_settings().poll_every == 90
    monkeypatch.delenv("PROVISIONING_INGEST_EVERY")
    (tmp_path / ".env").write_text("PROVISIONING_INGEST_EVERY=9\n")
    assert read_settings().ingest_every == 9 and read_settings(ingest_every=3).ingest_every == 3
    (tmp_path / ".env").unlink()
    assert read_settings().ingest_every == 5
    monkeypatch.setenv("PROVISIONING_INBOX", "in\udcff")
    with pytest.raises(SettingsError, match=r"PROVISIONING_INBOX is .*; give text in UTF-8"):
        read_settings()
