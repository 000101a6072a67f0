"""The app as it is served, and a chromium to open it with."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 60_000


def served(folder: Path, where: str) -> Iterator[str]:
    """Runs the app on a free port of this machine from when it says that it serves, and ends it by SIGTERM."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"PROVISIONING_STORE": where, "PROVISIONING_INBOX": f"{folder}/inbox"}
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.port", str(port)]
    log = folder / "app.log"
    with open(log, "w") as errors:
        app = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | settings, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert app.stdout is not None
    with app.stdout:
        assert any("URL:" in line for line in app.stdout), log.read_text()
        yield f"http://localhost:{port}"
        app.send_signal(signal.SIGTERM)
        assert app.wait(30) in (0, -signal.SIGTERM)
    assert "Traceback" not in log.read_text()
