"""A last look before referral fields are written: whoever was faster than us is not overwritten (product.md B5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from integration.bitrix import calls
from integration.bitrix.call import Call, rows_at
from integration.logs import log
from integration.nps.people import CardKey
from integration.services.access import PortalRest
from integration.services.cards import REFERRAL
from integration.services.deps import Deps
from integration.services.referral_cards import fields_of, overtaken
from integration.store import inbox as inbox_rows
from integration.store import portals as portal_rows
from integration.store import referrals as rows
from integration.store.base import reading, transaction
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal

PURPOSE = "referral"
LOOK = "LOOK"  # the name under which a card waits in the inbox without an event


def unspoiled(deps: Deps, rest: PortalRest, claimed: Sequence[OutboxRow]) -> list[OutboxRow]:
    """Without those referral writes that came too late: a person has changed the very field since they were ordered.

    One request for all of them; raises `BitrixError`. A write that is dropped leads to a new look at its card.
    """
    mine = {_card(row): row for row in claimed if row.purpose == PURPOSE}
    if not mine:
        return list(claimed)
    found = rest.batch(_reads(list(mine)))
    late: list[OutboxRow] = []
    with reading(deps.sessions) as session:
        portal = portal_rows.get(session, rest.portal_id)
        marks = rows.marks(session, rest.portal_id, list(mine))
    for kind, answer in found.answers.items():
        for item in rows_at(answer.result, "items"):
            key = rows.key_of(kind, int(item["id"]))
            mark = marks.get(key)
            if portal is None or mark is None or key not in mine:
                continue
            if overtaken(_seen(portal, kind, item), mine[key].call["params"]["fields"], mark.wrote):
                late.append(mine[key])
    if late:
        with transaction(deps.sessions) as session:
            for row in late:
                _drop(session, rest.portal_id, row, deps)
    return [row for row in claimed if row not in late]


def _card(row: OutboxRow) -> CardKey:
    kind, _, number = row.lane.partition(":")
    return rows.key_of(kind, int(number))


def _reads(keys: Sequence[CardKey]) -> dict[str, Call]:
    by_kind: dict[str, list[int]] = {}
    for key in keys:
        by_kind.setdefault(key.kind, []).append(key.id)
    select = ["id", "sourceId", *REFERRAL]
    return {
        kind: calls.item_list(kind, select if kind in ("lead", "deal") else ["id", *REFERRAL], filter={"@id": ids})  # type: ignore[arg-type]
        for kind, ids in by_kind.items()
    }  # fmt: skip


def _seen(portal: Portal, kind: str, item: Mapping[str, Any]) -> Any:
    return fields_of(portal, kind, item, str(item.get("sourceId") or ""))


def _drop(session: Session, portal_id: int, row: OutboxRow, deps: Deps) -> None:
    now = deps.clock.now()
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.id == row.id, OutboxRow.owner == row.owner, OutboxRow.status == "working")
        .values(status="superseded", finished_at=now, error="overtaken", owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )
    kind, _, number = row.lane.partition(":")
    inbox_rows.store(session, portal_id, now, LOOK, kind, int(number))
    log(__name__).info("referral.overtaken", portal=portal_id, lane=row.lane)


__all__ = ["unspoiled"]
