"""Routes for tests, and servers on the loopback that messages really go to: SMTP and HTTP, in every mood."""

import email
import email.policy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from pipeline.config.settings import Settings
from pipeline.notify.routes import Routes, read_routes

SMTP_TABLE = (
    '[smtp]\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\nfrom = "Provisioning <observatory@example.com>"\n'
)


def routes_in(settings: Settings, folder: Path, text: str = 'email = "it@example.com"', port: int = 25) -> Routes:
    """Writes a file of routes and reads it."""
    settings.notify = folder / "notify.toml"
    lines = text.split("\n[", 1)
    rest = f"\n[{lines[1]}" if len(lines) > 1 else ""
    settings.notify.write_text(f"{lines[0]}\n{SMTP_TABLE.format(port=port)}{rest}")
    return read_routes(settings)


def nothing() -> None:
    """Does nothing."""


class Postbox:
    """An SMTP server's handler that keeps what it takes."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.refusals: list[str] = []
        "Answers to give to the next letters instead of taking them."
        self.taken: Callable[[], None] = nothing
        "What happens once a letter is taken, before its sender hears of it."
        self.leaving: Callable[[], None] = nothing
        "What happens when a sender that has heard says goodbye."

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        assert isinstance(envelope.content, bytes)
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.recipients += envelope.rcpt_tos
        self.taken()
        return "250 Taken"

    async def handle_QUIT(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:
        self.leaving()
        return "221 Bye"

    @property
    def subjects(self) -> list[str]:
        """Gives the subjects of the letters taken."""
        return [str(one["Subject"]) for one in self.letters]

    @property
    def ids(self) -> list[str]:
        """Gives the Message-IDs of the letters taken."""
        return [str(one["Message-ID"]) for one in self.letters]


class Office(Controller):
    """An SMTP server on whichever port is free."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def post_office() -> Iterator[tuple[Postbox, int]]:
    """Runs an SMTP server on the loopback; gives its postbox and port."""
    box = Postbox()
    server = Office(box, hostname="127.0.0.1", port=0)
    server.start()
    try:
        yield box, server.port
    finally:
        server.stop()


class Hook:
    """A webhook's receiver."""

    def __init__(self) -> None:
        self.port = 0
        self.status = 200
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []


@contextmanager
def webhook() -> Iterator[Hook]:
    """Runs an HTTP server on the loopback that takes JSON."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.got.append(json.loads(body))
            hook.headers.append(dict(self.headers))
            self.send_response(hook.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
