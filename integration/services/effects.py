"""What a call that worked means for us: its row, the mirror, and whoever waits for what it made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix.call import created_id
from integration.bitrix.calls import ENTITY_TYPES
from integration.bitrix.records.fields import to_moment
from integration.logs import log
from integration.services import followups, referral_reminders, referral_thanks, waves_cards
from integration.services.cards import TABLES, Reading
from integration.services.deps import Deps
from integration.store import chores, mirror, queue
from integration.store import portals as portal_rows
from integration.store.base import transaction
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal

UPDATE = "crm.item.update"
_KIND_OF = {number: kind for kind, number in ENTITY_TYPES.items()}

Made = Callable[[Session, int, int, int, datetime], None]  # session, portal, cause, what was made, now

# What is told about the id of something made, by the purpose of the call.
MADE: dict[str, Made] = {
    "task": followups.task_created,
    "checklist": followups.checklist_created,
    "reminder": referral_reminders.made,
    "thanks": referral_thanks.task_made,
    waves_cards.TASK: waves_cards.owner_task_made,
}


class _LeaseLost(Exception):
    """Somebody else works on the row by now."""


def succeed(deps: Deps, row: OutboxRow, result: Any, made: int | None = None) -> None:
    """Finish a call's row together with everything that follows from it, in one commit."""
    now = deps.clock.now()
    made = made or created_id(result) if not row.call["repeat"] else None
    try:
        with transaction(deps.sessions) as session:
            if not queue.done(session, row, now, result=made if made is not None else _short(result)):
                raise _LeaseLost
            if row.method == UPDATE:
                _into_mirror(session, portal_rows.get(session, row.portal_id), row, result)
            tell = MADE.get(row.purpose)
            if tell is not None and made is not None:
                tell(session, row.portal_id, row.cause_id, made, now)
            elif tell is not None:
                log(__name__).error("outbox.no_id", portal=row.portal_id, lane=row.lane, method=row.method)
    except _LeaseLost:
        log(__name__).warning("outbox.lease_lost", portal=row.portal_id, lane=row.lane, method=row.method)


def succeed_all(deps: Deps, many: Sequence[tuple[OutboxRow, Any]]) -> bool:
    """Finish calls of one portal that made nothing new, in one commit; False if none could be, by our own fault."""
    if not many:
        return True
    now = deps.clock.now()
    try:
        with transaction(deps.sessions) as session:
            portal = portal_rows.get(session, many[0][0].portal_id)
            for row, result in many:
                if not queue.done(session, row, now, result=_short(result)):
                    log(__name__).warning(
                        "outbox.lease_lost", portal=row.portal_id, lane=row.lane, method=row.method
                    )
                elif row.method == UPDATE:
                    _into_mirror(session, portal, row, result)
    except Exception:
        log(__name__).exception("outbox.one_by_one", portal=many[0][0].portal_id, rows=len(many))
        return False
    return True


def _short(result: Any) -> Any:
    """What is kept of an answer: nothing personal."""
    return result if isinstance(result, bool | int) else True


def _into_mirror(session: Session, portal: Portal | None, row: OutboxRow, result: Any) -> None:
    """What we wrote stands in the mirror at once, so that the event it causes changes nothing (product.md B6)."""
    call = row.call["params"]
    kind = _KIND_OF.get(call.get("entityTypeId"))
    card = session.get(TABLES[kind], (row.portal_id, int(call["id"]))) if kind else None
    if kind is None or portal is None or card is None:
        return
    item = _item(result)
    written = {code: item.get(code, value) for code, value in call["fields"].items()}
    ours = Reading(portal.id, portal.fields or {}).ours(kind, written)
    columns: dict[str, Any] = {}
    for name in ("referral", "scores"):
        if ours.get(name):
            columns[name] = {**(getattr(card, name) or {}), **ours[name]}
    single = {
        "UF_CRM_MOLVA_OPT_OUT": "opted_out",
        "UF_CRM_MOLVA_HOLD_UNTIL": "hold_until",
        "UF_CRM_MOLVA_ROLE": "role",
        "UF_CRM_MOLVA_REFERRER": "referrer",
    }
    columns |= {name: ours[name] for code, name in single.items() if code in written and name in ours}
    if "sourceId" in written and kind in ("deal", "lead"):
        columns["source_id"] = str(written["sourceId"] or "")[:64]
    moment = to_moment(item.get("updatedTime"))
    if moment is not None:
        columns["updated_at"] = moment
    if columns:
        mirror.patch(session, row.portal_id, TABLES[kind], int(call["id"]), columns)


def untaken(row: OutboxRow, result: Any) -> str:
    """The first of our fields that the portal's answer does not show as written; empty if all are there.

    A field that does not exist is ignored without an error, and the score with it (bitrix24.md pitfall 29).
    """
    if row.method != UPDATE:
        return ""
    item = _item(result)
    if not item:
        return ""
    for code, value in row.call["params"]["fields"].items():
        if code.startswith("UF_") and (code not in item or (_filled(value) and not _filled(item[code]))):
            return str(code)
    return ""


def _item(result: Any) -> Mapping[str, Any]:
    item = result.get("item") if isinstance(result, dict) else None
    return item if isinstance(item, dict) else {}


def _filled(value: Any) -> bool:
    return value is not False and value not in (None, "", [], {})


def order_setup(deps: Deps, portal_id: int) -> None:
    """A field seems to be gone: compare and complete now."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        chores.schedule(session, portal_id, "setup", now)
