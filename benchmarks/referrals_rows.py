"""A portal with so many referrals, half of them in chains fifty deep, and what the newcomers bought."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import insert, text

from benchmarks.databases import Database
from benchmarks.portal import KEY
from integration.adapters import vault_keys
from integration.store.base import Vault, make_engine, make_sessions, transaction
from integration.store.clients import Company, Deal
from integration.store.portals import Portal
from integration.store.referral_rows import Referral

NOW = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
DEEP = 50  # links of a chain
BUSHY = 150  # referrals of a tree that is no chain
DEALS = 2  # of each client
_AT_ONCE = 5_000
_STEPS = ("named", "introduced", "in_talks", "won", "paid", "year")


def fill(database: Database, referrals: int) -> tuple[int, int]:
    """Fills it; the numbers of a company on top of a chain, and of one on top of a bushy tree."""
    Vault.configure(vault_keys((KEY,)))
    engine = make_engine(database.url)
    with transaction(make_sessions(engine)) as session:
        session.add(
            Portal(
                id=1, member_id="m", client_id="app.bench", kind="market", status="active", domain="portal.example",
                time_zone="Europe/Moscow", endpoint="https://portal.example/rest/", access_token="x",
                refresh_token="x", language="ru", currency="RUB", installed_at=NOW, setup_at=NOW, synced_at=NOW,
            )
        )  # fmt: skip
    edges = list(_edges(referrals))
    people = sorted({one for edge in edges for one in edge})
    with engine.begin() as connection:
        for model, rows in (
            (Company, [_company(one) for one in people]),
            (Deal, [_deal(one, place) for one in people for place in range(DEALS)]),
            (Referral, [_referral(place, *edge) for place, edge in enumerate(edges, 1)]),
        ):
            for start in range(0, len(rows), _AT_ONCE):
                connection.execute(insert(model), rows[start : start + _AT_ONCE])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()
    chain = next(referrer for newcomer, referrer in edges if newcomer == referrer + 1)
    return chain, edges[-1][1] // 1_000 * 1_000


def _edges(referrals: int) -> Iterator[tuple[int, int]]:
    """Newcomer and referrer; each chain and each tree begins at a thousand of its own."""
    dice = Random(11)
    half, top, made = referrals // 2, 1_000, 0
    while made < referrals:
        size = min(DEEP if made < half else BUSHY, referrals - made)
        for place in range(1, size + 1):
            above = place - 1 if made < half else dice.randrange(place)
            yield top + place, top + above
        made, top = made + size, top + 1_000


def _company(number: int) -> dict[str, Any]:
    return {
        "portal_id": 1, "id": number, "title": f"Клиент {number}", "own": False, "assigned_by": number % 40 + 1,
        "city": ("Москва", "Казань", "Киев")[number % 3], "opted_out": False, "referral": {}, "scores": {},
    }  # fmt: skip


def _deal(company: int, place: int) -> dict[str, Any]:
    number = company * DEALS + place
    won = NOW - timedelta(days=number % 1500)
    return {
        "portal_id": 1, "id": number, "title": f"Сделка {number}", "category_id": 0, "stage_id": "WON",
        "semantics": "S", "client_kind": "company", "client_id": company, "company_id": company,
        "contact_ids": [], "assigned_by": 1, "source_id": "", "amount": number % 900 * 100, "currency": "RUB",
        "recurring": False, "won_at": won, "close_on": won.date(), "referral": {}, "scores": {},
    }  # fmt: skip


def _referral(number: int, newcomer: int, referrer: int) -> dict[str, Any]:
    step = _STEPS[number % len(_STEPS)]
    return {
        "portal_id": 1, "newcomer_kind": "company", "newcomer_id": newcomer, "source": "client",
        "named_kind": "company", "named_id": referrer, "referrer_kind": "company", "referrer_id": referrer,
        "claimed_on": date(2026, 1, 1) - timedelta(days=number % 1500), "via_kind": "company",
        "via_id": newcomer, "step": step, "steps": {"named": "2025-01-01", step: "2025-02-01"},
        "reward": ("", "promised", "given")[number % 3], "found_at": NOW, "changed_at": NOW,
    }  # fmt: skip
