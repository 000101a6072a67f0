"""What every test may ask for: a lake of its own, the settings that point to it, and builders that fill it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.settings import Settings, read_settings
from pipeline.store import Store, open_store
from tests.given import Given


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Points PROVISIONING_* to a folder of the test's own."""
    monkeypatch.setenv("PROVISIONING_STORE", f"ducklake:sqlite:{tmp_path}/catalog.sqlite")
    monkeypatch.setenv("PROVISIONING_INBOX", str(tmp_path / "inbox"))
    monkeypatch.delenv("PROVISIONING_FILES", raising=False)
    return read_settings(_env_file=None)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An empty lake."""
    store = open_store(settings)
    yield store
    store.close()


@pytest.fixture
def given(store: Store) -> Given:
    """A lake to be filled in words: `given.failed("ada", hour=9)`."""
    return Given(store)
