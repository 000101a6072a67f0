"""Sends one letter to one address through the server of [smtp], by the standard library.

Not through apprise, which gives every letter an id of its own: with ours, a letter that goes out twice is one to any
mailbox that knows repeats. And the server's own answer is kept, since it says what to mend.
"""

import os
import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.utils import formatdate, parseaddr

from pipeline.config.secrets import without_secrets
from pipeline.notify.messages import Message
from pipeline.notify.routes import Smtp

PORTS = {"starttls": 587, "tls": 465, "none": 25}


def mail(smtp: Smtp, address: str, message: Message) -> str | None:
    """Hands a letter to the server; returns None when it was taken, else a sentence about what went wrong."""
    server = f"{smtp.host}:{smtp.port or PORTS[smtp.tls]}"
    if smtp.password_env and not os.environ.get(smtp.password_env):
        return f"The environment variable {smtp.password_env} is empty; it must hold the password of {smtp.user}."
    try:
        hand_over(smtp, letter(smtp, address, message))
    except smtplib.SMTPRecipientsRefused as error:
        return f"{server} refuses {address}: {answers(*next(iter(error.recipients.values())))}"
    except smtplib.SMTPAuthenticationError as error:
        return f"{server} does not let {smtp.user} in: {answers(error.smtp_code, error.smtp_error)}"
    except smtplib.SMTPResponseException as error:
        return f"{server} does not take it: {answers(error.smtp_code, error.smtp_error)}"
    except (smtplib.SMTPException, OSError) as error:
        return f"{server} cannot be reached: {without_secrets(str(error) or type(error).__name__)}."
    return None


def letter(smtp: Smtp, address: str, message: Message) -> EmailMessage:
    """Writes the letter: plain text, under an id that is the same however often it is sent."""
    domain = parseaddr(smtp.sender)[1].rpartition("@")[2]
    made = EmailMessage()
    made["Subject"] = message.subject
    made["From"], made["To"] = smtp.sender, address
    made["Date"] = formatdate()
    made["Message-ID"] = f"<{message.message_id}@{domain}>"
    if message.incident_id:
        # Mail programs show letters that refer to the same one as a thread.
        made["References"] = f"<incident-{message.incident_id}@{domain}>"
    made["Auto-Submitted"], made["X-Auto-Response-Suppress"] = "auto-generated", "All"
    made["X-Provisioning-Change"], made["X-Provisioning-Severity"] = message.change, message.severity
    made.set_content(message.text)
    return made


def hand_over(smtp: Smtp, made: EmailMessage) -> None:
    """Sends the letter; returns once the server has taken responsibility for it."""
    port = smtp.port or PORTS[smtp.tls]
    context = ssl.create_default_context()
    if smtp.ca is not None:
        context.load_verify_locations(smtp.ca)
    if smtp.tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(smtp.host, port, timeout=smtp.timeout, context=context)
    else:
        server = smtplib.SMTP(smtp.host, port, timeout=smtp.timeout)
    try:
        if smtp.tls == "starttls":
            server.starttls(context=context)
        if smtp.user:
            server.login(smtp.user, os.environ.get(smtp.password_env, ""))
        server.send_message(made)
    finally:
        # Taken is taken, even when the server does not say goodbye.
        with suppress(OSError, smtplib.SMTPException):
            server.quit()


def answers(code: int, reply: bytes | str) -> str:
    """Returns a server's answer in one line."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return f"{code} {without_secrets(' '.join(text.split()))}".strip().rstrip(".") + "."
