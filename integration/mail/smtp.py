"""Handing letters to a mail server, one connection for many (product.md W19, architecture.md 1).

The one thing that matters here is to know what may have happened when the line breaks. A letter belongs
to the server from the moment the final dot is on its way, so the dot is sent by itself: whatever breaks
before it is `MailLater`, whatever breaks after it is `MailUnknown` (RFC 5321 4.5.4.2, RFC 1047).
"""

from __future__ import annotations

import re
import smtplib
import ssl
import threading
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import unquote, urlsplit

from integration.mail.message import to_bytes
from integration.mail.outgoing import MailError, MailLater, MailRefused, MailUnknown, OutgoingLetter

_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_FRESH_SECONDS = 20.0  # a connection idle for longer is not trusted with another letter


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where letters go, read from `MOLVA_SMTP_URL` (interface.md 3)."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> SmtpServer:
        """Read the address; raise `ValueError` with a text that holds no password."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            raise ValueError("the port of the mail server is not a number from 1 to 65535") from None
        if parts.scheme not in _PORTS:
            raise ValueError(
                "the mail server's address must begin with smtp://, smtps:// or smtp+starttls://"
            )
        if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("the mail server's address must look like smtp://user:password@host:port")
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )


class NoMailer:
    """No server is configured: letters wait (interface.md 3)."""

    ready = False

    def send(self, letters: list[OutgoingLetter]) -> list[MailError | None]:
        """Nothing goes."""
        return [MailLater("no_server") for _ in letters]

    def check(self) -> MailError | None:
        """There is nothing to reach."""
        return MailLater("no_server")

    def close(self) -> None:
        """Nothing is open."""


class SmtpMailer:
    """A mailer over `smtplib`. Each thread has its own connection, kept open between calls until `close`."""

    ready = True

    def __init__(
        self, server: SmtpServer, *, timeout: float = 30.0, context: ssl.SSLContext | None = None
    ) -> None:
        self._server = server
        self._timeout = timeout
        self._context = context
        self._mine = threading.local()

    def send(self, letters: list[OutgoingLetter]) -> list[MailError | None]:
        """Hand letters over; one outcome per letter, in order.

        A line that broke in the middle of a letter ends the run: the rest is `MailLater`.
        """
        outcomes: list[MailError | None] = []
        for letter in letters:
            outcomes.append(self._one(letter))
            if isinstance(outcomes[-1], MailUnknown):
                break
        return outcomes + [MailLater("connection") for _ in letters[len(outcomes) :]]

    def check(self) -> MailError | None:
        """Open a connection, log in and say goodbye; what went wrong, or nothing."""
        try:
            self._open().quit()
        except (OSError, smtplib.SMTPException) as error:
            return MailLater(_code(error))
        return None

    def close(self) -> None:
        """Say goodbye to the server; the next letter opens a new connection."""
        connection = getattr(self._mine, "connection", None)
        self._mine.connection = None
        if connection is not None:
            try:
                connection.quit()
            except (OSError, smtplib.SMTPException):
                connection.close()

    def _one(self, letter: OutgoingLetter) -> MailError | None:
        try:
            data = to_bytes(letter)
            connection = self._connection()
            self._envelope(connection, letter)
            self._deliver(connection, data)
        except MailError as error:
            self._tidy(error)
            return error
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return MailLater(_code(error))
        self._mine.used = monotonic()
        return None

    def _connection(self) -> smtplib.SMTP:
        connection: smtplib.SMTP | None = getattr(self._mine, "connection", None)
        if connection is not None and monotonic() - self._mine.used < _FRESH_SECONDS:
            try:
                if connection.rset()[0] == 250:
                    return connection
            except (OSError, smtplib.SMTPException):
                pass
        self._drop()
        connection = self._open()
        self._mine.connection, self._mine.used = connection, monotonic()
        return connection

    def _open(self) -> smtplib.SMTP:
        server = self._server
        context = self._context or ssl.create_default_context()
        connection: smtplib.SMTP
        if server.scheme == "smtps":
            connection = smtplib.SMTP_SSL(server.host, server.port, timeout=self._timeout, context=context)
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=self._timeout)
        try:
            if server.scheme == "smtp+starttls":
                connection.starttls(context=context)
            if server.user:
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _envelope(self, connection: smtplib.SMTP, letter: OutgoingLetter) -> None:
        connection.ehlo_or_helo_if_needed()
        code, text = connection.mail(letter.sender_address)
        if code != 250:  # about the sender or the whole server, never the recipient's fault
            raise MailLater(str(code), _words(text))
        code, text = connection.rcpt(letter.recipient_address)
        if code not in (250, 251):
            raise _verdict(code, text, recipient=True)
        code, text = connection.docmd("DATA")
        if code != 354:
            raise _verdict(code, text, recipient=False)

    def _deliver(self, connection: smtplib.SMTP, data: bytes) -> None:
        body = re.sub(rb"(?m)^\.", b"..", data)
        connection.send(body if body.endswith(b"\r\n") else body + b"\r\n")
        try:
            connection.send(b".\r\n")
            code, text = connection.getreply()
        except (OSError, smtplib.SMTPException) as error:
            raise MailUnknown("connection", type(error).__name__) from error
        if code != 250:
            raise _verdict(code, text, recipient=False)

    def _tidy(self, error: MailError) -> None:
        if isinstance(error, MailUnknown) or error.code in ("421", "-1"):
            self._drop()
        elif getattr(self._mine, "connection", None) is not None:
            self._mine.used = monotonic()

    def _drop(self) -> None:
        connection = getattr(self._mine, "connection", None)
        self._mine.connection = None
        if connection is not None:
            connection.close()


def _verdict(code: int, text: bytes, *, recipient: bool) -> MailError:
    """4xx (and what is no reply) may pass, 5xx will not (RFC 5321 4.2.1); 552 of an address is a full box."""
    if 500 <= code < 600 and code not in (503, 530, 535):
        return MailRefused(str(code), _words(text), recipient=recipient and code != 552)
    return MailLater(str(code), _words(text))


def _words(text: bytes) -> str:
    """The server's words without addresses, short."""
    plain = text.decode("utf-8", "replace")
    return re.sub(r"\S*@\S*", "…", " ".join(plain.split()))[:200]


def _code(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "auth"
    if isinstance(error, smtplib.SMTPResponseException):
        return str(error.smtp_code)
    return "connection"
