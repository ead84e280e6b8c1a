"""Links of one client as staff handle them: copy, end, make anew (product.md S5, S6, W19).

A personal link that is ended answers nothing any more, one that is replaced neither; both still unsubscribe. Letters
that wait with the old link are written again with the new one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.orm import Session

from integration.nps.letters import THANKS_LETTERS
from integration.nps.people import CardKey, ClientKey
from integration.services import direct_line
from integration.services.calls_queue import Cause, queue_fields
from integration.services.card_read import Read
from integration.services.card_types import Links, PersonalLink
from integration.services.deps import Deps
from integration.services.letters_queue import survey_url
from integration.services.waves_cards import BY_HAND, SURVEY_URL
from integration.store import answers, cards_view, direct_lines, wave_queries
from integration.store import letters as letter_rows
from integration.store.answers import Asked
from integration.store.base import transaction
from integration.store.holds import ClientAct, locked_card
from integration.store.retired_links import RetiredLink

Done = Literal["done", "unknown"]
REPLACED = "link_replaced"


def read(deps: Deps, session: Session, of: Read) -> Links:
    """The links of the client of a tab, and of its people who are asked in the survey that runs. Changes nothing."""
    on = of.policy.direct_line
    token = direct_lines.living(session, of.portal.id, [of.client]).get(of.client, "") if on else ""
    mine = [one for one in of.asked if of.wave is not None and one.wave.id == of.wave.id]
    found = {
        one.invitation.id: PersonalLink(
            survey_url(deps, one.invitation.token) + BY_HAND if _lives(one, of) else "",
            one.invitation.revoked_at is not None,
        )
        for one in mine
        if one.wave.approved_by
    }
    return Links(direct_line.url(deps, token) if token else "", on, found)


def _lives(one: cards_view.Asked, of: Read) -> bool:
    """Whether a personal link still leads to the question or to the answer."""
    ended = one.wave.closed_at + timedelta(days=of.policy.edit_days) if one.wave.closed_at else None
    if one.invitation.revoked_at is not None or one.wave.stage == "cancelled":
        return False
    return one.invitation.outcome != "opted_out" and (ended is None or of.now <= ended)


def revoke(deps: Deps, portal_id: int, client: ClientKey, invitation_id: int, who: str) -> Done:
    """End a respondent's personal link; letters with it are not sent, the card's field is emptied. Twice is once."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = _found(session, portal_id, client, invitation_id)
        if found is None:
            return "unknown"
        if found.invitation.revoked_at is None:
            found.invitation.revoked_at = found.invitation.due_at = now
            _letters_back(session, found, now)
            _note(session, found, "revoke_link", who, "", now)
        return "done"


def renew(deps: Deps, portal_id: int, client: ClientKey, invitation_id: int, who: str) -> Done:
    """A new personal link instead of the one there is; the old one answers nothing, and still unsubscribes."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = _found(session, portal_id, client, invitation_id)
        if found is None:
            return "unknown"
        one = found.invitation
        session.add(RetiredLink(portal_id=portal_id, invitation_id=one.id, token=one.token, retired_at=now))
        one.token, one.revoked_at = deps.dice.token(), None
        one.due_at = None if one.outcome else now
        session.flush()
        _letters_back(session, found, now)
        url = survey_url(deps, one.token) + BY_HAND if not one.outcome else ""
        _note(session, found, "renew_link", who, url, now)
        return "done"


def renew_direct(deps: Deps, portal_id: int, client: ClientKey, who: str) -> Done:
    """A new address of the direct line; the one in earlier letters says that it was withdrawn."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        if locked_card(session, portal_id, client.kind, client.id) is None:
            return "unknown"
        direct_lines.revoke(session, portal_id, client, who, now)
        direct_lines.make(session, portal_id, client, deps.dice.token(), now)
        session.add(_act(portal_id, client, 0, "renew_direct", who, now))
        return "done"


def _found(session: Session, portal_id: int, client: ClientKey, invitation_id: int) -> Asked | None:
    """The number comes from the page: only respondents of the card's own client, and none that was erased."""
    found = answers.asked(session, portal_id, invitation_id, lock=True)
    if found is None or (found.client.client_kind, found.client.client_id) != client:
        return None
    return found if found.invitation.address or found.invitation.name else None


def _letters_back(session: Session, found: Asked, now: datetime) -> None:
    """Letters that wait, or were not sent because the link was ended, carry the old link: they are taken back, and
    the machine writes them again if they are still due. Thanks stay, all they hold is the way to unsubscribe."""
    one = found.invitation
    for row in letter_rows.with_link(session, one.portal_id, one.id):
        if row.kind in THANKS_LETTERS or not letter_rows.take_back(
            session, one.portal_id, row.id, now, why=REPLACED
        ):
            continue
        step = row.key.rpartition(":")[0]
        one.touches = {name: at for name, at in one.touches.items() if name != step}
        moments = [datetime.fromisoformat(at) for at in one.touches.values()]
        one.last_letter_at = max(moments, default=None)


def _note(session: Session, found: Asked, what: str, who: str, url: str, now: datetime) -> None:
    one, client = found.invitation, found.client
    key = ClientKey("company" if client.client_kind == "company" else "contact", client.client_id)
    act = _act(one.portal_id, key, one.contact_id, what, who, now)
    session.add(act)
    session.flush()
    wave_queries.note(session, found.wave, now, what, who, f"{key}")
    if "invitation" in one.touches:
        queue_fields(
            session, found.portal, CardKey("contact", one.contact_id), {SURVEY_URL: url}, purpose="field",
            cause=Cause("act", act.id), now=now,
        )  # fmt: skip


def _act(portal_id: int, client: ClientKey, contact_id: int, what: str, who: str, now: datetime) -> ClientAct:
    return ClientAct(
        portal_id=portal_id, client_kind=client.kind, client_id=client.id, contact_id=contact_id, what=what,
        who=who[:200], at=now,
    )  # fmt: skip
