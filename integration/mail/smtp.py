"""Handing letters to a mail server, one connection for many (product.md W19, architecture.md 1).

The one thing that matters here is to know what may have happened when the line breaks. A letter belongs
to the server from the moment the final dot is on its way, so the dot is sent by itself: whatever breaks
before it is `MailLater`, whatever breaks after it is `MailUnknown` (RFC 5321 4.5.4.2, RFC 1047).
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from integration.mail.message import to_bytes
from integration.mail.outgoing import MailError, MailLater, MailRefused, MailUnknown, OutgoingLetter
from integration.nps.mail_refusals import fault

_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_FRESH_SECONDS = 20.0  # a connection idle for longer is not trusted with another letter
_AT_ONCE = 1.0  # seconds after a letter was taken in which the next one follows without a word in between


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

    def url(self) -> str:
        """The address as it is kept, password and all."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user else ""
        return f"{self.scheme}://{login}{self._place()}"

    def shown(self) -> str:
        """The address for people: no password."""
        return f"{self.scheme}://{self.user + '@' if self.user else ''}{self._place()}"

    def _place(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


#: Gives the addresses to connect to for a host and a port; raises `MailLater` for one that must not be reached.
Reach = Callable[[str, int], list[str]]


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
        self,
        server: SmtpServer,
        *,
        timeout: float = 30.0,
        context: ssl.SSLContext | None = None,
        reach: Reach | None = None,
    ) -> None:
        self._server = server
        self._timeout = timeout
        self._context = context
        self._reach = reach
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
        except MailError as error:
            return error
        except (OSError, smtplib.SMTPException) as error:
            return _later(error)
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
            connection = self._envelope(letter)
            self._deliver(connection, data)
        except MailError as error:
            self._tidy(error)
            return error
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return _later(error)
        self._mine.used, self._mine.clean = monotonic(), True
        return None

    def _envelope(self, letter: OutgoingLetter) -> smtplib.SMTP:
        """Everything before the letter itself, over the connection there is or, if that one has ended, a new one."""
        known = self._kept()
        if known is not None:
            try:
                self._addressed(known, letter)
                return known
            except (OSError, smtplib.SMTPServerDisconnected):
                pass  # a server may end a connection between two letters; nothing was handed over
            except MailLater as error:
                if error.code != "421":
                    raise
        self._drop()
        connection = self._open()
        self._mine.connection, self._mine.used = connection, monotonic()
        self._addressed(connection, letter)
        return connection

    def _kept(self) -> smtplib.SMTP | None:
        """The connection of the letter before, if it can be trusted with another one."""
        connection: smtplib.SMTP | None = getattr(self._mine, "connection", None)
        idle = monotonic() - self._mine.used if connection is not None else 0.0
        if connection is None or idle >= _FRESH_SECONDS:
            return None
        clean, self._mine.clean = getattr(self._mine, "clean", False), False
        if clean and idle < _AT_ONCE:
            return connection
        try:
            return connection if connection.rset()[0] == 250 else None
        except (OSError, smtplib.SMTPException):
            return None

    def _open(self) -> smtplib.SMTP:
        server = self._server
        places = self._reach(server.host, server.port) if self._reach is not None else [server.host]
        connection: smtplib.SMTP
        if server.scheme == "smtps":
            connection = _PinnedTls(server, places, self._timeout, self._trusted())
        else:
            connection = _Pinned(server, places, self._timeout)
        try:
            # The final dot is a packet of its own: without this it would wait 40 ms for the letter's acknowledgement.
            if connection.sock is not None:
                connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if server.scheme == "smtp+starttls":
                connection.starttls(context=self._trusted())
            if server.user:
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _trusted(self) -> ssl.SSLContext:
        """Whom to trust; made once, since reading the certificates takes a while."""
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context

    def _addressed(self, connection: smtplib.SMTP, letter: OutgoingLetter) -> None:
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


class _Pinned(smtplib.SMTP):
    """Connects to these addresses of the host and to no other; certificates are still compared with its name."""

    def __init__(self, server: SmtpServer, places: list[str], timeout: float, **more: Any) -> None:
        self._places = places
        super().__init__(server.host, server.port, timeout=timeout, **more)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        for place in self._places[:-1]:
            try:
                return socket.create_connection((place, port), timeout)
            except OSError:
                continue
        return socket.create_connection((self._places[-1], port), timeout)


class _PinnedTls(smtplib.SMTP_SSL, _Pinned):
    """The same with TLS from the first byte."""

    def __init__(
        self, server: SmtpServer, places: list[str], timeout: float, context: ssl.SSLContext
    ) -> None:
        self._places = places
        smtplib.SMTP_SSL.__init__(self, server.host, server.port, timeout=timeout, context=context)


def _verdict(code: int, text: bytes, *, recipient: bool) -> MailError:
    """4xx (and what is no reply) may pass, 5xx will not (RFC 5321 4.2.1); 552 of an address is a full box.

    A "no" to the sender that is said only at `RCPT`, as most servers do, is one to the sender: it may be set right.
    """
    about = fault(text.decode("utf-8", "replace")) if recipient else "letter"
    if 500 <= code < 600 and code not in (503, 530, 535) and about != "way":
        return MailRefused(str(code), _words(text), recipient=about == "address" and code != 552)
    return MailLater(str(code), _words(text))


def _words(text: bytes) -> str:
    """The server's words without addresses, short."""
    plain = text.decode("utf-8", "replace")
    return re.sub(r"\S*@\S*", "…", " ".join(plain.split()))[:200]


def _later(error: Exception) -> MailLater:
    """What kept us from the server: its reply code, `auth`, or `connection` with a word for the cause."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return MailLater("auth")
    if isinstance(error, smtplib.SMTPResponseException):
        return MailLater(str(error.smtp_code))
    return MailLater("connection", cause(error))


def cause(error: Exception) -> str:
    """Why there is no connection: `host_unknown`, `timeout`, `refused`, `certificate`, `tls`, `no_login` (the server
    offers none), or `broken`."""
    if isinstance(error, smtplib.SMTPServerDisconnected) and isinstance(error.__context__, OSError):
        error = error.__context__
    match error:
        case socket.gaierror():
            return "host_unknown"
        case TimeoutError():
            return "timeout"
        case ConnectionRefusedError():
            return "refused"
        case ssl.SSLCertVerificationError():
            return "certificate"
        case ssl.SSLError():
            return "tls"
        case smtplib.SMTPNotSupportedError():
            return "no_tls" if "STARTTLS" in str(error) else "no_login"
    return "broken"
