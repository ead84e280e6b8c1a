"""Personal data: what is kept, giving it out, forgetting it (product.md T7).

The cards themselves are the portal's. Molva forgets what it keeps beside them and empties its own fields on
them; comments and tasks it wrote into the portal stay there until a person deletes them, and the page says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.nps.addresses import email_key, phone_key
from integration.nps.people import CardKey
from integration.nps.workdays import add_months
from integration.services import call_privacy, policies, question_privacy, rights, said_privacy
from integration.services.calls_queue import Cause, queue_fields
from integration.services.deps import Deps
from integration.store import answers, dead_addresses, referral_imports, replies
from integration.store import privacy as rows
from integration.store.base import reading, transaction
from integration.store.clients import Contact, OptOut
from integration.store.letters import LetterRow
from integration.store.portals import Portal
from integration.store.privacy import Erasure as Erasure
from integration.store.privacy import Found as Found
from integration.store.privacy import Traces
from integration.store.referrals import TABLES

AT_ONCE = 500  # invitations emptied in one transaction
#: Our fields on a contact's card that say something about the person; the opt-out stays, it protects them.
PERSONAL_FIELDS = (
    "UF_CRM_MOLVA_NPS_SCORE", "UF_CRM_MOLVA_NPS_GROUP", "UF_CRM_MOLVA_NPS_DATE", "UF_CRM_MOLVA_NPS_COMMENT",
    "UF_CRM_MOLVA_NPS_WAVE", "UF_CRM_MOLVA_NPS_CHANNEL", "UF_CRM_MOLVA_ROLE", "UF_CRM_MOLVA_SURVEY_URL",
)  # fmt: skip
COMMENT = "UF_CRM_MOLVA_NPS_COMMENT"


@dataclass(frozen=True, slots=True)
class Held:
    """How much Molva holds of one person, in numbers, and the cards that are this person."""

    contact_id: int
    name: str
    contacts: tuple[int, ...]
    addresses: tuple[str, ...]
    invitations: int
    responses: int
    letters: int
    followups: int
    opted_out: datetime | None


def search(deps: Deps, portal_id: int, text: str) -> list[Found]:
    """Persons by e-mail, phone, card number or part of the name, at most twenty."""
    with reading(deps.sessions) as session:
        return rows.search(session, portal_id, text)


def held(deps: Deps, portal_id: int, contact_id: int) -> Held | None:
    """What is kept of a person, in numbers; nothing for a card of another portal or one nobody knows."""
    with reading(deps.sessions) as session:
        found = rows.traces(session, portal_id, contact_id)
        if found is None:
            return None
        return Held(
            contact_id=contact_id, name=_name(session, portal_id, contact_id), contacts=found.contacts,
            addresses=found.addresses, invitations=len(found.invitations), responses=len(found.responses),
            letters=len(found.letters), followups=len(found.followups),
            opted_out=min((said.said_at for said in found.opt_outs), default=None),
        )  # fmt: skip


def export(deps: Deps, portal_id: int, contact_id: int) -> dict[str, Any] | None:
    """Everything kept of a person as plain data, moments as ISO 8601 with offset; nothing if unknown here."""
    with reading(deps.sessions) as session:
        found = rows.traces(session, portal_id, contact_id)
        if found is None:
            return None
        name = _name(session, portal_id, contact_id)
        return {
            "person": {"contacts": list(found.contacts), "name": name, "addresses": list(found.addresses)},
            "exported_at": deps.clock.now().isoformat(),
            "invitations": _invitations(session, portal_id, found),
            "answers": _answers(session, portal_id, found),
            "extra_answers": question_privacy.given(session, portal_id, found.responses),
            **_written(found),
            **said_privacy.given(session, portal_id, found),
            **call_privacy.given(session, portal_id, found),
            "refused_addresses": _refused(session, portal_id, found),
            "replies": _replies(session, portal_id, found),
        }


def _invitations(session: Session, portal_id: int, found: Traces) -> list[dict[str, Any]]:
    names = {line.id: line.name for line in _lines(session, portal_id, found)}
    return [
        {
            "wave": i.wave_id, "client": names.get(i.wave_client_id, ""), "name": i.name, "address": i.address,
            "phone": i.phone, "role": i.role, "language": i.language, "outcome": i.outcome,
            "outcome_at": _iso(i.outcome_at), "letters": i.touches,
        }
        for i in found.invitations
    ]  # fmt: skip


def _answers(session: Session, portal_id: int, found: Traces) -> list[dict[str, Any]]:
    versions = rows.revisions(session, portal_id, [response.id for response in found.responses])
    return [
        {
            "invitation": r.invitation_id, "score": r.score, "comment": r.comment, "channel": r.channel,
            "status": r.status, "recorded_by": r.recorded_by, "answered_at": _iso(r.answered_at),
            "versions": [
                {"score": v.score, "comment": v.comment, "author": v.author, "reason": v.reason, "at": _iso(v.at)}
                for v in versions
                if v.response_id == r.id
            ],
        }
        for r in found.responses
    ]  # fmt: skip


def _refused(session: Session, portal_id: int, found: Traces) -> list[dict[str, Any]]:
    """Addresses of the person that take no mail, and who said that they do again."""
    return [
        {
            "address": one.address, "source": one.source, "code": one.code, "since": _iso(one.since),
            "revived_at": _iso(one.revived_at), "revived_by": one.revived_by,
        }
        for _, one in sorted(dead_addresses.of(session, portal_id, found.addresses).items())
    ]  # fmt: skip


def _replies(session: Session, portal_id: int, found: Traces) -> list[dict[str, Any]]:
    """What the person wrote back to letters, and what came of it."""
    return [
        {
            "from": one.from_address, "subject": one.subject, "text": one.words, "kind": one.kind,
            "score_read": one.proposed, "received_at": _iso(one.received_at), "status": one.status,
            "settled_by": one.settled_by, "settled_at": _iso(one.settled_at),
        }
        for one in replies.of_invitations(session, portal_id, [invitation.id for invitation in found.invitations])
    ]  # fmt: skip


def _written(found: Traces) -> dict[str, Any]:
    """What was sent to the person, and what people noted about them."""
    return {
        "letters": [
            {
                "kind": row.kind, "from": row.sender_address, "to": row.recipient_address, "subject": row.subject,
                "text": row.body_text, "sent_at": _iso(row.sent_at), "status": row.status,
            }
            for row in found.letters
        ],
        "follow_ups": [
            {"kind": f.kind, "status": f.status, "opened_at": _iso(f.opened_at), "facts": f.facts}
            for f in found.followups
        ],
        "never_ask_again": [
            {"address": said.address, "source": said.source, "said_at": _iso(said.said_at)}
            for said in found.opt_outs
        ],
        "acts": [
            {"what": act.what, "who": act.who, "reason": act.reason, "at": _iso(act.at)} for act in found.acts
        ],
        "holds": [
            {"until": hold.until.isoformat(), "who": hold.who, "reason": hold.reason, "at": _iso(hold.set_at)}
            for hold in found.holds
        ],
    }  # fmt: skip


def erase(
    deps: Deps, portal_id: int, contact_id: int, user_id: int, *, never_again: bool = False
) -> dict[str, int] | None:
    """Forget a person: names, addresses, words, letters, our fields on the cards. The counts of what went.

    Scores stay as numbers of nobody, so that results do not change. An opt-out stays, it protects the person;
    `never_again` adds one; `user_id` is the employee who wants it. Safe to repeat. Nothing: no such person here.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        answers.hold_closing(session, portal_id)
        found = rows.traces(session, portal_id, contact_id)
        portal = session.get(Portal, portal_id)
        if found is None or portal is None:
            return None
        counts = {
            "invitations": len(found.invitations), "answers": len(found.responses), "letters": len(found.letters),
            "cards": _clear_cards(session, portal, found, now),
        }  # fmt: skip
        if never_again:
            _opt_out(session, portal_id, contact_id, found, now)
        said_privacy.forget(session, portal_id, found, now)
        rows.scrub_invitations(session, portal_id, [i.id for i in found.invitations], now)
        rows.scrub_letters(session, portal_id, LetterRow.id.in_([row.id for row in found.letters]), now)
        for act in found.acts:
            act.reason = ""  # people write names into reasons
        for hold in found.holds:
            hold.reason = ""
        for line in _lines(session, portal_id, found):
            if line.client_kind == "contact" and line.client_id in found.contacts:
                line.name = ""
        referral_imports.forget_people(session, portal_id, found.contacts, found.addresses)
        dead_addresses.forget(session, portal_id, found.addresses)
        who = rights.name_of(session, portal_id, user_id)
        rows.remember(session, portal_id, contact_id, now, who, counts)
        return counts


def retention(deps: Deps, portal_id: int) -> tuple[int, int]:
    """For how many months people are remembered after a wave has ended, and the settings' version that says so."""
    with reading(deps.sessions) as session:
        policy, version = policies.load(session, portal_id)
    return policy.retention_months, version


def keep_for(deps: Deps, portal_id: int, months: int, user_id: int, seen: int) -> bool:
    """Remember people for so many months. False: somebody has changed it since version `seen`, or it cannot be."""
    with reading(deps.sessions) as session:
        author = rights.name_of(session, portal_id, user_id)
    return isinstance(policies.save(deps, portal_id, {"retention_months": months}, author, seen), int)


def erasures(deps: Deps, portal_id: int) -> list[Erasure]:
    """Who was erased lately, by card number, the last one first."""
    with reading(deps.sessions) as session:
        return rows.erasures(session, portal_id)


def forget_old(deps: Deps, portal_id: int) -> bool:
    """Forget the persons of waves that ended longer ago than the portal wants to remember; True: there are more.

    At most `AT_ONCE` invitations a time, part of the nightly pruning.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        policy, _ = policies.load(session, portal_id)
        before = datetime.combine(add_months(now.date(), -policy.retention_months), now.timetz())
        numbers = rows.outlived(session, portal_id, before, AT_ONCE)
        rows.scrub_invitations(session, portal_id, numbers, now)
        rows.scrub_late_letters(session, portal_id, now)
        more = said_privacy.forget_older(session, portal_id, before, AT_ONCE, now)
        dead_addresses.forget_older(session, portal_id, before)
        call_privacy.forget_older(session, portal_id, before, now)
    return more or len(numbers) == AT_ONCE


def _clear_cards(session: Session, portal: Portal, found: Traces, now: datetime) -> int:
    """Empty our fields on the person's cards, and the words on cards of the client that quote them."""
    queued = 0
    for contact_id in found.contacts:
        known = portal.fields.get("contact", {})
        values = {code: "" for code in PERSONAL_FIELDS if code in known}
        queued += _write(session, portal, CardKey("contact", contact_id), values, now)
    words = {response.comment.strip() for response in found.responses} - {""}
    for card in _client_cards(session, portal.id, found):
        row = session.get(TABLES[card.kind], (portal.id, card.id))
        stands = str((getattr(row, "scores", None) or {}).get(COMMENT) or "")
        if any(stands.startswith(said) for said in words):
            queued += _write(session, portal, card, {COMMENT: ""}, now)
    return queued


def _client_cards(session: Session, portal_id: int, found: Traces) -> Iterable[CardKey]:
    cards: dict[tuple[str, int], CardKey] = {}
    for line in _lines(session, portal_id, found):
        deals = [line.deal_id, *line.deal_ids] if line.deal_id else list(line.deal_ids)
        for kind, number in [(line.client_kind, line.client_id), *(("deal", deal) for deal in deals)]:
            if kind != "contact":
                cards[kind, number] = CardKey(kind, number)
    return cards.values()


def _write(session: Session, portal: Portal, card: CardKey, values: dict[str, Any], now: datetime) -> int:
    if not values:
        return 0
    key = f"erase:{card.kind}:{card.id}:{now:%Y%m%dT%H%M%S}"
    cause = Cause("erasure", card.id)
    row = queue_fields(session, portal, card, values, purpose="field", cause=cause, now=now, key=key)
    return 1 if row is not None else 0


def _opt_out(session: Session, portal_id: int, contact_id: int, found: Traces, now: datetime) -> None:
    for address in found.addresses or (f"contact:{contact_id}",):
        key = email_key(address) or phone_key(address)
        if answers.opt_out_of(session, portal_id, key) is None:
            session.add(
                OptOut(portal_id=portal_id, address=key, contact_id=contact_id, source="staff", said_at=now)
            )
    session.flush()


def _lines(session: Session, portal_id: int, found: Traces) -> list[Any]:
    return list(rows.clients_of(session, portal_id, {i.wave_client_id for i in found.invitations}))


def _name(session: Session, portal_id: int, contact_id: int) -> str:
    card = session.get(Contact, (portal_id, contact_id))
    return f"{card.name} {card.last_name}".strip() if card is not None else ""


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
