"""Chores about referrals: rows made anew from the mirror, and whether two cards are one and the same client (R4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix import calls
from integration.bitrix.call import Call, rows_at
from integration.bitrix.links import crm_link
from integration.bitrix.records.values import emails, phones
from integration.logs import log
from integration.nps.people import CardKey
from integration.nps.referral_guards import Addresses, same_address
from integration.services import referral_rows, referrals
from integration.services.access import PortalRest
from integration.services.calls_queue import Cause
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.services.referral_reminders import CHECK
from integration.store import portals as portal_rows
from integration.store import referrals as rows
from integration.store.base import reading, transaction
from integration.store.referral_rows import Referral

KINDS = ("lead", "deal", "company", "contact")
STEP = 50  # cards in one transaction
TOGETHER = 10  # newcomers whose addresses are read in one request
_PEOPLE = 4  # contacts of a newcomer that are looked at


def rebuild(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore `referrals`: one slice of a walk over all cards with a source or a referrer, rows only.

    No entry is written to the portal and nobody is reminded: what people entered before Molva came, or while an event
    was lost, is simply known from then on (ADR 0010). Circles are judged anew at the end.
    """
    place = cursor or {"kind": KINDS[0], "after": 0}
    kind = str(place["kind"])
    with transaction(deps.sessions) as session:
        portal = portal_rows.get(session, portal_id)
        if portal is None or portal.synced_at is None:
            return Outcome()
        found = rows.named_cards(session, portal_id, kind, int(place["after"]), STEP)
        for card_id in found:
            try:
                with session.begin_nested():
                    referrals.on_card_changed(deps, session, portal, kind, card_id, quiet=True)
            except Exception:
                log(__name__).exception("referral.failed", portal=portal_id, kind=kind, card=card_id)
    if len(found) == STEP:
        return Outcome(deps.clock.now(), {"kind": kind, "after": found[-1]})
    following = KINDS.index(kind) + 1
    if following < len(KINDS):
        return Outcome(deps.clock.now(), {"kind": KINDS[following], "after": 0})
    return Outcome()


def check(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore `referral_check`: one request for up to ten newcomers with a name that is new.

    E-mails and phones are not mirrored, so those of the newcomer and of the one named are read now, at the moment of
    the claim, compared, and forgotten; a common one means two cards of one client.
    """
    with reading(deps.sessions) as session:
        wanted = rows.unchecked(session, portal_id, TOGETHER)
        sides = {row.id: _sides(session, row) for row in wanted}
    if not wanted:
        return Outcome()
    known = read_addresses(
        PortalRest(deps, portal_id), [key for two in sides.values() for key in (*two[0], two[1])]
    )
    with transaction(deps.sessions) as session:
        portal = portal_rows.get(session, portal_id)
        if portal is None:
            return Outcome()
        for row in wanted:
            own, named = sides[row.id]
            same = same_address([known.get(key, Addresses()) for key in own], known.get(named, Addresses()))
            if referral_rows.checked(session, portal_id, row.id, crm_link(*named), same):
                newcomer = rows.key_of(row.newcomer_kind, row.newcomer_id)
                work = referrals.Work.of(deps, session, portal, Cause("card", row.newcomer_id))
                referrals.derive(work, newcomer)
    return Outcome(deps.clock.now(), {}) if len(wanted) == TOGETHER else Outcome()


def _sides(session: Session, row: Referral) -> tuple[list[CardKey], CardKey]:
    """The newcomer's cards whose addresses are asked for, and the card that was named."""
    newcomer = rows.key_of(row.newcomer_kind, row.newcomer_id)
    own = [newcomer] if newcomer.kind != "deal" else []
    if newcomer.kind == "company":
        _, people = rows.relatives(session, row.portal_id, {newcomer.id}, set())
        own += [CardKey("contact", one) for one in sorted(people)[:_PEOPLE]]
    if newcomer.kind == "deal":
        deal = rows.card(session, row.portal_id, "deal", newcomer.id)
        own += [CardKey("lead", deal.lead_id)] if deal is not None and deal.lead_id else []
    return own, rows.key_of(row.named_kind, row.named_id)


def read_addresses(rest: Any, keys: Sequence[CardKey]) -> dict[CardKey, Addresses]:
    """E-mails and phones of these cards, in one request; cards that are gone are left out."""
    by_kind: dict[str, list[int]] = {}
    for key in dict.fromkeys(keys):
        by_kind.setdefault(key.kind, []).append(key.id)
    batch: dict[str, Call] = {}
    for kind, ids in by_kind.items():
        for start in range(0, len(ids), calls.PAGE):
            part = ids[start : start + calls.PAGE]
            batch[f"{kind}{start}"] = calls.item_list(kind, ["*"], filter={"@id": part})  # type: ignore[arg-type]
    found: dict[CardKey, Addresses] = {}
    if not batch:
        return found
    for name, answer in rest.batch(batch).answers.items():
        kind = name.rstrip("0123456789")
        for item in rows_at(answer.result, "items"):
            found[rows.key_of(kind, int(item["id"]))] = addresses_of(item)
    return found


def addresses_of(item: Mapping[str, Any]) -> Addresses:
    """The e-mails and phones of a card as the portal gives it."""
    return Addresses(tuple(emails(item.get("fm"))), tuple(phones(item.get("fm"))))


__all__ = ["CHECK", "addresses_of", "check", "read_addresses", "rebuild"]
