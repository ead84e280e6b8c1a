"""Putting calls into the outbox, and what the portal's fields are called there (product.md B4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from integration.bitrix.calls import Call, item_update
from integration.logs import log
from integration.nps.people import CardKey
from integration.store.outbox import NO_RIGHT, OutboxRow
from integration.store.portals import Portal
from integration.store.queue import put_once

_log = log(__name__)

MISSING = "fields_missing"  # error code of a buried write: the portal lacks a field or a list value of ours
REFUSED_VALUE = "crm_field_error_value_not_valid"  # a list value that the portal does not know any more
PLACE = "xml_id"  # key of a placeholder for a list value whose id is not known yet


@dataclass(frozen=True, slots=True)
class Cause:
    """What a call goes back to: `response` 12 in revision 3. The same cause queues the same call once."""

    kind: str
    id: int
    revision: int = 1

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}:r{self.revision}"


@dataclass(frozen=True, slots=True)
class ListValue:
    """A value of one of our list fields by its XML_ID; ids differ by portal and kind of card (bitrix24.md 8.4)."""

    xml_id: str


def queue_call(
    session: Session,
    portal: Portal,
    call: Call,
    *,
    lane: str,
    key: str,
    purpose: str,
    cause: Cause,
    now: datetime,
) -> int | None:
    """Queue one call once; the row's id, or nothing if this cause has queued it before."""
    return put_once(
        session,
        OutboxRow,
        portal_id=portal.id,
        lane=lane,
        now=now,
        key=key,
        purpose=purpose,
        method=call.method,
        call=call.to_json(),
        cause_kind=cause.kind,
        cause_id=cause.id,
    )


def queue_fields(
    session: Session,
    portal: Portal,
    card: CardKey,
    values: Mapping[str, Any],
    *,
    purpose: str,
    cause: Cause,
    now: datetime,
    key: str = "",
) -> int | None:
    """Queue one update of our fields of one card. List values are given as `ListValue`.

    If the portal lacks a field, the row is buried at once under `fields_missing`, so that people see it;
    `repair_fields` sends it on its way when the fields are there.
    """
    fields, missing = resolve(portal, card.kind, values)
    call = item_update(card.kind, card.id, fields)
    row_id = queue_call(
        session, portal, call, lane=lane_of(card), key=key or f"{cause}:{lane_of(card)}:{purpose}",
        purpose=purpose, cause=cause, now=now,
    )  # fmt: skip
    if missing and row_id is not None:
        row = session.get_one(OutboxRow, row_id)
        row.status, row.finished_at, row.error = "buried", now, f"{MISSING}: {', '.join(missing)}"
        _log.warning("fields.missing", portal=portal.id, card=card.kind, fields=missing)
    return row_id


def fields_row(
    portal: Portal, card: CardKey, values: Mapping[str, Any], *, purpose: str, cause: Cause, now: datetime
) -> dict[str, Any]:
    """What `queue_fields` would queue, for many updates that are put into the outbox together (`put_all`)."""
    fields, missing = resolve(portal, card.kind, values)
    call = item_update(card.kind, card.id, fields)
    return {
        "lane": lane_of(card), "due_at": now, "created_at": now,
        "key": f"{cause}:{lane_of(card)}:{purpose}", "purpose": purpose, "method": call.method,
        "call": call.to_json(), "cause_kind": cause.kind, "cause_id": cause.id,
        "status": "buried" if missing else "waiting", "finished_at": now if missing else None,
        "error": f"{MISSING}: {', '.join(missing)}" if missing else "",
    }  # fmt: skip


def repair_fields(session: Session, portal: Portal, now: datetime) -> int:
    """After a set-up: let the writes go that were buried for missing fields; how many went.

    Those that wait until a right is given are tried at once: a new installation may have brought it.
    """
    waits = (OutboxRow.portal_id == portal.id) & (OutboxRow.status == "waiting")
    session.execute(update(OutboxRow).where(waits, OutboxRow.error.startswith(NO_RIGHT)).values(due_at=now))
    rows = session.scalars(
        select(OutboxRow).where(
            OutboxRow.portal_id == portal.id,
            OutboxRow.status == "buried",
            OutboxRow.error.startswith(MISSING),
        )
    )
    count = 0
    for row in rows:
        kind = row.lane.partition(":")[0]
        call = Call.from_json(row.call)
        fields, missing = resolve(portal, kind, call.params["fields"])
        if missing:
            continue
        row.call = Call(call.method, {**call.params, "fields": fields}).to_json()
        row.status, row.due_at, row.finished_at, row.error = "waiting", now, None, ""
        count += 1
    return count


def renumber(session: Session, portal: Portal, known: Mapping[str, Any], now: datetime) -> int:
    """After a set-up: give the writes that have not worked yet the present ids of their list values; how many.

    Somebody has deleted a value, the portal has refused it since, and the set-up has made it anew with another
    id: those writes go again. `known`: the portal's fields as they were before.
    """
    moved = _moved(known, portal.fields)
    if not moved:
        return 0
    statement = select(OutboxRow).where(
        OutboxRow.portal_id == portal.id,
        OutboxRow.method == "crm.item.update",
        OutboxRow.status.in_(("waiting", "buried")),
    )
    count = 0
    for row in session.scalars(statement.order_by(OutboxRow.id)):
        kind, call = row.lane.partition(":")[0], Call.from_json(row.call)
        fields = {
            code: moved.get((kind, code, str(value)), value) for code, value in call.params["fields"].items()
        }
        if fields == call.params["fields"]:
            continue
        row.call = Call(call.method, {**call.params, "fields": fields}).to_json()
        count += 1
        if row.status == "buried" and row.error.startswith(REFUSED_VALUE):
            row.status, row.due_at, row.finished_at, row.attempts, row.error = "waiting", now, None, 0, ""
    return count


def _moved(known: Mapping[str, Any], present: Mapping[str, Any]) -> dict[tuple[str, str, str], str]:
    """Former ids of list values, by kind and code, and what they are now."""
    found: dict[tuple[str, str, str], str] = {}
    for kind, codes in known.items():
        for code, about in codes.items():
            items = ((present.get(kind) or {}).get(code) or {}).get("items") or {}
            for xml_id, number in (about.get("items") or {}).items():
                if xml_id in items and str(items[xml_id]) != str(number):
                    found[kind, code, str(number)] = str(items[xml_id])
    return found


def resolve(portal: Portal, kind: str, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Values as the portal wants them, and the codes of fields or list values it lacks (left as placeholders)."""
    known: Mapping[str, Any] = portal.fields.get(kind, {})
    fields: dict[str, Any] = {}
    missing: list[str] = []
    for code, value in values.items():
        xml_id = value.xml_id if isinstance(value, ListValue) else _placeholder(value)
        if xml_id is not None:
            item = list_items(portal, kind, code).get(xml_id)
            fields[code] = {PLACE: xml_id} if item is None else item
            if item is None:
                missing.append(f"{code}={xml_id}" if code in known else code)
            continue
        fields[code] = value
        if code.startswith("UF_CRM_") and code not in known:
            missing.append(code)
    return fields, missing


def _placeholder(value: Any) -> str | None:
    return value[PLACE] if isinstance(value, dict) and set(value) == {PLACE} else None


def list_items(portal: Portal, kind: str, code: str) -> dict[str, str]:
    """Ids of a list field's values in this portal on this kind of card, by XML_ID."""
    found = portal.fields.get(kind, {}).get(code, {}).get("items") or {}
    return {str(xml_id): str(item_id) for xml_id, item_id in found.items()}


def lane_of(card: CardKey) -> str:
    """The lane that keeps the writes to one card in order (product.md B4)."""
    return f"{card.kind}:{card.id}"
