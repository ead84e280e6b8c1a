"""A wave that was approved, with many thousand people to be written to, put in in bulk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any

from benchmarks.databases import Database
from benchmarks.freezing_rows import _writer
from benchmarks.portal import KEY
from integration.adapters import vault_keys
from integration.nps.plans import Plan
from integration.nps.policy import Policy, Sender
from integration.nps.policy_json import to_json
from integration.store.base import Vault, make_engine, make_sessions, transaction
from integration.store.clients import Company, Contact, ContactCompany, Deal
from integration.store.policies import PolicyRow
from integration.store.portals import Portal, Staff, Stage
from integration.store.waves import Invitation, Wave, WaveClient

ZONE = "Europe/Moscow"
SERVICE = 1
NOW = datetime(2026, 1, 12, 6, 0, tzinfo=UTC)
LINK = "UF_CRM_MOLVA_SURVEY_URL"
#: When each step is due, at nine in Moscow: a name, the moment, the keys of its letters.
STEPS = (
    ("announcement", datetime(2026, 2, 16, 6, tzinfo=UTC)),
    ("invitation", datetime(2026, 3, 2, 6, tzinfo=UTC)),
    ("reminder_1", datetime(2026, 3, 6, 6, tzinfo=UTC)),
    ("reminder_2", datetime(2026, 3, 11, 6, tzinfo=UTC)),
    ("closing", datetime(2026, 3, 18, 6, tzinfo=UTC)),
)
_PLAN = Plan(
    zone=ZONE, drafted=date(2026, 1, 19), owner_reminders=(), announce=date(2026, 2, 16), start=date(2026, 3, 2),
    calling=None, mailing=date(2026, 3, 2), reminders=(date(2026, 3, 6), date(2026, 3, 11)),
    closing=date(2026, 3, 18), frozen_on=date(2026, 4, 1),
)  # fmt: skip


def _sender(key: str, user: int, name: str) -> Sender:
    return Sender(
        key=key, user_id=user, name=name, position="director", email=f"{key}@agency.example.com", phone="+74950000001"
    )  # fmt: skip


def policy() -> Policy:
    """The settings the wave was frozen with."""
    return Policy(
        service_pipelines=(SERVICE,), time_zone=ZONE, language="ru", country="RU", critical_tasks=False,
        senders=(_sender("head", 1, "Anna Head"), _sender("branch", 5, "Olga Branch")), head_sender="head",
        default_sender="branch", head_user_id=1, wave_owner=1, default_owner=5,
    )  # fmt: skip


def fill(database: Database, people: int) -> None:
    """A portal with so many clients of one person each, all of them asked."""
    Vault.configure(vault_keys((KEY,)))
    engine = make_engine(database.url)
    with transaction(make_sessions(engine)) as session:
        session.add(
            Portal(
                id=1, member_id="m", kind="webhook", status="active", domain="portal.example", time_zone=ZONE,
                endpoint="https://portal.example/rest/", access_token="1/x", installed_at=NOW, setup_at=NOW,
                synced_at=NOW, language="ru", fields={"contact": {LINK: {"id": 1, "type": "string", "items": {}}}},
                calendar={"week_holidays": ["SA", "SU"], "year_holidays": "23.02,8.03", "work_time_start": "9"},
            )
        )  # fmt: skip
        session.flush()
        session.add(PolicyRow(portal_id=1, version=1, body=to_json(policy()), saved_at=NOW))
        for user, name, last in ((1, "Anna", "Head"), (5, "Olga", "Branch"), (6, "Ivan", "Manager")):
            session.add(Staff(portal_id=1, user_id=user, name=name, last_name=last, departments=[1]))
        session.add(
            Stage(
                portal_id=1,
                stage_id="C1:WORK",
                category_id=SERVICE,
                category_name="Support",
                name="Work",
                semantics="P",
            )
        )
        session.add(
            Wave(
                id=1, portal_id=1, name="2026", stage="rehearsed", policy_version=1, plan=_PLAN.to_json(),
                planned_at=NOW, approved_by="Anna Head", approved_at=NOW, frozen_at=NOW, step_due_at=STEPS[0][1],
            )
        )  # fmt: skip
    engine.dispose()
    tables: list[tuple[Any, Iterable[dict[str, Any]]]] = [
        (Company, _companies(people)), (Contact, _contacts(people)), (ContactCompany, _links(people)),
        (Deal, _deals(people)), (WaveClient, _lines(people)), (Invitation, _invitations(people)),
    ]  # fmt: skip
    with _writer(database) as writer:
        for model, rows in tables:
            writer.insert(model.__table__, rows)


def address(n: int) -> str:
    """Where a person is written to."""
    return f"person{n}@client{n}.example.com"


def token(n: int) -> str:
    """Of a person's link."""
    return f"token-{n:026d}"


def _companies(people: int) -> Iterator[dict[str, Any]]:
    for n in range(1, people + 1):
        yield {
            "portal_id": 1, "id": n, "title": f"Company {n}", "own": False, "opted_out": False, "assigned_by": 6,
            "city": "Town", "referral": {}, "scores": {},
        }  # fmt: skip


def _contacts(people: int) -> Iterator[dict[str, Any]]:
    for n in range(1, people + 1):
        yield {
            "portal_id": 1, "id": n, "name": "Eva", "last_name": f"Ray-{n}", "company_ids": [n], "assigned_by": 6,
            "opted_out": False, "second_name": "", "post": "", "role": "", "language": "", "referral": {}, "scores": {},
        }  # fmt: skip


def _links(people: int) -> Iterator[dict[str, Any]]:
    yield from ({"portal_id": 1, "contact_id": n, "company_id": n} for n in range(1, people + 1))


def _deals(people: int) -> Iterator[dict[str, Any]]:
    for n in range(1, people + 1):
        yield {
            "portal_id": 1, "id": n, "title": f"Deal {n}", "category_id": SERVICE, "stage_id": "C1:WORK",
            "semantics": "P", "client_kind": "company", "client_id": n, "company_id": n, "contact_id": n,
            "contact_ids": [], "assigned_by": 6, "source_id": "", "amount": 100, "currency": "RUB",
            "recurring": False, "referral": {}, "scores": {},
        }  # fmt: skip


def _lines(people: int) -> Iterator[dict[str, Any]]:
    for n in range(1, people + 1):
        yield {
            "id": n, "portal_id": 1, "wave_id": 1, "client_kind": "company", "client_id": n, "name": f"Company {n}",
            "city": "Town", "eligible": True, "reason": "", "reason_detail": "", "since_source": "", "deal_id": n,
            "deal_ids": [], "manager_id": 6, "yearly_revenue": 0,
        }  # fmt: skip


def _invitations(people: int) -> Iterator[dict[str, Any]]:
    for n in range(1, people + 1):
        yield {
            "id": n, "portal_id": 1, "wave_id": 1, "wave_client_id": n, "contact_id": n, "name": f"Eva Ray-{n}",
            "address": address(n), "phone": "", "shared": False, "role": "decides", "language": "ru", "time_zone": ZONE,
            "sender_key": "branch", "token": token(n), "outcome": "", "outcome_detail": {}, "touches": {},
            "skipped": {}, "due_at": STEPS[0][1],
        }  # fmt: skip
