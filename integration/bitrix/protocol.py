"""What goes over the wire, read and written without I/O: batch commands, events, frames; its form keys: ``form_keys``.

Everything read here comes from strangers until proven: sizes are bounded, nothing is looked up, and a payload
that is not what it should be raises ``ProtocolError`` (bitrix24.md 2.3-2.6, 2.9, 4.4, 6.2, 6.4).
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from integration.bitrix.call import Call, Ref
from integration.bitrix.form_keys import MAX_PAIRS, MAX_VALUE, ProtocolError, flatten, unflatten

_HOST = re.compile(r"[a-z0-9.-]{1,253}(:[0-9]{1,5})?")
_LIFECYCLE = frozenset(
    {"ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL", "ONAPPPAYMENT", "ONAPPMETHODCONFIRM"}
)
_TASK_EVENTS = frozenset({"ONTASKADD", "ONTASKUPDATE", "ONTASKDELETE"})


# --- batch commands


def command(call: Call) -> str:
    """One command of a batch: the method and its parameters as a query string, every value encoded once.

    Only a ``Ref`` may refer to another command; in any other text the portal's reference mark is broken up by
    an invisible joiner, so that a client's words cannot pull data of other commands into a card.
    """
    pairs = [
        f"{quote(name, safe='[]')}={quote(value if isinstance(value, Ref) else _defused(value), safe='')}"
        for name, value in flatten(call.params)
    ]
    return call.method if not pairs else f"{call.method}?{'&'.join(pairs)}"


def _defused(value: str) -> str:
    return value.replace("$result[", "$result\u2060[")


# --- grants


@dataclass(frozen=True)
class Grant:
    """The tokens and addresses of an ``auth`` block or a frame; unproven, and not shown by ``repr``."""

    member_id: str
    application_token: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_in: int = 0
    domain: str = ""
    client_endpoint: str = ""
    server_endpoint: str = ""
    scope: tuple[str, ...] = ()
    status: str = ""
    user_id: int | None = None


def scopes(value: Any) -> tuple[str, ...]:
    """Scopes separated by commas or blanks (bitrix24.md 2.4), or a list of them."""
    if isinstance(value, (list, tuple)):
        return tuple(str(one) for one in value)
    return tuple(part for part in re.split(r"[,\s]+", str(value or "")) if part)


def same_token(known: str | None, given: str | None) -> bool:
    """Whether two secrets are equal, in a time that tells nothing; empty ones never are."""
    if not known or not given:
        return False
    return hmac.compare_digest(known.encode(), given.encode())


def parse_auth(auth: Any) -> Grant:
    """The ``auth`` block of an event or an installation (bitrix24.md 2.4, 6.2). ProtocolError without a
    plausible ``member_id``."""
    if not isinstance(auth, dict):
        raise ProtocolError("no auth block")
    return Grant(
        member_id=_member_id(auth.get("member_id")),
        application_token=_text(auth.get("application_token")),
        access_token=_text(auth.get("access_token")),
        refresh_token=_text(auth.get("refresh_token")),
        expires_in=_int(auth.get("expires_in")) or 0,
        domain=_domain(auth.get("domain")),
        client_endpoint=_text(auth.get("client_endpoint")),
        server_endpoint=_text(auth.get("server_endpoint")),
        scope=scopes(auth.get("scope")),
        status=_text(auth.get("status")),
        user_id=_int(auth.get("user_id")),
    )


def _member_id(value: Any) -> str:
    text = _text(value)
    if not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", text):
        raise ProtocolError("no member_id")
    return text


def _domain(value: Any) -> str:
    """A portal's address, lower case; empty for what can be none: it is shown, logged and looked up."""
    text = _text(value).lower()
    return text if is_host(text) else ""


def is_host(text: str) -> bool:
    """Whether this can be a portal's address: a name in lower case, perhaps with a port."""
    return _HOST.fullmatch(text) is not None


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) and value != "undefined" else ""


def _int(value: Any) -> int | None:
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None


# --- events


@dataclass(frozen=True)
class Event:
    """One event of a portal. ``name`` is upper case; ``entity_id`` is the card's, task's or comment's id
    where the event has one; ``data`` is the payload without the string "undefined"; ``sent_at`` seconds since
    the epoch when the portal's queue sent it, not when the thing happened."""

    name: str
    grant: Grant
    data: dict[str, Any]
    entity_id: int | None
    sent_at: int | None
    handler_id: int | None

    @property
    def lifecycle(self) -> bool:
        """Whether it is about the application itself and so is neither folded nor delayed by cards."""
        return self.name in _LIFECYCLE


def parse_event(pairs: Iterable[tuple[str, str]] | Mapping[str, Any]) -> Event:
    """An event from form pairs, or from what ``unflatten`` made of them (bitrix24.md 6.2, 6.4).
    ProtocolError for anything else."""
    envelope = dict(pairs) if isinstance(pairs, Mapping) else unflatten(pairs)
    name = _text(envelope.get("event")).upper()
    if not re.fullmatch(r"ON[A-Z0-9_]{1,80}", name):
        raise ProtocolError("no event name")
    raw = envelope.get("data")
    data = _without_undefined(raw) if isinstance(raw, dict) else {}
    return Event(
        name=name,
        grant=parse_auth(envelope.get("auth")),
        data=data,
        entity_id=_entity_id(name, data),
        sent_at=_int(envelope.get("ts")),
        handler_id=_int(envelope.get("event_handler_id")),
    )


def _without_undefined(data: dict[str, Any]) -> dict[str, Any]:
    clean = {k: _without_undefined(v) if isinstance(v, dict) else v for k, v in data.items()}
    return {key: value for key, value in clean.items() if value != "undefined"}


def _entity_id(name: str, data: dict[str, Any]) -> int | None:
    groups = ("FIELDS_AFTER", "FIELDS_BEFORE") if name in _TASK_EVENTS else ("FIELDS",)
    for group in groups:
        fields = data.get(group)
        found = _int(fields.get("ID")) if isinstance(fields, dict) else None
        if found:
            return found
    return None if name in _LIFECYCLE else _int(data.get("ID"))


# --- frames


@dataclass(frozen=True)
class Frame:
    """What the portal posts into a frame; user input until the grant is proven (bitrix24.md 2.3, 2.9).
    ``https`` is the portal's protocol, ``language`` that of this user, ``options`` the placement's
    context."""

    grant: Grant
    domain: str
    https: bool
    language: str
    app_sid: str
    placement: str
    options: dict[str, Any]

    @property
    def entity_id(self) -> int | None:
        """The card the placement claims to be on; check the user's right to read it."""
        return _int(self.options.get("ID"))


def parse_frame(query: Mapping[str, str], body: Mapping[str, str]) -> Frame:
    """The frame's query and form fields. ProtocolError without domain, member id or access token."""
    if len(query) + len(body) > MAX_PAIRS or any(
        len(value) > MAX_VALUE for value in (*query.values(), *body.values())
    ):
        raise ProtocolError("the frame's fields are too large")
    fields = {**query, **body}
    domain = _domain(fields.get("DOMAIN"))
    token = _text(fields.get("AUTH_ID"))
    if not domain or not token:
        raise ProtocolError("no domain or token")
    https = _text(fields.get("PROTOCOL")) != "0"
    grant = Grant(
        member_id=_member_id(fields.get("member_id")),
        application_token=_text(fields.get("APPLICATION_TOKEN")),
        access_token=token,
        refresh_token=_text(fields.get("REFRESH_ID")),
        expires_in=_int(fields.get("AUTH_EXPIRES")) or 0,
        domain=domain,
        client_endpoint=f"{'https' if https else 'http'}://{domain}/rest/",
        server_endpoint=_text(fields.get("SERVER_ENDPOINT")),
        scope=scopes(fields.get("APPLICATION_SCOPE")),
        status=_text(fields.get("status")),
    )
    return Frame(
        grant=grant,
        domain=domain,
        https=https,
        language=_text(fields.get("LANG")).lower()[:2],
        app_sid=_text(fields.get("APP_SID")),
        placement=_text(fields.get("PLACEMENT")) or "DEFAULT",
        options=placement_options(fields.get("PLACEMENT_OPTIONS")),
    )


def placement_options(value: Any) -> dict[str, Any]:
    """The context of a placement, a JSON string that may be missing, empty or broken: then an empty dict."""
    if isinstance(value, dict):
        return value
    try:
        options = json.loads(value) if isinstance(value, str) and len(value) <= MAX_VALUE else {}
    except (ValueError, RecursionError):
        return {}
    return options if isinstance(options, dict) else {}
