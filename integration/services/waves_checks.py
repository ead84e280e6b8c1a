"""What a rehearsal looks at outside our tables: how each sender's letters leave, and the DNS of its domain (W4).

`look` asks, with no transaction open; `said` turns what was kept into findings; `refusal` tells whether that still
counts. `molva doctor` and the health page judge domains by the same functions (`domain_of`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.nps import findings, mail_checks
from integration.nps.findings import Finding, Named
from integration.nps.letter_source import Received
from integration.nps.mail_checks import Look, Sending
from integration.nps.policy import Policy, Sender
from integration.services import portal_mail
from integration.services.deps import Deps, Names
from integration.services.mailboxes import lacking
from integration.store import mailboxes
from integration.store.base import reading
from integration.store.mailboxes import SenderMailbox
from integration.store.waves import Wave

PATIENCE = 2  # questions left unanswered before the DNS is not asked any more: each costs seconds
_HOST = re.compile(r"(?:^|[@/\s])(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::\d+)?/?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Summary:
    """What the last rehearsal found, in numbers. `refusal`: why it does not count any more, empty if it does."""

    at: datetime
    errors: int
    warnings: int
    refusal: str


def refusal(wave: Wave, now: datetime) -> str:
    """Why a wave has to be rehearsed before it is approved: `look_missing`, `look_is_old`, or empty."""
    return findings.refusal(looked_at(wave), now)


def looked_at(wave: Wave) -> datetime | None:
    """When the wave was last rehearsed to the end, aware UTC."""
    at = (wave.looked or {}).get("at")
    return datetime.fromisoformat(at) if at else None


def summary(wave: Wave, now: datetime) -> Summary | None:
    """The last rehearsal in numbers, from what it kept: nothing is read or rendered; None before the first."""
    at = looked_at(wave)
    if at is None:
        return None
    report = wave.looked.get("report") or {}
    return Summary(at, len(report.get("errors", ())), len(report.get("warnings", ())), refusal(wave, now))


class Asked:
    """The DNS, asked once per name; after a few questions without an answer it is taken for silent altogether."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._known: dict[tuple[str, str], Any] = {}
        self._silent = 0

    def texts(self, name: str) -> list[str] | None:
        """The TXT records of a name."""
        found: list[str] | None = self._ask("texts", name, self._names.texts)
        return found

    def addresses(self, name: str) -> list[str] | None:
        """The addresses of a host."""
        found: list[str] | None = self._ask("addresses", name, self._names.addresses)
        return found

    def exchanges(self, domain: str) -> list[str] | None:
        """The hosts that take a domain's mail."""
        found: list[str] | None = self._ask("exchanges", domain, self._names.exchanges)
        return found

    def takes_mail(self, domain: str) -> bool | None:
        """Whether mail to a domain has somewhere to go."""
        found: bool | None = self._ask("takes_mail", domain, self._names.takes_mail)
        return found

    def _ask(self, kind: str, name: str, ask: Callable[[str], Any]) -> Any:
        place = (kind, name.lower())
        if place not in self._known:
            self._known[place] = ask(name) if self._silent < PATIENCE else None
            self._silent += self._known[place] is None
        return self._known[place]


def look(deps: Deps, portal_id: int, policy: Policy) -> dict[str, Any]:
    """Ask the operator's mail server and the DNS about everybody who signs: JSON values only. No transaction is open.

    A sender's own server was asked when its mailbox was saved and is asked again by the worker (`services.mailboxes`).
    """
    with reading(deps.sessions) as session:
        boxes = mailboxes.of(session, portal_id)
        sending = {sender.key: _sending(deps, sender, boxes.get(sender.key)) for sender in policy.senders}
    zone = Asked(deps.names)
    by_operator = any(_way(boxes.get(sender.key)) == "operator" for sender in policy.senders)
    error = deps.mailer.check() if deps.mailer.ready and by_operator else None
    return {
        "server": "" if error is None else error.code or "refused",
        "senders": {
            key: mail_checks.look(zone, one, zone.takes_mail(one.domain)).to_json()
            for key, one in sending.items()
            if one.domain
        },
    }


def domain_of(zone: Asked, sending: Sending) -> list[str] | None:
    """Codes of what is wrong with the domain of a sender (`mail_checks.verdicts`); nothing when the DNS was silent."""
    found = mail_checks.look(zone, sending, zone.takes_mail(sending.domain))
    codes = [code for code, _ in mail_checks.verdicts(sending, found)]
    return None if "dns_silent" in codes else codes


def sendings(deps: Deps, session: Session, portal_id: int, policy: Policy) -> list[Sending]:
    """How the letters of everybody who signs leave."""
    boxes = mailboxes.of(session, portal_id)
    return [_sending(deps, sender, boxes.get(sender.key)) for sender in policy.senders]


def _sending(deps: Deps, sender: Sender, box: SenderMailbox | None) -> Sending:
    way = _way(box)
    server = {"operator": deps.settings.smtp_host, "own": host_of(box.shown) if box else ""}.get(way, "")
    received = Received.from_json(box.dkim) if box is not None and box.dkim else None
    return Sending(sender.email.strip(), server, box.dkim_selector if box else "", received)


def _way(box: SenderMailbox | None) -> str:
    return box.way if box is not None else "operator"


def host_of(shown: str) -> str:
    """The host in a mailbox's address as it is shown to people, without user, scheme and port."""
    found = _HOST.search(shown.strip())
    return found[1] if found else ""


def said(
    deps: Deps,
    session: Session,
    portal_id: int,
    policy: Policy,
    kept: Mapping[str, Any],
    signing: Collection[str],
) -> list[Finding]:
    """The findings about mail: which senders cannot send, as stored now, and what `look` has kept.

    `signing`: keys of those who sign at least one letter of the wave; the others are nobody's business today.
    """
    boxes = mailboxes.of(session, portal_id)
    found = list(_ways(deps, session, portal_id, policy, signing))
    by_operator = any(_way(boxes.get(key)) == "operator" for key in signing)
    if (code := str(kept.get("server") or "")) and by_operator and deps.mailer.ready:
        found.append(Finding("server_login" if code == "auth" else "server_away", {"why": code}))
    by_portal = [sender for sender in _of(policy, signing) if _way(boxes.get(sender.key)) == "portal"]
    if by_portal:
        for sender in by_portal:
            if why := portal_mail.unfit(session, portal_id, sender):
                found.append(
                    Finding("portal_unfit", {"sender": sender.key, "why": why}, (Named(sender.name),))
                )
        named = tuple(Named(sender.name) for sender in by_portal)
        found.append(Finding("no_one_click", {"senders": len(by_portal)}, named))
    return [*found, *_domains(deps, policy, kept, boxes, signing)]


def _ways(
    deps: Deps, session: Session, portal_id: int, policy: Policy, signing: Collection[str]
) -> Iterator[Finding]:
    lack = lacking(session, portal_id, policy, sorted(signing), deps.mailer.ready)
    for sender in _of(policy, signing):
        if code := lack.get(sender.key):
            yield Finding(code, {"sender": sender.key}, (Named(sender.name),))


def _domains(
    deps: Deps, policy: Policy, kept: Mapping[str, Any], boxes: Mapping[str, SenderMailbox],
    signing: Collection[str],
) -> Iterator[Finding]:  # fmt: skip
    """What is wrong with the domains; the same mistake of one domain once, with all who sign from it."""
    found: dict[str, tuple[str, dict[str, Any], list[Sender]]] = {}
    looks: Mapping[str, Any] = kept.get("senders") or {}
    for sender in _of(policy, signing):
        if sender.key not in looks:
            continue
        sending, seen = _sending(deps, sender, boxes.get(sender.key)), Look.from_json(looks[sender.key])
        if sending.domain != seen.domain:
            continue  # the address was changed after the look; the next one knows it
        for code, params in mail_checks.verdicts(sending, seen):
            place = f"{code}:{sorted(params.items(), key=str)}"
            found.setdefault(place, (code, params, []))[2].append(sender)
    for code, params, senders in found.values():
        yield Finding(code, {**params, "sender": senders[0].key}, tuple(Named(one.name) for one in senders))


def _of(policy: Policy, keys: Collection[str]) -> list[Sender]:
    return [sender for sender in policy.senders if sender.key in keys]
