"""Which layouts a portal has, and which of our fields belong into them (bitrix24.md 8.5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from integration.bitrix.links import Entity
from integration.bitrix.manifest import FIELDS
from integration.services.deps import Deps
from integration.store import layouts as rows
from integration.store import policies as policy_rows
from integration.store import portals as portal_rows
from integration.store.base import reading
from integration.store.portals import Portal

LEAD_KINDS = {1: "new", 2: "returning"}  # leadCustomerType


@dataclass(frozen=True, slots=True)
class Place:
    """One layout of a portal: kind of card, its part (pipeline, kind of leads) and the part's name."""

    kind: Entity
    part: int
    name: str = ""


def places(session: Session, portal: Portal) -> list[Place]:
    """The layouts a portal has: each pipeline's deals, companies, contacts, and leads where it uses them."""
    pipelines = policy_rows.pipelines(session, portal.id) or {0: ""}
    found = [Place("deal", number, name) for number, name in sorted(pipelines.items())]
    found += [Place("company", 0), Place("contact", 0)]
    if portal.crm_mode != 2:
        found += [Place("lead", number, name) for number, name in LEAD_KINDS.items()]
    return found


def codes_of(portal: Portal, kind: str) -> list[str]:
    """Our fields that this portal has on a kind of card, in the order of the manifest."""
    there = portal.fields.get(kind) or {}
    return [spec.code for spec in FIELDS if spec.code in there]


@dataclass(frozen=True, slots=True)
class Change:
    """The last change of one layout that put fields in; `asked_at` is UTC."""

    id: int
    kind: str
    part: int
    status: str
    problem: str
    author: str
    asked_at: datetime


def changes(deps: Deps, portal_id: int) -> list[Change]:
    """The last change of each layout."""
    with reading(deps.sessions) as session:
        return [
            Change(row.id, row.kind, row.part, row.status, row.problem, row.author, row.asked_at)
            for row in rows.latest(session, portal_id)
        ]


def our_fields(deps: Deps, portal_id: int, kind: str) -> list[str]:
    """Codes of our fields on a kind of card."""
    with reading(deps.sessions) as session:
        portal = portal_rows.get(session, portal_id)
        return codes_of(portal, kind) if portal is not None else []
