"""People who were asked and may answer this moment, each with a one-time value in hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from benchmarks import advancing_rows
from benchmarks.databases import Database
from benchmarks.freezing_rows import _writer
from integration.services.survey_guard import digest
from integration.store.base import make_engine, make_sessions, transaction
from integration.store.portals import Portal
from integration.store.responses import Proof
from integration.store.waves import Invitation, Wave

LISTS = {
    "UF_CRM_MOLVA_NPS_GROUP": ("promoter", "passive", "detractor"),
    "UF_CRM_MOLVA_NPS_CHANNEL": ("phone", "email", "link", "messenger", "import", "in_person"),
}
PLAIN = tuple(f"UF_CRM_MOLVA_NPS_{name}" for name in ("SCORE", "DATE", "COMMENT", "WAVE"))
KINDS = ("deal", "company", "contact")


def proof(n: int) -> str:
    """A person's one-time value."""
    return f"proof-{n:026d}"


def fields() -> dict[str, Any]:
    """The portal's fields as a set-up leaves them."""
    lists = {
        code: {"id": 1, "type": "enumeration", "items": {name: str(n) for n, name in enumerate(names, 1)}}
        for code, names in LISTS.items()
    }
    plain = {code: {"id": 2, "type": "string", "items": {}} for code in (*PLAIN, advancing_rows.LINK)}
    return dict.fromkeys(KINDS, lists | plain)


def fill(database: Database, people: int) -> None:
    """The wave of `advancing_rows` on the days of its question, and everybody's value."""
    advancing_rows.fill(database, people)
    engine = make_engine(database.url)
    now = datetime.now(UTC)
    with transaction(make_sessions(engine)) as session:
        session.get_one(Portal, 1).fields = fields()
        session.get_one(Wave, 1).stage = "mailing"
        session.execute(update(Invitation).values(due_at=now + timedelta(days=4)))
    engine.dispose()
    with _writer(database) as writer:
        writer.insert(Proof.__table__, _proofs(people, now))


def _proofs(people: int, now: datetime) -> Iterator[dict[str, Any]]:
    for n in range(1, people + 1):
        yield {
            "portal_id": 1, "value": digest(proof(n)), "invitation_id": n, "purpose": "answer",
            "opened_at": now - timedelta(minutes=5), "issued_at": now - timedelta(minutes=4),
            "expires_at": now + timedelta(days=1),
        }  # fmt: skip
