"""A portal with so many clients, a wave of last year that is closed and one of this year that runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import insert, text

from benchmarks.databases import Database
from benchmarks.portal import KEY
from integration.adapters import vault_keys
from integration.nps.plans import Plan
from integration.nps.policy import Policy, Sender
from integration.nps.policy_json import to_json
from integration.store.base import Vault, make_engine, make_sessions, transaction
from integration.store.clients import Company, Contact, ContactCompany, Deal, StageMove
from integration.store.followups import FollowUp
from integration.store.policies import PolicyRow
from integration.store.portals import Department, Portal, Staff, Stage
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveClient

NOW = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
START = date(2026, 11, 2)
LAST, THIS = 1, 2
MANAGERS = 40
ADMIN = 1
REASONS = ("too_new", "asked_recently", "on_hold", "opted_out", "no_respondent", "no_channel", "not_current")
AT_ONCE = 5_000
ZONE = "Europe/Moscow"


def policy() -> Policy:
    """Complete settings: somebody signs, somebody owns."""
    head = Sender("head", ADMIN, "Анна Иванова", "директор", "anna@agency.example", "+7 495 000-00-00")
    return Policy(
        service_pipelines=(1,), time_zone=ZONE, language="ru", country="RU", senders=(head,), head_sender="head",
        default_sender="head", head_user_id=ADMIN, default_owner=2, wave_owner=ADMIN,
    )  # fmt: skip


def fill(database: Database, clients: int) -> None:
    """The rows of a portal: every client a company with one person and one deal; nine of ten are asked."""
    Vault.configure(vault_keys((KEY,)))
    engine = make_engine(database.url)
    sessions = make_sessions(engine)
    with transaction(sessions) as session:
        session.add(_portal())
        session.flush()
        session.add(PolicyRow(portal_id=1, version=1, body=to_json(policy()), author="a", saved_at=NOW))
        session.add_all(_staff())
        session.add(Department(portal_id=1, department_id=1, name="Агентство", head_user_id=ADMIN))
        session.add(
            Stage(
                portal_id=1, stage_id="C1:WORK", category_id=1, category_name="Сопровождение", name="В работе"
            )
        )
        session.add_all(
            [
                _wave(LAST, "2025", "closed", START - timedelta(days=365)),
                _wave(THIS, "2026", "mailing", START),
            ]
        )
    with engine.begin() as connection:
        for model, rows in _tables(clients):
            for part in _parts(rows):
                connection.execute(insert(model), part)
        if connection.dialect.name == "postgresql":
            for name in ("wave_clients", "invitations", "responses", "followups", "waves", "portals"):
                connection.execute(text(f"SELECT setval('{name}_id_seq', 10000000)"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def _portal() -> Portal:
    return Portal(
        id=1, member_id="m", client_id="app.bench", kind="market", status="active", domain="portal.example",
        time_zone=ZONE, endpoint="https://portal.example/rest/", access_token="x", refresh_token="x",
        language="ru", installed_at=NOW - timedelta(days=400), setup_at=NOW, synced_at=NOW - timedelta(days=400),
        first_run_at=NOW - timedelta(days=400),
    )  # fmt: skip


def _staff() -> Iterator[Staff]:
    for user in range(1, MANAGERS + 1):
        yield Staff(portal_id=1, user_id=user, name="Имя", last_name=f"Фамилия {user}", departments=[1])


def _wave(number: int, name: str, stage: str, start: date) -> Wave:
    plan = Plan(
        zone=ZONE, drafted=start - timedelta(days=42), owner_reminders=(), announce=start - timedelta(days=14),
        start=start, calling=None, mailing=start, reminders=(start + timedelta(days=4),),
        closing=start + timedelta(days=14),
        frozen_on=start + timedelta(days=28),
    )  # fmt: skip
    then = datetime.combine(start, datetime.min.time(), UTC)
    return Wave(
        id=number, portal_id=1, name=name, stage=stage, policy_version=1, plan=plan.to_json(), planned_at=then,
        approved_by="a", approved_at=then, frozen_at=then, step_due_at=NOW + timedelta(days=4),
        closed_at=then + timedelta(days=21) if stage == "closed" else None,
    )  # fmt: skip


def _tables(clients: int) -> Iterator[tuple[Any, Iterable[dict[str, Any]]]]:
    numbers = range(1, clients + 1)
    yield Company, ({
        "portal_id": 1, "id": n, "title": f"Клиент {n}", "own": False, "assigned_by": _manager(n), "city": _city(n),
        "opted_out": False, "referral": {}, "scores": {},
    } for n in numbers)  # fmt: skip
    yield Contact, ({
        "portal_id": 1, "id": n, "name": "Пётр", "last_name": f"Петров {n}", "second_name": "", "post": "",
        "role": "decides",
        "company_id": n, "company_ids": [n], "assigned_by": _manager(n), "language": "", "opted_out": False,
        "referral": {}, "scores": {},
    } for n in numbers)  # fmt: skip
    yield ContactCompany, ({"portal_id": 1, "contact_id": n, "company_id": n} for n in numbers)
    yield Deal, (_deal(n) for n in numbers)
    yield StageMove, ({
        "portal_id": 1, "id": n, "deal_id": n, "category_id": 1, "stage_id": "C1:WORK", "semantics": "P",
        "moved_at": NOW - timedelta(days=700),
    } for n in numbers)  # fmt: skip
    for wave in (LAST, THIS):
        yield from _asked(clients, wave)


def _deal(n: int) -> dict[str, Any]:
    return {
        "portal_id": 1, "id": n, "title": f"Сопровождение {n}", "category_id": 1, "stage_id": "C1:WORK",
        "semantics": "P", "client_kind": "company", "client_id": n, "company_id": n, "contact_id": n,
        "contact_ids": [n], "assigned_by": _manager(n), "source_id": "", "amount": 1000,
        "currency": "RUB", "recurring": False,
        "begin_on": START - timedelta(days=700), "referral": {}, "scores": {},
    }  # fmt: skip


def _asked(clients: int, wave: int) -> Iterator[tuple[Any, Iterable[dict[str, Any]]]]:
    base, dice = wave * 1_000_000, Random(wave)
    answered = [n for n in range(1, clients + 1) if n % 10 and dice.random() < (0.6 if wave == LAST else 0.3)]
    scores = {n: dice.choices(range(11), (1, 1, 1, 1, 1, 2, 3, 8, 14, 20, 30))[0] for n in answered}
    days = 365 if wave == LAST else 0
    yield WaveClient, ({
        "id": base + n, "portal_id": 1, "wave_id": wave, "client_kind": "company", "client_id": n,
        "name": f"Клиент {n}", "city": _city(n), "eligible": bool(n % 10),
        "reason": "" if n % 10 else REASONS[n // 10 % len(REASONS)],
        "reason_detail": "", "since": START - timedelta(days=700), "since_source": "service_stage", "deal_id": n,
        "deal_ids": [], "manager_id": _manager(n), "yearly_revenue": n % 500 * 1000,
    } for n in range(1, clients + 1))  # fmt: skip
    yield (
        Invitation,
        (
            _invitation(base, wave, n, n in scores, NOW - timedelta(days=days))
            for n in range(1, clients + 1)
            if n % 10
        ),
    )
    yield Response, ({
        "id": base + n, "portal_id": 1, "wave_id": wave, "invitation_id": base + n, "score": scores[n],
        "comment": "Всё устраивает, но отчёты приходят поздно." if n % 3 else "", "channel": "email",
        "status": "counted", "held_reason": "", "wording": "1", "recorded_by": "client",
        "answered_at": NOW - timedelta(days=days + n % 7),
        "revision": 1,
    } for n in answered)  # fmt: skip
    yield FollowUp, (_followup(base, wave, n, scores[n], days) for n in answered if scores[n] <= 6)


def _invitation(base: int, wave: int, n: int, answered: bool, now: datetime) -> dict[str, Any]:
    return {
        "id": base + n, "portal_id": 1, "wave_id": wave, "wave_client_id": base + n, "contact_id": n,
        "name": f"Пётр Петров {n}", "address": f"client{n}@example.com", "phone": "", "shared": False,
        "role": "decides", "language": "ru", "time_zone": ZONE, "sender_key": "head", "token": f"t{base + n}",
        "skipped": {},
        "outcome": "answered" if answered else "no_answer" if wave == LAST else "", "outcome_detail": {},
        "touches": {"announcement": _iso(now, 20), "invitation": _iso(now, 8)},
        "due_at": None if answered or wave == LAST else now + timedelta(days=4),
    }  # fmt: skip


def _followup(base: int, wave: int, n: int, score: int, days: int) -> dict[str, Any]:
    opened = NOW - timedelta(days=days + n % 7)
    return {
        "id": base + n, "portal_id": 1, "key": f"response:{base + n}:detractor_meeting", "kind": "detractor_meeting",
        "wave_id": wave, "response_id": base + n, "client_kind": "company", "client_id": n, "owner_id": _manager(n),
        "observers": [], "deadline": opened + timedelta(days=3), "status": "open" if wave == THIS else "task_done",
        "task_id": n, "facts": {"client": f"Клиент {n}", "score": score}, "opened_at": opened,
    }  # fmt: skip


def _iso(now: datetime, days: int) -> str:
    return (now - timedelta(days=days)).isoformat()


def _manager(n: int) -> int:
    return n % MANAGERS + 1


def _city(n: int) -> str:
    return ("Москва", "Казань", "Киев")[n % 3]


def _parts(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    part: list[dict[str, Any]] = []
    for row in rows:
        part.append(row)
        if len(part) == AT_ONCE:
            yield part
            part = []
    if part:
        yield part
