"""What a use case needs from outside, as one frozen value passed as its first argument.

The ports are protocols, so that services never import the network: `integration.app` puts the real
things in, tests put what they need (architecture.md 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from integration.bitrix.calls import Call
from integration.mail.outgoing import MailError as MailError
from integration.mail.outgoing import MailLater as MailLater
from integration.mail.outgoing import MailRefused as MailRefused
from integration.mail.outgoing import MailUnknown as MailUnknown
from integration.mail.outgoing import OutgoingLetter as OutgoingLetter
from integration.mail.smtp import NoMailer
from integration.store.base import Sessions


class Clock(Protocol):
    """The one source of now."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """The portal's answer to one call."""

    result: Any
    total: int | None = None
    next: int | None = None
    operating: float = 0.0  # accumulated execution seconds of this method in this portal, 10 minutes
    operating_reset_at: datetime | None = None
    duration: float = 0.0  # seconds this call took in the portal
    time: Mapping[str, Any] = field(default_factory=dict)  # as the portal told it (bitrix24.md 4.2)


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """Answers of a batch by key; a key that failed is in `errors` and not in `answers`."""

    answers: Mapping[str, Answer]
    errors: Mapping[str, Exception]  # integration.bitrix.errors.BitrixError
    duration: float = 0.0
    times: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict
    )  # inner times as told, failed keys too
    time: Mapping[str, Any] = field(default_factory=dict)  # of the whole request


class Rest(Protocol):
    """One portal with one token. No retrying, no sleeping; raises `integration.bitrix.errors`."""

    def call(self, call: Call) -> Answer:
        """Make one call."""
        ...

    def batch(self, calls: Mapping[str, Call], *, halt: bool = False) -> BatchAnswer:
        """Make up to 50 calls in one request."""
        ...


class RestFactory(Protocol):
    """Gives a client for a portal's endpoint and token; connections are pooled per endpoint."""

    def __call__(self, endpoint: str, token: str, *, portal_id: int | None = None) -> Rest:
        """`endpoint` is the REST base with the trailing slash; an empty token means an incoming webhook."""
        ...


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What the authorisation server gives at a refresh; everything in it overwrites what was stored."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    endpoint: str
    oauth_origin: str
    member_id: str
    scope: str
    user_id: int | None


@dataclass(frozen=True, slots=True)
class Grant:
    """What the authorisation server says about a token (bitrix24.md 2.9)."""

    client_id: str
    member_id: str
    domain: str
    endpoint: str
    user_id: int
    installed: bool
    status: str
    scope: str


class Authorisation(Protocol):
    """The authorisation servers we trust. An origin that is not allowed raises `Refused`, unasked."""

    def grant(self, origin: str, access_token: str) -> Grant:
        """Ask who a token belongs to (`app.info` at the authorisation server)."""
        ...

    def refresh(self, origin: str, client_id: str, client_secret: str, refresh_token: str) -> TokenPair:
        """Exchange a refresh token; the old one is dead afterwards."""
        ...


class Mailer(Protocol):
    """Hands letters to a mail server."""

    @property
    def ready(self) -> bool:
        """False when no server is configured: letters wait."""
        ...

    def send(self, letters: list[OutgoingLetter]) -> list[MailError | None]:
        """Hand letters over, one connection for all; one outcome per letter, in order."""
        ...

    def check(self) -> MailError | None:
        """Whether the server can be reached and lets us in; what went wrong, or nothing."""
        ...

    def close(self) -> None:
        """End the connection that is kept open between calls."""
        ...


class Mailers(Protocol):
    """Makes mailers for servers that administrators of portals name (product.md W19)."""

    def __call__(self, url: str) -> Mailer:
        """A mailer for `smtp://`, `smtps://` or `smtp+starttls://user:password@host:port`; `ValueError` for no address.

        It reaches no server inside the operator's own network, unless the operator allows it.
        """
        ...


class NoMailers:
    """No server but the operator's can be reached: letters of own mailboxes wait."""

    def __call__(self, url: str) -> Mailer:
        """Always the one that keeps letters waiting."""
        return NoMailer()


class Dice(Protocol):
    """The source of unguessable values (random outside tests)."""

    def token(self) -> str:
        """A new URL-safe value of at least 128 bits."""
        ...


class Names(Protocol):
    """Looks up names in the DNS, for the checks of senders' domains (product.md W4)."""

    def texts(self, name: str) -> list[str] | None:
        """The TXT records of a name, empty when there are none; nothing when the DNS did not answer."""
        ...

    def takes_mail(self, domain: str) -> bool | None:
        """Whether a domain has somewhere to deliver mail to; nothing when the DNS did not answer."""
        ...

    def addresses(self, name: str) -> list[str] | None:
        """The addresses of a host, IPv4 and IPv6, empty when there are none; nothing when the DNS did not answer."""
        ...

    def exchanges(self, domain: str) -> list[str] | None:
        """The hosts that take a domain's mail, empty when there are none; nothing when the DNS did not answer."""
        ...


class NoNames:
    """No DNS: every question stays open."""

    def texts(self, name: str) -> list[str] | None:
        """Unknown."""
        return None

    def takes_mail(self, domain: str) -> bool | None:
        """Unknown."""
        return None

    def addresses(self, name: str) -> list[str] | None:
        """Unknown."""
        return None

    def exchanges(self, domain: str) -> list[str] | None:
        """Unknown."""
        return None


@dataclass(frozen=True, slots=True)
class Settings:
    """The part of the process configuration that use cases may see."""

    public_url: str  # without a trailing slash
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    oauth_origins: tuple[str, ...] = ()
    allowed_portals: frozenset[str] = frozenset()  # domains or member ids; empty: any
    allow_http: bool = False
    worker_name: str = "worker"
    smtp_host: str = (
        ""  # of the operator's mail server, for the checks of senders' domains; empty: there is none
    )
    request_log_days: int = 7  # how long the log of requests is kept, three days at least


class Signer(Protocol):
    """Signs and opens short-lived values (itsdangerous); `purpose` separates uses."""

    def sign(self, purpose: str, value: dict[str, Any], now: datetime) -> str:
        """A URL-safe signed text."""
        ...

    def open(self, purpose: str, text: str, now: datetime, max_age: int) -> dict[str, Any] | None:
        """The value, or nothing if forged or older than `max_age` seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Deps:
    """Everything a use case may reach."""

    sessions: Sessions
    clock: Clock
    settings: Settings
    rest: RestFactory
    oauth: Authorisation
    mailer: Mailer
    signer: Signer
    dice: Dice
    names: Names = field(default_factory=NoNames)
    mailers: Mailers = field(default_factory=NoMailers)
