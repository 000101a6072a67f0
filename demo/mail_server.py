"""The demonstration's mail server: it listens on loopback, accepts every message, and writes it to a file.

A message that comes again under the same Message-ID is written and reported as a repetition.
"""

import asyncio
import email
import email.policy
import re
from collections.abc import Callable
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

RECIPIENT = "it@contoso.example"
ROUTES = """\
[route.it]
email = "{recipient}"
severities = ["critical"]

[smtp]
host = "127.0.0.1"
port = {port}
tls = "none"
from = "Provisioning <observatory@contoso.example>"
"""


class MailHandler:
    """Writes each message to a file, and reports it in a line."""

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self._folder = folder
        self._report = report
        self._ids: set[str] = set()
        self._count = 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Writes a message before its sender gets the answer that it was accepted."""
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        self.write(content, envelope.rcpt_tos)
        return "250 Taken"

    def write(self, content: bytes, recipients: list[str]) -> None:
        """Writes a message to its file, and reports it in a line."""
        message = email.message_from_bytes(content, policy=email.policy.default)
        subject, mark = " ".join(str(message["Subject"] or "no subject").split()), str(message["Message-ID"])
        self._count += 1
        (self._folder / f"{self._count:02} {file_name(subject)}.eml").write_bytes(content)
        again = " (the same letter again)" if mark in self._ids else ""
        self._ids.add(mark)
        self._report(f"mail to {', '.join(recipients)}: {subject}{again}")


class MailServer(Controller):
    """The server, on whichever port is free."""

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        super().__init__(MailHandler(folder, report), hostname="127.0.0.1", port=0)

    def _trigger_server(self) -> None:
        if isinstance(self.server, asyncio.Server):
            self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]

    def __enter__(self) -> "MailServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def routes_toml(self, folder: Path) -> Path:
        """Writes the routes that lead here, and returns their file."""
        file = folder / "notify.toml"
        file.write_text(ROUTES.format(recipient=RECIPIENT, port=self.port), encoding="utf-8")
        return file


def file_name(subject: str) -> str:
    """Returns a file name made of the subject.

    >>> file_name("Critical: Cerby/Docs is in quarantine")
    'Critical Cerby Docs is in quarantine'
    """
    return " ".join(re.sub(r"[^\w -]", " ", subject).split())[:80]
