"""Who may see a card's tab and act on it: the portal's word on the card, our rights on the act (product.md P2, W10).

The placement and the card's number come through the browser and can be forged, so the card is read with the
viewer's own token, in the request that proves the viewer; the right found then travels in the signed value
for a quarter of an hour (bitrix24.md 2.9, 12.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy.orm import Session

from integration.bitrix import calls
from integration.bitrix.errors import BitrixError, NotFound, Refused, Retryable
from integration.bitrix.protocol import Frame
from integration.bitrix.tabs import ENTITIES, code_of
from integration.nps.people import CardKey, CardKind, ClientKey
from integration.nps.rights import Rights
from integration.nps.standing import Action, Denial, denial
from integration.services import frames, rights
from integration.services.deps import Deps
from integration.services.frames import FrameRefused, Viewer
from integration.store import cards_view as rows
from integration.store.base import reading


class Denied(Exception):
    """Somebody may not do this; `code` is a `Denial`, or `no_card`: the right to the card is not in the session."""

    def __init__(self, code: Denial | str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Subject:
    """A card a viewer may read, its client, and what decides about acts. `actor`: how an act is signed.

    `client` None: a lead or deal without one, or the agency's own company.
    """

    portal_id: int
    card: CardKey
    client: ClientKey | None
    rights: Rights
    owners: frozenset[int]
    managers: frozenset[int]
    city: str
    actor: str

    def why_not(self, action: Action) -> Denial | None:
        """Why the viewer may not do this; None: they may."""
        return denial(action, self.rights, self.owners, self.managers, self.city)


def kind_of_placement(name: str) -> CardKind | None:
    """The kind of card behind the name of a placement, in any case; None for what is no tab of ours."""
    return next((kind for kind in ENTITIES if code_of(kind) == name.upper()), None)


def open_card(deps: Deps, frame: Frame, kind: CardKind) -> tuple[Viewer, Mapping[str, Any]]:
    """Prove who opened a tab and that this person may read the card; the viewer with that right, and the card.

    One request to the portal beside the authorisation server's. Raises `FrameRefused`, with `no_card` when the
    portal does not show the person this card or there is none: the answer does not tell which.
    """
    if kind_of_placement(frame.placement) != kind or not frame.entity_id or frame.entity_id < 1:
        raise FrameRefused("no_card")
    card_id = frame.entity_id
    who, got = frames.open_beside(deps, frame, {"card": calls.item_get(kind, card_id)})
    item = _item(got.answers["card"].result) if "card" in got.answers else None
    if item is None or str(item.get("id")) != str(card_id):
        raise _refusal(got.errors.get("card"))
    return frames.with_card(who, kind, card_id, frame.grant.access_token), item


def _item(result: Any) -> Mapping[str, Any] | None:
    item = result.get("item") if isinstance(result, dict) else None
    return item if isinstance(item, dict) else None


def _refusal(error: Exception | None) -> FrameRefused:
    if isinstance(error, Retryable):
        return FrameRefused("unreachable")
    if error is None or isinstance(error, Refused | NotFound):
        return FrameRefused("no_card")
    return FrameRefused("dead_token" if isinstance(error, BitrixError) else "unreachable")


def subject(
    session: Session, who: Viewer, kind: str, card_id: int, item: Mapping[str, Any] | None = None
) -> Subject:
    """The card with its client and the viewer's rights; raises `Denied`.

    `item`: the card as the portal has just shown it to the viewer; without it the mirror says whose card it is.
    """
    if who.card != (kind, card_id):
        raise Denied("no_card")
    card = CardKey(cast("CardKind", kind), card_id)
    mirrored = rows.card(session, who.portal_id, kind, card_id)
    client = client_of(session, who.portal_id, card, mirrored, item)
    owners = {getattr(mirrored, "assigned_by", None), _number(item, "assignedById")}
    managers = set(owners)
    city = ""
    if client is not None:
        known = rows.titles(session, who.portal_id, client)
        if known:
            owners.add(known[1])
            managers.add(known[1])
            city = known[2]
        line = rows.last_line(session, who.portal_id, client)
        if line is not None:
            owners.add(line.manager_id)
            managers.add(line.manager_id)
            city = city or line.city
        owners |= rows.responsibles(session, who.portal_id, client)
    return Subject(
        portal_id=who.portal_id, card=card, client=client, rights=rights.of(session, who.portal_id, who),
        owners=frozenset(user for user in owners if user), managers=frozenset(user for user in managers if user),
        city=city, actor=rights.name_of(session, who.portal_id, who.user_id),
    )  # fmt: skip


def checked(deps: Deps, who: Viewer, kind: str, card_id: int, action: Action) -> Subject:
    """The card for an act of the viewer; raises `Denied` if they may not do it, or the card has no client."""
    with reading(deps.sessions) as session:
        found = subject(session, who, kind, card_id)
    if found.client is None:
        raise Denied("no_client")
    if reason := found.why_not(action):
        raise Denied(reason)
    return found


def serving(deps: Deps, who: Viewer, kind: str, card_id: int) -> Subject:
    """The card for an act about how its client came, which a lead or a deal without a client has as well.

    Whoever sees the client by role may do it, its own people among them; raises `Denied` for others.
    """
    with reading(deps.sessions) as session:
        found = subject(session, who, kind, card_id)
    if reason := found.why_not("hold"):
        raise Denied(reason)
    return found


def client_of(
    session: Session, portal_id: int, card: CardKey, mirrored: Any, item: Mapping[str, Any] | None
) -> ClientKey | None:
    """Whose card it is: the company, else the person (product.md 2); nobody for the agency's own company."""
    if card.kind == "company":
        own = item.get("isMyCompany") in ("Y", True) if item else bool(mirrored and mirrored.own)
        return None if own else ClientKey("company", card.id)
    company, contact = _links(card, mirrored, item)
    if not company and contact:
        person = mirrored if card.kind == "contact" else rows.card(session, portal_id, "contact", contact)
        company = _company_of(person) if not (card.kind == "contact" and item) else 0
    if company:
        row = rows.card(session, portal_id, "company", company)
        if row is None or not row.own:
            return ClientKey("company", company)
    return ClientKey("contact", contact) if contact else None


def _links(card: CardKey, mirrored: Any, item: Mapping[str, Any] | None) -> tuple[int, int]:
    """Company and contact a card names; the portal's answer goes before the mirror."""
    if item is not None:
        many = item.get("companyIds") if card.kind == "contact" else item.get("contactIds")
        first = next((int(one) for one in many or () if str(one).isdigit() and int(one)), 0)
        company = _number(item, "companyId") or (first if card.kind == "contact" else 0) or 0
        contact = card.id if card.kind == "contact" else _number(item, "contactId") or first
        return company, contact or 0
    if mirrored is None:
        return 0, 0
    if card.kind == "contact":
        return _company_of(mirrored), card.id
    return mirrored.company_id or 0, mirrored.contact_id or 0


def _company_of(person: Any) -> int:
    if person is None:
        return 0
    return person.company_id or next(iter(person.company_ids or ()), 0)


def _number(item: Mapping[str, Any] | None, name: str) -> int | None:
    value = str((item or {}).get(name) or "")
    return int(value) if value.isdigit() and len(value) < 19 and int(value) else None
