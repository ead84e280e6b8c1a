"""A portal's mirror with a million deals, made up by a fixed rule and put in in bulk."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import psycopg
from sqlalchemy import Table

from benchmarks.databases import Database
from benchmarks.portal import KEY
from integration.adapters import vault_keys
from integration.nps.plans import Plan
from integration.nps.policy import Policy
from integration.nps.policy_json import to_json
from integration.store.base import Vault, make_engine, make_sessions, transaction
from integration.store.clients import Company, Contact, ContactCompany, Deal, OptOut, StageMove
from integration.store.policies import PolicyRow
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave, WaveClient

NOW = datetime(2026, 1, 12, 6, 0, tzinfo=UTC)
TODAY = date(2026, 1, 12)
ZONE = "Europe/Moscow"
SERVICE = 1
TROUBLE = "C1:TROUBLE"
BEFORE, WAVE = 1, 2  # the wave of last year, and the one that is frozen
COMPANIES = 0.9  # of the clients; the others are people without a company
EMAILS = "bench_emails"  # the e-mails of the portal's contacts, for the SQL statement
CREATE_EMAILS = f"CREATE TABLE {EMAILS} (contact_id INTEGER PRIMARY KEY, email TEXT NOT NULL)"


def policy() -> Policy:
    """The settings both sides go by."""
    return Policy(
        service_pipelines=(SERVICE,), trouble_stages=(TROUBLE,), time_zone=ZONE, language="ru", country="RU"
    )


def email_of(contact: int) -> str:
    """The contact's address in the portal; every eleventh has none."""
    return "" if contact % 11 == 0 else f"client{contact}@example.com"


def fill(database: Database, clients: int, deals: int) -> None:
    """The portal, its cards, last year's wave and the draft of this year's."""
    Vault.configure(vault_keys((KEY,)))
    engine = make_engine(database.url)
    sessions = make_sessions(engine)
    with transaction(sessions) as session:
        session.add(
            Portal(
                id=1, member_id="m", kind="webhook", status="active", domain="portal.example", time_zone=ZONE,
                endpoint="https://portal.example/rest/", access_token="1/x", installed_at=NOW, setup_at=NOW,
            )
        )  # fmt: skip
        session.flush()
        session.add(PolicyRow(portal_id=1, version=1, body=to_json(policy()), saved_at=NOW))
        session.add_all(Wave(**_wave(number, name)) for number, name in ((BEFORE, "2025"), (WAVE, "2026")))
    engine.dispose()
    many = _Rows(clients, deals)
    tables: list[tuple[Any, Iterable[dict[str, Any]]]] = [
        (Company, many.companies()), (Contact, many.contacts()), (ContactCompany, many.links()),
        (OptOut, many.opt_outs()), (WaveClient, many.asked_clients()), (Invitation, many.asked_people()),
        (StageMove, many.moves()), (Deal, many.deals()),
    ]  # fmt: skip
    with _writer(database) as writer:
        for model, rows in tables:
            writer.insert(model.__table__, rows)
        writer.emails((n, email_of(n)) for n in range(1, many.last_contact + 1) if email_of(n))


def _wave(number: int, name: str) -> dict[str, Any]:
    start = TODAY + timedelta(days=28)
    plan = Plan(
        zone=ZONE, drafted=TODAY, owner_reminders=(), announce=start - timedelta(days=14), start=start, calling=None,
        mailing=start, reminders=(), closing=start + timedelta(days=14), frozen_on=start + timedelta(days=28),
    )  # fmt: skip
    stage = "closed" if number == BEFORE else "draft"
    return {
        "id": number, "portal_id": 1, "name": name, "stage": stage, "policy_version": 1, "plan": plan.to_json(),
        "planned_at": NOW,
    }  # fmt: skip


class _Rows:
    """Everything by number: client ``n`` is company ``n``, or contact ``n`` beyond the companies."""

    def __init__(self, clients: int, deals: int) -> None:
        self.clients, self.count = clients, deals
        self.firms = int(clients * COMPANIES)
        self.last_contact = 2 * clients

    def companies(self) -> Iterator[dict[str, Any]]:
        """Some said never, some are on hold, a few are the agency's own."""
        for n in range(1, self.firms + 1):
            hold = TODAY + timedelta(days=10 if n % 74 else -10) if n % 37 == 0 else None
            yield {
                "portal_id": 1, "id": n, "title": f"Company {n}", "own": n % 997 == 0, "opted_out": n % 53 == 0,
                "assigned_by": n % 40 + 1 if n % 3 else None, "hold_until": hold, "city": "Town",
                "referral": {}, "scores": {},
            }  # fmt: skip

    def contacts(self) -> Iterator[dict[str, Any]]:
        """One person for most companies, two for some, none for some; and clients without a company."""
        second = (self.clients + n for n in range(1, self.firms + 1) if n % 5 == 0)
        for n in [*range(1, self.clients + 1), *second]:
            yield {
                "portal_id": 1, "id": n, "name": f"Name {n}", "last_name": "Example", "company_ids": [],
                "assigned_by": n % 40 + 1, "opted_out": n % 59 == 0, "second_name": "", "post": "", "role": "",
                "hold_until": TODAY + timedelta(days=5) if n % 61 == 0 else None, "language": "", "referral": {},
                "scores": {},
            }  # fmt: skip

    def links(self) -> Iterator[dict[str, Any]]:
        """Who belongs to which company: contact ``n`` to company ``n``; every 29th company has nobody."""
        for n in range(1, self.firms + 1):
            people = [] if n % 29 == 0 else [n, self.clients + n] if n % 5 == 0 else [n]
            yield from ({"portal_id": 1, "contact_id": person, "company_id": n} for person in people)

    def opt_outs(self) -> Iterator[dict[str, Any]]:
        """Addresses that said never by a letter's link."""
        for n in range(1, self.last_contact + 1, 67):
            if email_of(n):
                yield {"portal_id": 1, "address": email_of(n), "source": "link", "said_at": NOW}

    def asked_clients(self) -> Iterator[dict[str, Any]]:
        """Every seventh client was in last year's list."""
        for line, n in enumerate(range(7, self.clients + 1, 7), 1):
            yield {
                "id": line, "portal_id": 1, "wave_id": BEFORE, "client_id": n, "eligible": True, "deal_ids": [],
                "client_kind": "company" if n <= self.firms else "contact", "yearly_revenue": 0, "name": "",
                "city": "", "reason": "", "reason_detail": "", "since_source": "",
            }  # fmt: skip

    def asked_people(self) -> Iterator[dict[str, Any]]:
        """They were asked, a third of them too recently."""
        for line, n in enumerate(range(7, self.clients + 1, 7), 1):
            asked = NOW - timedelta(days=100 if n % 3 == 0 else 330)
            yield {
                "id": line, "portal_id": 1, "wave_id": BEFORE, "wave_client_id": line, "contact_id": n,
                "address": f"old{n}@example.com", "touches": {"invitation": asked.isoformat()}, "token": f"t{n}",
                "name": "", "phone": "", "shared": False, "role": "", "language": "ru", "time_zone": "",
                "sender_key": "",
                "outcome": "answered", "outcome_detail": {}, "skipped": {},
            }  # fmt: skip

    def deals(self) -> Iterator[dict[str, Any]]:
        """Spread unevenly over the clients; every 13th client has only old ones, every 17th only new ones."""
        random = Random(7)
        for n in range(1, self.count + 1):
            client = int(self.clients * random.random() ** 1.5) + 1
            yield _deal(n, client, client <= self.firms, random)

    def moves(self) -> Iterator[dict[str, Any]]:
        """When deals of the service pipeline got there; found by the same dice as the deals."""
        for deal in self.deals():
            if deal["category_id"] == SERVICE and deal["begin_on"]:
                moment = _at_ten(deal["begin_on"] + timedelta(days=3))
                yield {
                    "portal_id": 1, "id": deal["id"], "deal_id": deal["id"], "category_id": SERVICE,
                    "stage_id": "C1:NEW", "semantics": "P", "moved_at": moment,
                }  # fmt: skip


def _at_ten(day: date) -> datetime:
    """Ten in the evening UTC: the next day in the portal's zone."""
    return datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=22)


def _deal(n: int, client: int, firm: bool, random: Random) -> dict[str, Any]:
    old = client % 13 == 0
    age = random.randint(*((500, 1900) if old else (0, 80) if client % 17 == 0 else (0, 1900)))
    begin = TODAY - timedelta(days=age)
    service = random.random() < 0.2
    semantics = random.choices("PSF", (0, 6, 4) if old or not service else (5, 3, 2))[0]
    open_sale = not service and not old and random.random() < 0.05
    semantics = "P" if open_sale else semantics
    closed = begin + timedelta(days=random.randint(1, 60)) if semantics != "P" else None
    won = semantics == "S" and random.random() < 0.9
    troubled = semantics == "P" and client % 41 == 0
    stage = (TROUBLE if troubled else "C1:WORK") if service else semantics
    return {
        "portal_id": 1, "id": n, "title": f"Deal {n}", "category_id": SERVICE if service else 0, "stage_id": stage,
        "semantics": semantics, "client_kind": "company" if firm else "contact", "client_id": client,
        "company_id": client if firm else None, "contact_id": client if client % 4 else None, "contact_ids": [],
        "assigned_by": n % 40 + 1, "source_id": "", "amount": random.randint(1, 500) * 100,
        "currency": "RUB" if n % 10 else "USD", "begin_on": begin if n % 6 else None, "close_on": closed,
        "won_at": _at_ten(closed) if won and closed else None,
        "recurring": n % 211 == 0, "referral": {}, "scores": {},
    }  # fmt: skip


# --- bulk


class _Sqlite:
    def __init__(self, database: Database) -> None:
        self._connection = sqlite3.connect(database.url.removeprefix("sqlite:///"))

    def __enter__(self) -> _Sqlite:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.commit()
        self._connection.close()

    def insert(self, table: Table, rows: Iterable[dict[str, Any]]) -> None:
        """Rows without the columns that stay empty."""
        first, names, rest = _head(rows)
        marks = ", ".join("?" * len(names))
        sql = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
        self._connection.executemany(
            sql, ([_text(row[name]) for name in names] for row in _chain(first, rest))
        )

    def emails(self, rows: Iterable[tuple[int, str]]) -> None:
        """The portal's addresses."""
        self._connection.execute(CREATE_EMAILS)
        self._connection.executemany(f"INSERT INTO {EMAILS} VALUES (?, ?)", rows)  # noqa: S608


class _Postgres:
    def __init__(self, database: Database) -> None:
        self._connection = psycopg.connect(database.url, autocommit=False)

    def __enter__(self) -> _Postgres:
        return self

    def __exit__(self, *_: object) -> None:
        for name in ("wave_clients", "invitations"):
            self._connection.execute(f"SELECT setval('{name}_id_seq', 1000000)")
        self._connection.commit()
        self._connection.autocommit = True
        self._connection.execute("VACUUM ANALYZE")  # as the server's own daemon does after a synchronisation
        self._connection.close()

    def insert(self, table: Table, rows: Iterable[dict[str, Any]]) -> None:
        """By COPY."""
        first, names, rest = _head(rows)
        with self._connection.cursor().copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
            for row in _chain(first, rest):
                copy.write_row(
                    [json.dumps(v) if isinstance(v, (dict, list)) else v for v in map(row.get, names)]
                )

    def emails(self, rows: Iterable[tuple[int, str]]) -> None:
        """The portal's addresses."""
        self._connection.execute(CREATE_EMAILS)
        with self._connection.cursor().copy(f"COPY {EMAILS} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def _writer(database: Database) -> Any:
    return _Sqlite(database) if database.kind == "SQLite" else _Postgres(database)


def _head(rows: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], list[str], Iterator[dict[str, Any]]]:
    rest = iter(rows)
    first = next(rest)
    return first, list(first), rest


def _chain(first: dict[str, Any], rest: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rest


def _text(value: Any) -> Any:
    """As SQLAlchemy keeps it in SQLite."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, (dict, list)) else value
