"""Writing referral fields to cards, and remembering what of it was ours (product.md B4, B5)."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix.links import crm_link
from integration.nps.intents import WriteReferral
from integration.nps.people import CardKey
from integration.services.calls_queue import Cause, ListValue, lane_of, queue_fields
from integration.services.referral_cards import DAY, REFERRER, SOURCE, present
from integration.store.portals import Portal
from integration.store.referral_rows import ReferralMark

EMPTIED = "-"  # instead of an entry of ours: a person emptied the field, and it stays empty


def write(
    session: Session,
    portal: Portal,
    intent: WriteReferral,
    cause: Cause,
    now: datetime,
    *,
    via: CardKey | None = None,
    by_person: bool = False,
) -> int | None:
    """Queue one update of a card and note what of it is ours; the row's id.

    `via`: the card the entry is carried from. `by_person`: somebody entered it in the tab, so it is theirs.
    """
    values: dict[str, Any] = {}
    said: dict[str, str] = {}
    if intent.source is not None:
        values[SOURCE], said["source"] = ListValue(intent.source), intent.source
    if intent.referrer is not None:
        said["referrer"] = values[REFERRER] = crm_link(intent.referrer.kind, intent.referrer.id)
    if intent.day is not None:
        said["day"] = values[DAY] = intent.day.isoformat()
    if intent.source_id is not None:
        said["source_id"] = values["sourceId"] = intent.source_id
    for name, code in (("source", SOURCE), ("referrer", REFERRER), ("day", DAY)):
        if name in intent.clear:
            values[code] = said[name] = ""
    mark = _mark(session, portal.id, intent.card, now)
    wrote = dict(mark.wrote or {})
    wrote["was"] = _was(session, portal, intent.card, said, wrote, by_person)
    if by_person:
        wrote = {name: value for name, value in wrote.items() if name not in said or name == "source_id"}
        wrote |= dict.fromkeys(intent.clear, EMPTIED)
        wrote |= {"source_id": said["source_id"]} if "source_id" in said else {}
    else:
        wrote |= said
        mark.via_kind, mark.via_id = (via.kind, via.id) if via and via != intent.card else ("", 0)
    mark.wrote, mark.written_at, mark.count = wrote, now, (mark.count or 0) + 1
    content = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:20]
    key = f"referral:{lane_of(intent.card)}:{content}:{mark.count}"
    return queue_fields(
        session, portal, intent.card, values, purpose="referral", cause=cause, now=now, key=key
    )


def reopen(session: Session, portal_id: int, card: CardKey) -> None:
    """Fields that a person emptied in the tab may be filled again by rule: the person has taken that back."""
    mark = session.get(ReferralMark, (portal_id, card.kind, card.id))
    if mark is not None:
        mark.wrote = {name: value for name, value in mark.wrote.items() if value != EMPTIED}
        session.flush()


def _was(
    session: Session,
    portal: Portal,
    card: CardKey,
    said: dict[str, str],
    wrote: dict[str, Any],
    by_person: bool,
) -> dict[str, list[str]]:
    """What may stand in each field when the write arrives; anything else is a person's, who was faster.

    A person who enters something in the tab does mean to replace what stands there.
    """
    was = {name: list(values) for name, values in (wrote.get("was") or {}).items()}
    if by_person:
        return {name: values for name, values in was.items() if name not in said}
    stands = present(session, portal, [card]).get(card)
    for name, value in said.items():
        before = getattr(stands, name) if stands else ""
        known = was.get(name, []) if stands and stands.under_way else []
        was[name] = list(dict.fromkeys([*known, before, value]))
    return was


def _mark(session: Session, portal_id: int, card: CardKey, now: datetime) -> ReferralMark:
    mark = session.get(ReferralMark, (portal_id, card.kind, card.id), with_for_update=True)
    if mark is None:
        mark = ReferralMark(
            portal_id=portal_id, card_kind=card.kind, card_id=card.id, wrote={}, count=0, via_kind="", via_id=0,
            written_at=now,
        )  # fmt: skip
        session.add(mark)
        session.flush()
    return mark
