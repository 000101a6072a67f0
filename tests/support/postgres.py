"""A real PostgreSQL server of a test's own, which can be restarted and crashed, and a wire that can be cut."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread
from time import monotonic, sleep

import pytest

from pipeline.config.settings import Settings

USER, PASSWORD = "observatory", "Invented-Pa55 word's"
"The password needs quoting in every spelling of an address."
FOLDERS = os.pathsep.join([str(folder) for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)])
PROGRAM = shutil.which("postgres", path=f"{FOLDERS}{os.pathsep}{os.environ.get('PATH', '')}")
needs_postgres = pytest.mark.skipif(
    PROGRAM is None and "CI" not in os.environ, reason="there is no PostgreSQL; apt-get install postgresql"
)


class Server:
    """A server on a free loopback port; `running` makes it."""

    def __init__(self, folder: Path) -> None:
        assert PROGRAM is not None, "PostgreSQL is missing; apt-get install postgresql"
        self._bin = Path(PROGRAM).parent
        self._data = folder / "data"
        # PostgreSQL refuses to run as root.
        self._owner = "postgres" if os.getuid() == 0 else None
        if self._owner:
            shutil.chown(folder, self._owner)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if self._owner:
            shutil.chown(secret, self._owner)
        options = ["-D", str(self._data), "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "-N"]
        self._run("initdb", *options, "--locale=C.UTF-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._databases = count()
        self.start()

    @property
    def _as_owner(self) -> list[str]:
        """How a program runs as another user: by itself, since Python would copy all of this process to do it."""
        setpriv = shutil.which("setpriv") or "setpriv"
        return [setpriv, f"--reuid={self._owner}", f"--regid={self._owner}", "--clear-groups"] if self._owner else []

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        options = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_connections=80"]
        words = [word for option in options for word in ("-c", option)]
        self._process = subprocess.Popen(
            [*self._as_owner, self._bin / "postgres", "-D", self._data, "-p", str(self.port), *words],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = monotonic() + 60
        while subprocess.run(
            [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
        ).returncode:
            assert monotonic() < end, "PostgreSQL did not start"
            sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends every session and the server; by SIGQUIT it crashes."""
        self._process.send_signal(how)
        self._process.wait(60)

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends every session and starts again."""
        self.stop(how)
        self.start()

    def database(self) -> str:
        """Makes an empty database and returns its name."""
        name = f"lake_{next(self._databases)}"
        self.ask(f"create database {name}", "postgres")
        return name

    def ask(self, sql: str, database: str) -> str:
        """Answers a statement as psql prints it, bare."""
        words = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database, "-Atc", sql]
        return self._run("psql", *words).strip()

    def end_sessions(self, database: str, called: str) -> int:
        """Ends the sessions of a database whose application_name is like a pattern; returns how many."""
        ending = "select count(pg_terminate_backend(pid)) from pg_stat_activity"
        return int(self.ask(f"{ending} where datname = '{database}' and application_name like '{called}'", "postgres"))

    def store(self, database: str, port: int = 0) -> str:
        """Returns the setting of a lake in a database, reached over a port."""
        value = PASSWORD.replace("'", "\\'")
        where = f"host=127.0.0.1 port={port or self.port} dbname={database} user={USER} password='{value}'"
        return f"ducklake:postgres:{where}"

    def settings(self, database: str, folder: Path, port: int = 0) -> Settings:
        """Returns settings of a lake in a database."""
        return Settings(
            _env_file=None, store=self.store(database, port), files=folder / "files", inbox=folder / "inbox"
        )

    def _run(self, program: str, *words: str) -> str:
        done = subprocess.run(
            [*self._as_owner, self._bin / program, *words],
            cwd="/",
            env={"PGPASSWORD": PASSWORD, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def running() -> Iterator[Server]:
    """Runs a server in a folder of its own."""
    folder = Path(mkdtemp(prefix="provisioning-postgres-"))
    try:
        server = Server(folder)
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)
    finally:
        shutil.rmtree(folder)


class Wire:
    """Carries connections to a server, and cuts one right after the server has carried out a statement."""

    def __init__(self, port: int) -> None:
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cut_after: bytes | None = None
        "The connection that sends this hears no answer any more; once."
        self.cuts = 0
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Takes no new connection."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                Thread(target=self._carry, args=[client, server], daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        back = Thread(target=self._pump, args=[server, client], daemon=True)
        back.start()
        with suppress(OSError):
            while data := client.recv(65536):
                if self.cut_after and self.cut_after in data:
                    self.cut_after, self.cuts = None, self.cuts + 1
                    client.shutdown(socket.SHUT_RDWR)
                    server.sendall(data)
                    # The server ends this session once it has carried out what it was sent.
                    server.shutdown(socket.SHUT_WR)
                    return
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                with suppress(OSError):
                    target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
        source.close()
        target.close()
