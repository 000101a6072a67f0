"""The dashboard as it is served, on a free port of this machine, for benchmarks that look at it from outside."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def served(script: Path, store: str = "", log: Path | None = None) -> Iterator[tuple[str, int]]:
    """Serves a Streamlit script over a store without its background jobs; yields its address and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"PROVISIONING_STORE": store, "PROVISIONING_BEATS": "false"} if store else {}
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    with open(log or os.devnull, "w") as errors:
        app = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | settings, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        assert app.stdout is not None
        with app.stdout:
            assert any("URL:" in line for line in app.stdout), f"{script} was not served"
            yield f"http://localhost:{port}", app.pid
    finally:
        # A server that still has sessions waits for them; here nobody is behind them.
        app.kill()
        app.wait()


def processor_seconds(process: int) -> float:
    """Returns the processor time that a process has taken so far, by the kernel's count."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sample_store(folder: Path) -> Path:
    """Loads a sample tenant and returns its catalog."""
    from grown import sample

    return sample(folder) / "lake" / "catalog.sqlite"
