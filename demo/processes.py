"""The demonstration's real processes: started with their own log, and ended together."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ENDS_WITHIN_S = 15.0
PREFIX = "PROVISIONING_"


class Processes:
    """What was started, by name; leaving it ends all."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment_with(environment)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            if process.poll() is None:
                process.terminate()
        for process in self._running.values():
            try:
                process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, arguments: Sequence[str], **more: str) -> int:
        """Starts Python with arguments and returns its process id; what it says goes to a log of its name.

        It is no part of the terminal's group, so that Ctrl-C reaches the demonstration alone, which then ends it.
        """
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment | more,
                start_new_session=True,
            )
        self._running[name] = process
        return process.pid

    def ended(self) -> list[tuple[str, int]]:
        """Returns the name and exit code of each that has ended since this was last asked."""
        codes = [(name, process.poll()) for name, process in self._running.items()]
        over = [(name, code) for name, code in codes if code is not None]
        for name, _ in over:
            del self._running[name]
        return over


def environment_with(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns this process's variables with other settings of ours than it has."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)} | dict(environment)


def wait_for(arguments: Sequence[str], environment: Mapping[str, str], seconds: float) -> bool:
    """Runs Python with arguments in this terminal, and says whether it ended by itself within so many seconds."""
    with subprocess.Popen([sys.executable, *arguments], env=environment_with(environment)) as process:
        try:
            process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False
        finally:
            process.terminate()


def port_is_free(port: int) -> bool:
    """Whether a server could listen on loopback at a port."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return True
    return False


def exit_description(code: int) -> str:
    """Describes how a process ended.

    >>> exit_description(-9), exit_description(1)
    ('was ended by SIGKILL', 'ended with code 1')
    """
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
