"""Fits the network adapters to the ports that use cases know (`integration.services.deps`)."""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import dns.exception
import dns.resolver
from cryptography.fernet import Fernet, MultiFernet
from itsdangerous import BadData, URLSafeSerializer

from integration.bitrix import client as bitrix_client
from integration.bitrix.call import Call
from integration.bitrix.exchange import moment
from integration.bitrix.oauth import OAuthClient
from integration.logs import log
from integration.services.deps import Answer, BatchAnswer, Grant, Rest, TokenPair


class PortalRest:
    """`bitrix.client.PortalClient` in the shape of the port `Rest`."""

    def __init__(self, client: bitrix_client.PortalClient) -> None:
        self._client = client

    def call(self, call: Call) -> Answer:
        """Make one call."""
        got = self._client.call(call)
        return _answer(got.result, got.time, got.total, got.next)

    def batch(self, calls: Mapping[str, Call], *, halt: bool = False) -> BatchAnswer:
        """Make up to 50 calls in one request."""
        got = self._client.batch(calls, halt)
        answers = {
            key: _answer(result, got.times.get(key, {}), got.totals.get(key))
            for key, result in got.results.items()
        }
        return BatchAnswer(
            answers, dict[str, Exception](got.errors), _seconds(got.time.get("duration")), got.times, got.time
        )


def _answer(
    result: Any, times: Mapping[str, Any], total: int | None = None, following: int | None = None
) -> Answer:
    return Answer(
        result=result,
        total=total,
        next=following,
        operating=_seconds(times.get("operating")),
        operating_reset_at=moment(times.get("operating_reset_at")),
        duration=_seconds(times.get("duration")),
        time=times,
    )


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


Record = Callable[[bitrix_client.Report, int | None, str], None]


class PooledRest:
    """Makes clients for portals; connections are kept per endpoint for the life of the process.

    `record` learns of every request together with the portal's id, where it is known, and its address.
    """

    def __init__(
        self, *, allow_http: bool, observer: bitrix_client.Observer, record: Record | None = None
    ) -> None:
        self._pool = bitrix_client.ClientPool(observer=observer, allow_http=allow_http)
        self._observer, self._record = observer, record

    def __call__(self, endpoint: str, token: str, *, portal_id: int | None = None) -> Rest:
        """A client for this endpoint and token."""
        record, host = self._record, urlsplit(endpoint).netloc.lower()
        if record is None:
            return PortalRest(self._pool.client(endpoint, token))

        def observe(report: bitrix_client.Report) -> None:
            self._observer(report)
            record(report, portal_id, host)

        return PortalRest(self._pool.client(endpoint, token, observe))


class OAuthServers:
    """`bitrix.oauth.OAuthClient` in the shape of the port `Authorisation`."""

    def __init__(self, client: OAuthClient) -> None:
        self._client = client

    def grant(self, origin: str, access_token: str) -> Grant:
        """Ask who a token belongs to."""
        got = self._client.app_info(origin, access_token)
        return Grant(
            client_id=got.client_id, member_id=got.member_id, domain=got.domain, endpoint=got.client_endpoint,
            user_id=got.user_id, installed=got.installed, status=got.status, scope=",".join(got.scope),
        )  # fmt: skip

    def refresh(self, origin: str, client_id: str, client_secret: str, refresh_token: str) -> TokenPair:
        """Exchange a refresh token."""
        got = self._client.refresh(origin, client_id, client_secret, refresh_token)
        return TokenPair(
            access_token=got.access_token, refresh_token=got.refresh_token, expires_in=got.expires_in,
            endpoint=got.client_endpoint, oauth_origin=self._client.origin_of(got.server_endpoint),
            member_id=got.member_id, scope=",".join(got.scope), user_id=got.user_id,
        )  # fmt: skip


class KeySigner:
    """Signs values with the operator's keys: the first signs, all open (product.md T6, key rotation).

    The moment of signing stands inside, because the clock may be a movable one.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = list(reversed(keys))  # itsdangerous wants the newest last

    def sign(self, purpose: str, value: dict[str, Any], now: datetime) -> str:
        """A URL-safe signed text."""
        return str(self._serializer(purpose).dumps([int(now.timestamp()), value]))

    def open(self, purpose: str, text: str, now: datetime, max_age: int) -> dict[str, Any] | None:
        """The value, or nothing if forged, from the future, or older than `max_age` seconds."""
        try:
            signed_at, value = self._serializer(purpose).loads(text)
        except (BadData, ValueError, TypeError):
            return None
        age = now.timestamp() - signed_at
        return value if -60 <= age <= max_age and isinstance(value, dict) else None

    def _serializer(self, purpose: str) -> URLSafeSerializer:
        return URLSafeSerializer(
            self._keys, salt=f"molva.{purpose}", signer_kwargs={"digest_method": hashlib.sha256}
        )


class SecretDice:
    """Unguessable values from the operating system."""

    def token(self) -> str:
        """A new URL-safe value of 192 bits."""
        return secrets.token_urlsafe(24)


class DnsNames:
    """The DNS by `dnspython`: the system's resolver, or the one named in `MOLVA_DNS_SERVER`."""

    def __init__(self, server: tuple[str, int] | None) -> None:
        self._resolver = dns.resolver.Resolver(configure=server is None)
        self._resolver.lifetime = 5.0
        if server is not None:
            self._resolver.nameservers, self._resolver.port = [server[0]], server[1]

    def texts(self, name: str) -> list[str] | None:
        """The TXT records of a name."""
        found = self._ask(name, "TXT")
        return (
            None
            if found is None
            else [b"".join(record.strings).decode("utf-8", "replace") for record in found]
        )

    def takes_mail(self, domain: str) -> bool | None:
        """An MX record, or an address record where there is none (RFC 5321 5.1)."""
        for kind in ("MX", "A", "AAAA"):
            found = self._ask(domain, kind)
            if found is None:
                return None
            if found:
                return not (kind == "MX" and all(str(record.exchange) == "." for record in found))
        return False

    def addresses(self, name: str) -> list[str] | None:
        """The A and AAAA records of a name; those of one kind count where only it was answered."""
        found = [self._ask(name, kind) for kind in ("A", "AAAA")]
        known = [records for records in found if records is not None]
        return [str(record.address) for records in known for record in records] if known else None

    def exchanges(self, domain: str) -> list[str] | None:
        """The MX records of a domain, the preferred ones first; one that says "no mail" names no host."""
        found = self._ask(domain, "MX")
        if found is None:
            return None
        ordered = sorted(found, key=lambda record: int(record.preference))
        return [name for record in ordered if (name := str(record.exchange).rstrip("."))]

    def _ask(self, name: str, kind: str) -> list[Any] | None:
        try:
            return list(self._resolver.resolve(name, kind))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException:
            return None


def vault_keys(keys: tuple[str, ...]) -> MultiFernet:
    """Encryption keys for the database derived from the operator's secrets, in the same order."""
    return MultiFernet(
        [Fernet(urlsafe_b64encode(hashlib.sha256(b"molva.vault:" + key.encode()).digest())) for key in keys]
    )


def reporter(report: bitrix_client.Report) -> None:
    """One debug line per request to a portal: method, seconds, status and code; no bodies, no secrets."""
    log(__name__).debug(
        "portal.request",
        method=report.method,
        seconds=round(report.seconds, 3),
        status=report.status,
        code=report.code,
    )


__all__ = [
    "DnsNames",
    "KeySigner",
    "OAuthServers",
    "PooledRest",
    "SecretDice",
    "reporter",
    "vault_keys",
]
