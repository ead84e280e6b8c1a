"""Whether a domain's SPF record lets a mail server send for it (RFC 7208).

The DNS is a value handed in (`Zone`), so that this stays a rule: no network, no time. A record is followed through its
includes as a receiver would follow it, with the receiver's limits: ten look-ups, two that find nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal, Protocol

from .mail_relays import relays_of

SpfCode = Literal["pass", "fail", "softfail", "neutral", "none", "permerror", "silent", "unknown"]
Address = IPv4Address | IPv6Address
LOOKUPS = 10  # RFC 7208 4.6.4
EMPTY = 2  # of them that find nothing
MOST_HOSTS = 10  # mail exchangers looked at for one `mx`
_QUALIFIERS: Mapping[str, SpfCode] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_TERM = re.compile(r"^(?P<sign>[+\-~?]?)(?P<name>[a-z0-9_.-]+)(?P<rest>[:/].*)?$", re.IGNORECASE)
_MODIFIER = re.compile(r"^(?P<name>[a-z][a-z0-9_.-]*)=(?P<value>.*)$", re.IGNORECASE)
_CIDR = re.compile(r"(?:/(?P<four>\d{1,3}))?(?://(?P<six>\d{1,3}))?$")
_MACRO = re.compile(
    r"%(?:\{(?P<letter>[slodiphcrtv])(?P<digits>\d*)(?P<turn>r?)(?P<cut>[-.+,/_=]*)\}|(?P<other>[%_-]))", re.I
)


class Zone(Protocol):
    """What the DNS says. Every answer is empty when there is none, and nothing when the DNS did not answer."""

    def texts(self, name: str) -> list[str] | None:
        """The TXT records of a name."""
        ...

    def addresses(self, name: str) -> list[str] | None:
        """The addresses of a host, IPv4 and IPv6."""
        ...

    def exchanges(self, domain: str) -> list[str] | None:
        """The hosts that take a domain's mail."""
        ...


@dataclass(frozen=True, slots=True)
class Spf:
    """What a record says about a server.

    `why`: of a `permerror` (`several_records`, `too_many_lookups`, `too_many_empty`, `bad_term`, `bad_address`,
    `bad_macro`, `no_record_included`, `too_many_hosts`) with the `term` it stumbled over; `term`: what decided else;
    `lookups`: how many questions a receiver has to ask. `unknown`: there is a record, but nobody here can tell by which
    address letters leave.
    """

    code: SpfCode
    record: str = ""
    term: str = ""
    why: str = ""
    lookups: int = 0


class _Broken(Exception):
    def __init__(self, why: str, term: str) -> None:
        super().__init__(why)
        self.why, self.term = why, term


class _Silent(Exception):
    """The DNS did not answer."""


@dataclass(slots=True)
class _Walk:
    zone: Zone
    sender: str
    address: Address
    relays: frozenset[str]
    lookups: int = 0
    empty: int = 0
    seen: list[str] = field(default_factory=list)

    def count(self, term: str) -> None:
        self.lookups += 1
        if self.lookups > LOOKUPS:
            raise _Broken("too_many_lookups", term)

    def found(self, answer: list[str] | None, term: str) -> list[str]:
        if answer is None:
            raise _Silent
        if not answer:
            self.empty += 1
            if self.empty > EMPTY:
                raise _Broken("too_many_empty", term)
        return answer


def check(zone: Zone, sender: str, server: str, addresses: Sequence[str]) -> Spf:
    """Whether the domain of `sender` (an address) lets a server send for it.

    `server`: the host letters are handed to, `addresses`: its addresses. With several the best verdict counts, since
    nobody outside knows by which of them a letter leaves; for a known provider (`mail_relays`) its include counts too.
    """
    domain = sender.rpartition("@")[2].strip().rstrip(".").lower()
    relays = frozenset(relays_of(server))
    best: Spf | None = None
    for text in addresses or ("0.0.0.0",):  # noqa: S104  (an address that no record allows: the record itself is read)
        found = _one(_Walk(zone, sender, ip_address(text), relays), domain)
        if found.code in ("pass", "none", "silent", "permerror"):
            return found
        if best is None or _RANK.index(found.code) < _RANK.index(best.code):
            best = found
    assert best is not None
    return best


_RANK: tuple[SpfCode, ...] = ("pass", "neutral", "softfail", "fail")


def _one(walk: _Walk, domain: str) -> Spf:
    record = ""
    try:
        record = _record(walk, domain)
        if not record:
            return Spf("none")
        code, term = _evaluated(walk, domain, record)
    except _Silent:
        return Spf("silent", record, lookups=walk.lookups)
    except _Broken as broken:
        return Spf("permerror", record, broken.term, broken.why, walk.lookups)
    return Spf(code, record, term, lookups=walk.lookups)


def _record(walk: _Walk, domain: str) -> str:
    """The one SPF record of a domain, empty if it has none (RFC 7208 4.5)."""
    texts = walk.zone.texts(domain)
    if texts is None:
        raise _Silent
    found = [text.strip() for text in texts if text.strip().lower().split(" ", 1)[0] == "v=spf1"]
    if len(found) > 1:
        raise _Broken("several_records", domain)
    return found[0] if found else ""


def _evaluated(walk: _Walk, domain: str, record: str) -> tuple[SpfCode, str]:
    """The verdict of a record and the term that gave it; what follows a verdict is not looked up."""
    terms = record.split()[1:]
    redirect = ""
    for term in terms:  # a mistake anywhere spoils the whole record (4.6)
        if modifier := _MODIFIER.match(term):
            if modifier["name"].lower() == "redirect":
                if redirect:
                    raise _Broken("bad_term", term)
                redirect = modifier["value"]
        elif (known := _TERM.match(term)) is None or known["name"].lower() not in _MECHANISMS:
            raise _Broken("bad_term", term)
    for term in terms:
        if _MODIFIER.match(term):
            continue
        found = _TERM.match(term)
        if found is not None and _MECHANISMS[found["name"].lower()](walk, domain, found["rest"] or "", term):
            return _QUALIFIERS[found["sign"] or "+"], term
    if redirect:
        return _redirected(walk, domain, redirect)
    return "neutral", ""


def _redirected(walk: _Walk, domain: str, target: str) -> tuple[SpfCode, str]:
    term = f"redirect={target}"
    walk.count(term)
    name = _expanded(walk, domain, target, term)
    if name in walk.relays:
        return "pass", term
    record = _record(walk, name)
    if not record:
        raise _Broken("no_record_included", term)
    return _evaluated(walk, name, record)


# --- mechanisms: whether one matches


def _all(walk: _Walk, domain: str, rest: str, term: str) -> bool:
    if rest:
        raise _Broken("bad_term", term)
    return True


def _include(walk: _Walk, domain: str, rest: str, term: str) -> bool:
    if not rest.startswith(":") or len(rest) < 2:
        raise _Broken("bad_term", term)
    walk.count(term)
    name = _expanded(walk, domain, rest[1:], term)
    if name in walk.relays:
        return True
    record = _record(walk, name)
    if not record:
        raise _Broken("no_record_included", term)
    return _evaluated(walk, name, record)[0] == "pass"


def _a(walk: _Walk, domain: str, rest: str, term: str) -> bool:
    name, four, six = _target(walk, domain, rest, term)
    walk.count(term)
    return _among(walk.address, walk.found(walk.zone.addresses(name), term), four, six)


def _mx(walk: _Walk, domain: str, rest: str, term: str) -> bool:
    name, four, six = _target(walk, domain, rest, term)
    walk.count(term)
    hosts = walk.found(walk.zone.exchanges(name), term)
    if len(hosts) > MOST_HOSTS:
        raise _Broken("too_many_hosts", term)
    for host in hosts:
        answer = walk.zone.addresses(host)
        if answer is None:
            raise _Silent
        if _among(walk.address, answer, four, six):
            return True
    return False


def _ptr(walk: _Walk, domain: str, rest: str, term: str) -> bool:
    """Names by address are not asked for: RFC 7208 5.5 says "do not use", and receivers skip it."""
    walk.count(term)
    return False


def _ip(walk: _Walk, domain: str, rest: str, term: str) -> bool:
    try:
        network = ip_network(rest[1:], strict=False)
    except ValueError as error:
        raise _Broken("bad_address", term) from error
    if not rest.startswith(":") or network.version != (6 if "ip6:" in term.lower() else 4):
        raise _Broken("bad_address", term)
    return walk.address in network


def _exists(walk: _Walk, domain: str, rest: str, term: str) -> bool:
    if not rest.startswith(":") or len(rest) < 2:
        raise _Broken("bad_term", term)
    walk.count(term)
    return bool(walk.found(walk.zone.addresses(_expanded(walk, domain, rest[1:], term)), term))


_MECHANISMS = {
    "all": _all, "include": _include, "a": _a, "mx": _mx, "ptr": _ptr, "ip4": _ip, "ip6": _ip, "exists": _exists,
}  # fmt: skip


def _target(walk: _Walk, domain: str, rest: str, term: str) -> tuple[str, int, int]:
    """The name a mechanism means, and the lengths of its networks."""
    cidr = _CIDR.search(rest)
    name = rest[: cidr.start()] if cidr else rest
    four, six = (
        int(cidr[part]) if cidr and cidr[part] else most for part, most in (("four", 32), ("six", 128))
    )
    if four > 32 or six > 128 or name == ":" or (name and not name.startswith(":")):
        raise _Broken("bad_term", term)
    return (_expanded(walk, domain, name[1:], term) if name else domain), four, six


def _among(address: Address, hosts: Sequence[str], four: int, six: int) -> bool:
    for host in hosts:
        length = six if ":" in host else four
        if address in ip_network(f"{host}/{length}", strict=False):
            return True
    return False


def _expanded(walk: _Walk, domain: str, text: str, term: str) -> str:
    """A name with its macros filled in (RFC 7208 7); a per cent sign that begins none is a mistake."""
    local, _, host = walk.sender.rpartition("@")
    dotted = ".".join(
        str(walk.address).split(".") if walk.address.version == 4 else walk.address.exploded.replace(":", "")
    )
    values = {
        "s": walk.sender, "l": local or "postmaster", "o": host, "d": domain, "h": domain, "p": "unknown",
        "i": dotted, "c": str(walk.address), "r": "unknown", "t": "0",
        "v": "in-addr" if walk.address.version == 4 else "ip6",
    }  # fmt: skip

    def one(found: re.Match[str]) -> str:
        if found["other"]:
            return {"%": "%", "_": " ", "-": "%20"}[found["other"]]
        parts = re.split(f"[{re.escape(found['cut'] or '.')}]", values[found["letter"].lower()])
        if found["turn"]:
            parts.reverse()
        return ".".join(parts[-int(found["digits"]) :] if found["digits"] else parts)

    if "%" in _MACRO.sub("", text):
        raise _Broken("bad_macro", term)
    return _MACRO.sub(one, text).strip().rstrip(".").lower()
