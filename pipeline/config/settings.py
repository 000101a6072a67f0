"""Every setting, each with its sentence; all come from PROVISIONING_* variables or a `.env` file.

Only this module reads the environment.
"""

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

from pydantic import ByteSize, Field, SecretStr, TypeAdapter, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.config.errors import SettingsError
from pipeline.config.postgres_address import split_password, without_password

EXAMPLES = {
    "int": "whole numbers, such as 300",
    "float": "a number, such as 0.5",
    "path": "a path, such as data/inbox",
    "bool": "true or false",
}
BOUNDS = {"greater": "{} or more", "less": "at most {}"}
READERS_BYTES = 192_000_000
"What DuckDB's readers and writers take of the memory beside what they read and write."
SQLITE, POSTGRES = "ducklake:sqlite:", "ducklake:postgres:"
URL = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*):/")


class Settings(BaseSettings):
    """How this installation runs; every field is a `PROVISIONING_` variable."""

    model_config = SettingsConfigDict(env_prefix="PROVISIONING_", env_file=".env", extra="ignore")

    store: str = Field("ducklake:sqlite:data/catalog.sqlite", description="Where the lake's catalog is.")
    catalog_password: SecretStr | None = Field(
        None, description="The password of a catalog in PostgreSQL, where no password file of libpq has it."
    )
    files: Path | None = Field(None, description="Where the lake's Parquet files are; beside the catalog when unset.")
    inbox: Path = Field(
        Path("data/inbox"), description="The folder whose new files are read by every run of the ingest job."
    )
    publish: Path | None = Field(
        None, description="A plain DuckDB file that the background jobs keep up to date; off when unset."
    )
    ingest_every: int = Field(5, ge=1, description="Seconds between two looks at the inbox.")
    maintain_every: int = Field(600, ge=1, description="Seconds between two rounds of merging and expiring.")
    publish_every: int = Field(300, ge=1, description="Seconds between two writes of the published file.")
    keep_days: int = Field(0, ge=0, description="Days of rows to keep, by their own instants; 0 keeps everything.")
    keep_snapshots: int = Field(3600, ge=0, description="Seconds for which old snapshots of the lake stay readable.")
    keep_trash: int = Field(
        30, ge=1, description="Days for which files of no snapshot stay in the lake's trash folder."
    )
    memory: str = Field("1GB", description="What DuckDB may use, as it spells it.")
    threads: int | None = Field(None, ge=1, le=1024, description="Cores that DuckDB may use; all of them when unset.")
    slice_bytes: int = Field(
        256 * 1024 * 1024,
        ge=1024,
        description="How much of a file is read in one transaction; at most a quarter of the memory.",
    )
    unpacked_bytes: int = Field(
        16 * 1024**3, ge=1024, description="Bytes that a .gz or .zip may unpack to; what is beyond is a reject."
    )
    unpacked_ratio: int = Field(
        250, ge=2, description="Times its size that a .gz or .zip may unpack to once it is beyond 64 MB."
    )
    archive_members: int = Field(10_000, ge=1, description="Files that a .zip may hold; the others are a reject.")
    date_order: Literal["", "mdy", "dmy"] = Field(
        "", description="Whether 05/01/2026 is 5 January (dmy) or 1 May (mdy), in files that do not show it themselves."
    )
    lock_wait: int = Field(60, ge=1, description="Seconds to wait for another writer before giving up.")
    tenants: Path | None = Field(None, description="The file that names the tenants to ask; see docs/graph.md.")
    poll_every: int = Field(60, ge=1, description="Seconds between two times of asking Microsoft Graph.")
    overlap: int = Field(7200, ge=0, description="Seconds that are asked again each time, since events may come late.")
    retention_days: int = Field(30, ge=1, description="Days that Entra keeps events: 30, or 7 without premium.")
    configuration_every: int = Field(86400, ge=1, description="Seconds between two readings of a job's configuration.")
    grace: int = Field(1200, ge=0, description="Seconds that a cycle may be late before it is called late.")
    check_every: int = Field(
        300, ge=1, description="Seconds, of the log's time, between two checks of the alert rules."
    )
    rules: Path = Field(Path("rules.toml"), description="The file that changes or mutes alert rules, if there is one.")
    profiles: Path = Field(Path("profiles"), description="The folder of what is known of each target app.")
    notify: Path | None = Field(None, description="The file of notification routes; see docs/notifications.md.")
    dashboard_url: str = Field(
        "", description="The address at which people open the dashboard; without it messages have no link."
    )
    screen_rows: int = Field(10_000, ge=1, description="Rows of an answer that a screen shows; files have all.")
    screen_seconds: int = Field(120, ge=1, description="Seconds after which a question for a screen is ended.")
    saved_queries: Path = Field(
        Path("data/queries"), description="The folder of the queries that people save on the page Query."
    )
    beats: bool = Field(True, description="Whether the dashboard may run the background jobs.")
    clock: str = Field(
        "", description="Only for demonstrations: a clock that runs faster; see pipeline/config/clock.py."
    )

    @field_validator("store")
    @classmethod
    def supported_catalog(cls, store: str) -> str:
        """Refuses a catalog that the store could not attach."""
        if not store.startswith((SQLITE, POSTGRES)):
            raise ValueError("give ducklake:sqlite:FILE or ducklake:postgres:CONNECTION")
        if store.startswith(POSTGRES):
            split_password(store.removeprefix(POSTGRES))
        elif match := URL.match(store.removeprefix(SQLITE)):
            raise ValueError(f"a catalog at {match['scheme']}: is not supported; give a path on this machine")
        elif not store.removeprefix(SQLITE).strip():
            raise ValueError("give ducklake:sqlite:FILE")
        elif store.startswith(f"{SQLITE}~"):
            return f"{SQLITE}{Path(store.removeprefix(SQLITE)).expanduser()}"
        return store

    @field_validator("*", mode="before")
    @classmethod
    def text(cls, value: object) -> object:
        """Refuses bytes that are not UTF-8, which an environment may hold."""
        try:
            str(value).encode()
        except UnicodeEncodeError:
            raise ValueError("give text in UTF-8") from None
        return value

    @field_validator(
        "files", "inbox", "publish", "tenants", "rules", "profiles", "notify", "saved_queries", mode="before"
    )
    @classmethod
    def local_path(cls, path: object) -> object:
        """Refuses a URL, which would be taken for a folder of that name, and no path; `~` is the user's home."""
        if not str(path).strip():
            raise ValueError("give a path on this machine, or leave the variable out")
        if match := URL.match(str(path)):
            raise ValueError(f"{match['scheme']}: addresses are not supported here; give a path on this machine")
        return Path(path).expanduser() if isinstance(path, str) else path

    @model_validator(mode="after")
    def bound_slices_by_memory(self) -> Self:
        """Reads at most a quarter of the memory at once: what is read is held several times while it is stored.

        Of less than 384 MB it is nearer to an eighth, since DuckDB's readers take some memory however little they read.
        A share of the machine's memory (`80%`) bounds nothing.
        """
        if (memory := self.memory_bytes) is not None:
            self.slice_bytes = min(self.slice_bytes, max(1024, memory // 8, (memory - READERS_BYTES) // 4))
        return self

    @model_validator(mode="after")
    def keep_password_apart(self) -> Self:
        """Takes the password out of the catalog's address, which is shown in messages."""
        if self.store.startswith(POSTGRES):
            address, password = split_password(self.store.removeprefix(POSTGRES))
            self.store = POSTGRES + address
            self.catalog_password = SecretStr(password) if password else self.catalog_password
        return self

    @property
    def memory_bytes(self) -> int | None:
        """What DuckDB may use, in bytes; None where it is a share of the machine's memory."""
        try:
            return TypeAdapter(ByteSize).validate_python(self.memory)
        except ValidationError:
            return None

    @property
    def catalog_file(self) -> Path | None:
        """The SQLite catalog's file, absolute; None when the catalog is in PostgreSQL."""
        return Path(self.store.removeprefix(SQLITE)).absolute() if self.store.startswith(SQLITE) else None

    @property
    def catalog_address(self) -> str:
        """The PostgreSQL catalog's address, without its password."""
        return self.store.removeprefix(POSTGRES)

    @property
    def folder(self) -> Path:
        """Where Parquet files and lock files are, absolute."""
        if self.files is not None:
            return self.files.absolute()
        return (self.catalog_file.parent if self.catalog_file else Path("data").absolute()) / "files"


def read_settings(**given: object) -> Settings:
    """Reads the settings; `given` wins over the environment.

    Raises SettingsError with one sentence per wrong value.
    """
    return checked_settings(**given) if given else settings_of(surroundings()).model_copy()


def surroundings() -> tuple[object, ...]:
    """Returns all that the settings are read from, which takes microseconds; reading them takes 3 ms."""
    file = Path(".env").absolute()
    written = file.stat().st_mtime_ns if file.exists() else None
    variables = sorted(item for item in os.environ.items() if item[0].upper().startswith("PROVISIONING_"))
    return str(file), written, *variables


@lru_cache(maxsize=8)
def settings_of(_surroundings: tuple[object, ...]) -> Settings:
    """Reads the settings from the environment; a page asks for them thirty times."""
    return checked_settings()


def checked_settings(**given: object) -> Settings:
    """Reads the settings, or raises SettingsError."""
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(" ".join(sentence(fault) for fault in error.errors())) from None


def sentence(fault: object) -> str:
    """Describes what is wrong with one setting, and what was expected.

    >>> sentence({"loc": ("ingest_every",), "input": "5min", "type": "int_parsing", "msg": ""})
    "PROVISIONING_INGEST_EVERY is '5min'; give whole numbers, such as 300."
    """
    assert isinstance(fault, dict)
    name = f"PROVISIONING_{str(fault['loc'][0]).upper()}"
    kind = str(fault["type"]).split("_")[0]
    if kind in BOUNDS:
        [bound] = fault["ctx"].values()
        return f"{name} is '{fault['input']}'; give {BOUNDS[kind].format(bound)}."
    expected = EXAMPLES.get(kind, str(fault["msg"]).removeprefix("Value error, "))
    remedy = f"give {expected}" if kind in EXAMPLES else expected
    return f"{name} is '{without_password(str(fault['input']))}'; {remedy}."


def lock_file(settings: Settings, kind: str) -> Path:
    """Returns the file of the OS lock of that kind; the OS frees it when its holder dies."""
    catalog = settings.catalog_file
    file = catalog.with_name(f"{catalog.name}.{kind}") if catalog else settings.folder / f"catalog.{kind}"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file
