"""Processes over one lake as on several machines: each has a folder of its own for lock files."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from threading import Thread

from pipeline.config.settings import Settings
from tests.support.lakes import ROOT

OWN_LOCKS = dedent("""
    import os, sys, time
    from pathlib import Path
    from pipeline.config import settings as module
    from pipeline.config.errors import StoreError
    from pipeline.config.settings import read_settings

    locks = Path(os.environ["LOCKS"])
    locks.mkdir(exist_ok=True)
    if not read_settings(_env_file=None).catalog_file:
        module.lock_file = lambda settings, kind: locks / kind
    # As in tests/conftest.py: checking the signatures costs 0.3 s of each start.
    from pipeline.store.lake import DUCKDB_OPTIONS
    DUCKDB_OPTIONS["allow_unsigned_extensions"] = True

    def again(work):
        "Does what a background job would do at its next turn, until the store can be reached."
        while True:
            try:
                return work()
            except StoreError as error:
                print("failed:", error, file=sys.stderr, flush=True)
                time.sleep(0.1)
""")
"Comes first, so that every other module is given the replaced function; beside a SQLite catalog locks are shared."


class Machine:
    """A machine that runs a program, again and again when it is killed, until it has ended well."""

    def __init__(self, program: str, settings: Settings, locks: Path, *words: str, **more: str) -> None:
        password = settings.catalog_password.get_secret_value() if settings.catalog_password else ""
        self._environment = os.environ | {
            "PROVISIONING_STORE": settings.store,
            "PROVISIONING_CATALOG_PASSWORD": password,
            "PROVISIONING_FILES": str(settings.folder),
            "PROVISIONING_INBOX": str(settings.inbox),
            "LOCKS": str(locks),
            **more,
        }
        self._words = [sys.executable, "-c", OWN_LOCKS + dedent(program), *words]
        self.said: list[str] = []
        "What it has printed."
        self.errors: list[str] = []
        self.kills = 0
        self.aborts = 0
        "How often DuckDB ended the process, which it does at times when its server goes away during a commit."
        self.failure: int | None = None
        "With what it ended by itself, if that is not zero."
        self._ending = False
        self._process = self._start()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The process that runs now."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._thread.is_alive()

    def kill(self) -> None:
        """Kills it with -9; it starts anew."""
        self.kills += 1
        os.kill(self._process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Asks it to end, and waits."""
        self._ending = True
        self._process.terminate()
        self.wait()

    def wait(self, seconds: float = 240) -> None:
        """Waits until it has ended."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "".join(self.errors[-20:])

    def _start(self) -> "subprocess.Popen[str]":
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self._words, cwd=ROOT, env=self._environment, stdout=pipe, stderr=pipe, text=True, bufsize=1
        )

    def _run(self) -> None:
        while True:
            process = self._process
            assert process.stdout is not None and process.stderr is not None
            complaints = Thread(target=self.errors.extend, args=[process.stderr], daemon=True)
            complaints.start()
            for line in process.stdout:
                self.said.append(line.strip())
            code = process.wait()
            complaints.join()
            process.stdout.close()
            process.stderr.close()
            self.aborts += code == -signal.SIGABRT
            if code not in (-signal.SIGKILL, -signal.SIGABRT) or self._ending:
                self.failure = code or None
                return
            self._process = self._start()
