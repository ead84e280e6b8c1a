"""What makes mail providers trust an agency's letters: SPF, DKIM and DMARC of a sender's domain (product.md W4).

Rules only: the DNS is handed in (`spf.Zone`), a received letter as its text. `look` puts one sender's answers together,
`verdicts` says what is wrong with them, for the rehearsal, the health page and `molva doctor` alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from typing import Any, Literal

from . import spf
from .dkim import Dkim, key, tags
from .letter_source import Received
from .mail_relays import relays_of
from .spf import Spf, Zone

DmarcCode = Literal["ok", "none", "broken", "silent"]
LEVELS = 3  # how far up a DMARC record is looked for
STRICT = ("quarantine", "reject")
# Domains under which everybody registers their own: what lies below is nobody's relative. The full list is long and
# changes; these are the ones that portals of our languages have.
_SHARED_ENDS = frozenset({
    "com.ua", "net.ua", "org.ua", "in.ua", "kiev.ua", "kyiv.ua", "lviv.ua", "odessa.ua", "dp.ua", "kh.ua", "com.ru",
    "msk.ru", "spb.ru", "com.kz", "com.by", "co.uk", "org.uk", "com.pl", "com.tr", "com.au", "com.br", "co.il",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dmarc:
    """A DMARC record: where it stands, and what receivers are to do with letters that prove nothing."""

    code: DmarcCode
    at: str = ""
    policy: str = ""
    strict_spf: bool = False
    strict_dkim: bool = False
    record: str = ""


@dataclass(frozen=True, slots=True)
class Sending:
    """How a sender's letters leave. `server`: the host they are handed to, empty for the portal's mail."""

    address: str
    server: str = ""
    selector: str = ""
    received: Received | None = None

    @property
    def domain(self) -> str:
        """The domain the reader sees."""
        return self.address.rpartition("@")[2].strip().rstrip(".").lower()


@dataclass(frozen=True, slots=True)
class Look:
    """What was found about one sender's mail. `addresses` of the server, `takes_mail`: replies reach the domain."""

    domain: str
    server: str
    addresses: tuple[str, ...]
    spf: Spf
    dmarc: Dmarc
    dkim: Dkim
    takes_mail: bool | None = True

    @property
    def silent(self) -> bool:
        """The DNS did not answer."""
        return "silent" in (self.spf.code, self.dmarc.code)

    def to_json(self) -> dict[str, Any]:
        """JSON values only; `from_json` gives the same back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Look:
        """What `to_json` wrote; KeyError or TypeError for anything else."""
        return cls(
            data["domain"], data["server"], tuple(data["addresses"]), Spf(**data["spf"]), Dmarc(**data["dmarc"]),
            Dkim(**data["dkim"]), data["takes_mail"],
        )  # fmt: skip


def look(zone: Zone, of: Sending, takes_mail: bool | None = True) -> Look:
    """Ask the DNS about one sender. A domain that is silent once is not asked again: a page waits for this."""
    domain = of.domain
    addresses = tuple(_addresses(zone, of.server))
    public = [one for one in addresses if ip_address(one).is_global]
    found = spf.check(zone, of.address, of.server, public)
    if found.code == "silent":
        return Look(domain, of.server, addresses, found, Dmarc("silent"), Dkim("silent", of.selector), None)
    if not public and found.code in ("fail", "softfail", "neutral"):
        found = Spf("unknown", found.record, "", "", found.lookups)
    return Look(
        domain, of.server, addresses, found, dmarc(zone, domain), key(zone, domain, of.selector), takes_mail
    )


def _addresses(zone: Zone, server: str) -> Sequence[str]:
    if not server:
        return ()
    try:
        return (str(ip_address(server.strip("[]"))),)
    except ValueError:
        return [one for one in zone.addresses(server) or () if _is_address(one)]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def dmarc(zone: Zone, domain: str) -> Dmarc:
    """The DMARC record of a domain or of one above it (RFC 7489 6.6.3)."""
    labels = domain.split(".")
    for start in range(min(LEVELS, max(1, len(labels) - 1))):
        at = ".".join(labels[start:])
        texts = zone.texts(f"_dmarc.{at}")
        if texts is None:
            return Dmarc("silent", at)
        records = [text for text in texts if text.strip().lower().startswith("v=dmarc1")]
        if records:
            return _dmarc(records, at, above=start > 0)
    return Dmarc("none")


def _dmarc(records: list[str], at: str, *, above: bool) -> Dmarc:
    if len(records) > 1:  # several are none, to receivers
        return Dmarc("broken", at, record=records[0])
    try:
        said = tags(records[0])
    except ValueError:
        return Dmarc("broken", at, record=records[0])
    policy = said.get("sp", said.get("p", "")) if above else said.get("p", "")
    if policy.lower() not in ("none", *STRICT):
        return Dmarc("broken", at, record=records[0])
    return Dmarc(
        "ok", at, policy.lower(), said.get("aspf", "r").lower() == "s", said.get("adkim", "r").lower() == "s",
        records[0],
    )  # fmt: skip


def organisation(domain: str) -> str:
    """The domain somebody registered: the last two names, three under an end that many share."""
    labels = domain.lower().rstrip(".").split(".")
    return ".".join(labels[-3:] if ".".join(labels[-2:]) in _SHARED_ENDS else labels[-2:])


def aligned(shown: str, proven: str, *, strict: bool = False) -> bool:
    """Whether a proven domain vouches for the one the reader sees (RFC 7489 3.1)."""
    if not proven:
        return False
    return shown.lower() == proven.lower() if strict else organisation(shown) == organisation(proven)


Verdict = tuple[str, dict[str, Any]]


def verdicts(of: Sending, found: Look) -> list[Verdict]:
    """What is wrong with a sender's mail: codes with what their words need, the most harmful first.

    ``dmarc_rejects``, ``no_spf``, ``spf_lacks_server``, ``spf_broken``, ``no_dmarc``, ``dmarc_broken``,
    ``dkim_unknown``, ``dkim_missing``, ``dkim_revoked``, ``dkim_broken``, ``dkim_weak``, ``dkim_unsigned``,
    ``dkim_failed``, ``dkim_foreign``, ``no_mail_for_replies``, ``dns_silent``.
    """
    told = {"domain": found.domain}
    if found.silent:
        return [("dns_silent", told)]
    wrong = [*_spf(found), *_dkim(of, found), *_dmarc_says(found)]
    if found.takes_mail is False:
        wrong.append(("no_mail_for_replies", told))
    if found.dmarc.policy in STRICT and found.spf.code != "unknown" and not proves(of, found):
        wrong.insert(0, ("dmarc_rejects", {**told, "policy": found.dmarc.policy}))
    return wrong


def proves(of: Sending, found: Look) -> bool:
    """Whether anything known vouches for the address: SPF of its domain, or a signature of it that is in order."""
    signed = found.dkim.code == "ok" or (
        of.received is not None
        and of.received.dkim == "pass"
        and aligned(found.domain, of.received.domain, strict=found.dmarc.strict_dkim)
    )
    return found.spf.code == "pass" or signed


def _spf(found: Look) -> list[Verdict]:
    told: dict[str, Any] = {"domain": found.domain}
    if found.spf.code == "none":
        return [("no_spf", {**told, "add": added(found)})]
    if found.spf.code == "permerror":
        return [("spf_broken", {**told, "why": found.spf.why, "term": found.spf.term})]
    if found.spf.code in ("fail", "softfail", "neutral"):
        server = {"server": found.server, "address": ", ".join(found.addresses[:2])}
        return [("spf_lacks_server", {**told, **server, "record": found.spf.record, "add": added(found)})]
    return []


def added(found: Look) -> str:
    """What to write into the record so that it allows the server: an include of its provider, else its address."""
    if names := relays_of(found.server):
        return f"include:{names[0]}"
    public = [one for one in found.addresses if ip_address(one).is_global]
    return " ".join(f"ip{ip_address(one).version}:{one}" for one in public[:2])


def _dmarc_says(found: Look) -> list[Verdict]:
    if found.dmarc.code == "none":
        return [("no_dmarc", {"domain": found.domain})]
    return [("dmarc_broken", {"domain": found.dmarc.at})] if found.dmarc.code == "broken" else []


def _dkim(of: Sending, found: Look) -> list[Verdict]:
    """The letter that was shown speaks first, then the key in the DNS; a key that is gone matters in any case."""
    told: dict[str, Any] = {"domain": found.domain, "selector": found.dkim.selector}
    if found.dkim.code in ("missing", "revoked", "broken", "weak"):
        return [(f"dkim_{found.dkim.code}", {**told, "bits": found.dkim.bits})]
    seen = of.received
    if seen is not None and seen.dkim == "none":
        return [("dkim_unsigned", told)]
    if seen is not None and seen.dkim == "fail":
        return [("dkim_failed", {**told, "selector": seen.selector})]
    if seen is not None and not aligned(found.domain, seen.domain, strict=found.dmarc.strict_dkim):
        return [("dkim_foreign", {**told, "signed": seen.domain})]
    return [("dkim_unknown", told)] if seen is None and found.dkim.code == "unknown" else []
