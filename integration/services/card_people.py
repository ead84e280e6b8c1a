""" "Never ask again" said to a person of the staff, and its way back (product.md W12, E3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from integration.nps.addresses import email_key, person_keys, phone_key
from integration.nps.people import CardKey, ClientKey
from integration.services import optouts
from integration.services.calls_queue import Cause, queue_fields
from integration.services.deps import Deps
from integration.store import answers
from integration.store import holds as rows
from integration.store.base import transaction
from integration.store.clients import OptOut
from integration.store.holds import ClientAct
from integration.store.portals import Portal
from integration.store.waves import Invitation

Status = Literal["done", "again", "unknown", "no_reason"]
LONGEST_REASON = 500


def opt_out(
    deps: Deps, portal_id: int, client: ClientKey, contact_id: int, *, who: str, reason: str = ""
) -> Status:
    """Never ask this person again, on any card, in any later survey; what they told us counts as their own word.

    Everything follows as if they had pressed the link in a letter: open invitations end, waiting letters are
    taken back, the card's field is set. Saying it twice is saying it once. `unknown`: no person of this client.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        return opt_out_in(session, portal_id, client, contact_id, who=who, reason=reason, now=now)


def opt_out_in(
    session: Session, portal_id: int, client: ClientKey, contact_id: int, *, who: str, reason: str, now: datetime
) -> Status:  # fmt: skip
    """`opt_out` in the caller's transaction."""
    portal = session.get(Portal, portal_id)
    card = rows.locked_card(session, portal_id, "contact", contact_id) if portal else None
    if portal is None or card is None or not rows.belongs(session, portal_id, client, contact_id):
        return "unknown"
    invited = rows.invitations_of_contact(session, portal_id, contact_id)
    if invited:
        answers.invitations_to(session, portal_id, *invited)  # all of them at once: nobody waits in a circle
    keys = keys_of(contact_id, invited)
    said = {row.address for row in rows.opt_outs_of(session, portal_id, keys)}
    if card.opted_out and f"contact:{contact_id}" in said:
        return "again"
    for invitation in _one_each(invited):
        optouts.record(session, invitation, source="staff", now=now)
    if (
        f"contact:{contact_id}" not in said
        and session.get(OptOut, (portal_id, f"contact:{contact_id}")) is None
    ):
        session.add(
            OptOut(
                portal_id=portal_id, address=f"contact:{contact_id}", contact_id=contact_id,
                source="staff", said_at=now,
            )
        )  # fmt: skip
    act = _note(session, portal_id, client, contact_id, "opt_out", who, reason, now)
    card.opted_out = True
    _write(session, portal, contact_id, "Y", act, now)
    return "done"


def _one_each(invited: Sequence[Invitation]) -> list[Invitation]:
    """The youngest invitation under each address the person was asked at."""
    return list({optouts.address_of(invitation): invitation for invitation in invited}.values())


def opt_back(
    deps: Deps, portal_id: int, client: ClientKey, contact_id: int, *, who: str, reason: str
) -> Status:
    """This person may be asked again from the next survey on; for administrators, with a reason.

    What stands under every address and number the person was asked at is taken away, and the field of the cards with
    the same, unless another person of these cards has said it, too.
    """
    if not reason.strip():
        return "no_reason"
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = session.get(Portal, portal_id)
        card = rows.locked_card(session, portal_id, "contact", contact_id) if portal else None
        if portal is None or card is None or not rows.belongs(session, portal_id, client, contact_id):
            return "unknown"
        invited = rows.invitations_of_contact(session, portal_id, contact_id)
        twins = answers.invitations_to(session, portal_id, *invited) if invited else []
        keys = keys_of(contact_id, invited)
        own = _of_others(session, portal_id, contact_id, keys, twins)
        keys |= {f"contact:{one.contact_id}" for one in twins if one.contact_id not in own}
        said = [row for row in rows.opt_outs_of(session, portal_id, keys) if row.contact_id not in own]
        if not said and not card.opted_out:
            return "again"
        cards = {contact_id, *(row.contact_id for row in said if row.contact_id)}
        cards |= {one.contact_id for one in twins} - own
        for row in said:
            session.delete(row)
        act = _note(session, portal_id, client, contact_id, "opt_back", who, reason, now)
        for number in sorted(cards):
            other = card if number == contact_id else rows.locked_card(session, portal_id, "contact", number)
            if other is not None:
                other.opted_out = False
                _write(session, portal, number, "N", act, now)
        return "done"


def keys_of(contact_id: int, invited: Sequence[Invitation]) -> set[str]:
    """The addresses a person can have said "never" under: the card, and wherever they were asked."""
    keys = {f"contact:{contact_id}"}
    return keys.union(*(person_keys(one.address, one.phone, contact_id) for one in invited))


def _of_others(
    session: Session, portal_id: int, contact_id: int, mine: set[str], twins: Sequence[Invitation]
) -> set[int | None]:
    """Cards with the same address or number that said "never" by themselves: under an address of theirs alone."""
    theirs: set[str] = set()
    for one in twins:
        theirs |= {email_key(one.address), phone_key(one.phone)} - mine - {""}
    found = rows.opt_outs_of(session, portal_id, theirs) if theirs else []
    return {row.contact_id for row in found} - {contact_id, None}


def _note(
    session: Session, portal_id: int, client: ClientKey, contact_id: int, what: str, who: str, reason: str,
    now: datetime,
) -> ClientAct:  # fmt: skip
    act = ClientAct(
        portal_id=portal_id, client_kind=client.kind, client_id=client.id, contact_id=contact_id, what=what,
        who=who, reason=reason.strip()[:LONGEST_REASON], at=now,
    )  # fmt: skip
    session.add(act)
    session.flush()
    return act


def _write(
    session: Session, portal: Portal, contact_id: int, value: str, act: ClientAct, now: datetime
) -> None:
    queue_fields(
        session, portal, CardKey("contact", contact_id), {optouts.FIELD: value}, purpose="field",
        cause=Cause("act", act.id), now=now,
    )  # fmt: skip
