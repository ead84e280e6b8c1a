"""The mirror: what it holds after the first synchronisation, how it gets there, how it is kept (product.md T2, T3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from integration.bitrix.sandbox.agency import bulk_deals
from integration.services import chores, mirror, policies
from integration.services.portals import rest_for
from integration.services.reading import keep, look, reading_of
from integration.services.setup import setup
from integration.store.base import Sessions, reading, transaction
from integration.store.chores import ChoreRow, schedule
from integration.store.clients import Company, Contact, ContactCompany, Deal, Lead, StageMove
from tests.services.portal_world import World, agency, on_sqlite, world
from tests.services.ready_world import ready_world


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    with ready_world(sessions) as made:
        yield made


def test_cards_are_mirrored_with_what_eligibility_and_referrals_need(place: World) -> None:
    """Clients of deals, days of winning, cities, companies of contacts, own companies, templates."""
    deal = place.get(Deal, 1)
    assert (deal.title, deal.client_kind, deal.client_id, deal.contact_ids) == ("Site", "company", 1, [1, 3])
    assert (deal.semantics, deal.amount, deal.currency) == ("S", Decimal("1200.50"), "RUB")
    assert deal.won_at == datetime(2025, 3, 1, 7, 0, tzinfo=UTC)
    assert deal.created_at is not None
    assert (place.get(Deal, 2).category_id, place.get(Deal, 2).semantics) == (2, "P")
    assert (place.get(Deal, 3).client_kind, place.get(Deal, 3).client_id) == ("contact", 2)
    assert [place.get(Deal, n).recurring for n in (1, 4)] == [False, True]
    assert (place.get(Company, 1).city, place.get(Company, 1).own) == ("Lviv", False)
    assert place.get(Company, 2).own
    assert (place.get(Contact, 1).company_id, place.get(Contact, 1).company_ids) == (1, [1, 2])
    links = {(link.contact_id, link.company_id) for link in place.all(ContactCompany)}
    assert links == {(1, 1), (1, 2), (3, 1)}
    assert len(place.all(StageMove)) == 4
    assert (place.get(Lead, 1).title, place.get(Lead, 1).source_id) == ("Asks", "WEB")


def test_our_fields_are_read_back_after_a_re_installation(sessions: Sessions) -> None:
    """Values that lie on the cards from an earlier installation are in the mirror again (product.md B1)."""
    with world(sessions) as place:
        place.install()
        setup(place.deps, place.portal_id)
        ids = place.row().fields["company"]["UF_CRM_MOLVA_NPS_GROUP"]["items"]
        place.act(
            1, "crm.item.update", entityTypeId=4, id=1, useOriginalUfNames="Y",
            fields={
                "UF_CRM_MOLVA_NPS_SCORE": 9, "UF_CRM_MOLVA_NPS_GROUP": ids["promoter"], "UF_CRM_MOLVA_OPT_OUT": "Y",
                "UF_CRM_MOLVA_HOLD_UNTIL": "2027-01-31", "UF_CRM_MOLVA_REFERRER": "C_2",
            },
        )  # fmt: skip
        place.settle()
        company = place.get(Company, 1)
        assert company.scores["UF_CRM_MOLVA_NPS_SCORE"] == 9
        assert str(company.scores["UF_CRM_MOLVA_NPS_GROUP"]) == str(ids["promoter"])
        assert company.opted_out
        assert company.hold_until.isoformat() == "2027-01-31"
        assert company.referral["UF_CRM_MOLVA_REFERRER"] == "C_2"


def test_twenty_thousand_deals_need_eight_requests(sqlite_url: str) -> None:
    """Fifty lists of fifty in a request, and no empty page to find the end; inside the bucket (product.md T3)."""
    with on_sqlite(sqlite_url) as sessions, world(sessions, bulk_deals(20_000, 40)) as place:
        place.install()
        setup(place.deps, place.portal_id)
        place.fresh_counters()
        place.settle()
        seen = place.box.control("/requests?since=0", verb="GET")
        lists = [row for row in seen if isinstance(row, dict) and deal_lists(row) > 5]
        assert len(place.all(Deal)) == 20_000
        assert place.counters()["by_status"].get("503") is None
        assert len(lists) == 9, "eight for the deals and one that reconciles afterwards"


def deal_lists(row: dict[str, Any]) -> int:
    return sum(1 for inner in row.get("inner") or () if str(inner).startswith("crm.item.list"))


@pytest.fixture
def many(sessions: Sessions) -> Iterator[World]:
    """A portal with more deals than one request brings, installed but not synchronised."""
    with world(sessions, bulk_deals(6_000, 30)) as made:
        made.install()
        setup(made.deps, made.portal_id)
        yield made


def test_a_synchronisation_goes_on_where_it_was_interrupted(many: World) -> None:
    """After a crash between two slices the cursor knows what is read: no list is asked for twice."""
    run_until(many, "deal")
    assert run_chore(many)
    after = cursor(many)["after"]
    assert 0 < after < 6_000
    many.fresh_counters()
    many.settle()
    assert len(many.all(Deal)) == 6_000
    assert many.counters()["by_method"]["crm.item.list"] < 50 + 25 + 45


def test_a_slice_that_failed_is_made_again(many: World) -> None:
    """A lost connection loses nothing and doubles nothing."""
    run_until(many, "deal")
    many.fault("drop_after", method="crm.item.list", count=2)
    for _ in range(3):
        run_chore(many)
        many.clock.advance(30)
    many.settle()
    assert len(many.all(Deal)) == 6_000
    assert many.row().synced_at is not None


def test_the_execution_budget_is_kept_while_synchronising(sqlite_url: str) -> None:
    """Where lists are slow the synchronisation waits by date, and the portal never answers 429 (product.md T3, T4)."""
    with on_sqlite(sqlite_url) as sessions, world(sessions, bulk_deals(6_000, 30)) as place:
        place.install()
        setup(place.deps, place.portal_id)
        slow = {"on": True, "min": 8.0, "max": 9.0, "advance_clock": True, "methods": ["crm.item.list"]}
        place.box.control("/settings", {"slow": slow, "request_seconds": 100_000}, "PUT")
        schedule_only_sync(place)
        for _ in range(400):
            if place.row().synced_at is not None:
                break
            if not chores.run_due(place.deps):
                place.clock.advance(10)
        counters = place.counters()
        assert place.row().synced_at is not None
        assert len(place.all(Deal)) == 6_000
        assert counters["by_status"].get("429") is None
        assert counters["by_error"].get("OPERATION_TIME_LIMIT") is None


def schedule_only_sync(place: World) -> None:
    """No other chore shares the budget, so that the figure is about the synchronisation alone."""
    now = place.clock.now()
    with transaction(place.deps.sessions) as session:
        session.query(ChoreRow).where(ChoreRow.name != "first_sync").delete()
        schedule(session, place.portal_id, "first_sync", now)


def test_a_renewed_reading_brings_changes_and_keeps_what_other_reads_found(place: World) -> None:
    """Refreshing a card replaces its columns; the day it was won and the city stay."""
    place.act(1, "crm.item.update", entityTypeId=2, id=1, fields={"title": "Shop", "opportunity": 7})
    mirror.refresh(place.deps, place.portal_id, "deal", [1])
    deal = place.get(Deal, 1)
    assert (deal.title, deal.amount) == ("Shop", Decimal(7))
    assert deal.won_at == datetime(2025, 3, 1, 7, 0, tzinfo=UTC)
    mirror.refresh(place.deps, place.portal_id, "company", [1])
    assert place.get(Company, 1).city == "Lviv"


def test_an_older_reading_does_not_replace_a_newer_one(place: World) -> None:
    """Two readers may finish in the wrong order; the newer state of the card wins."""
    _, how = reading_of(place.deps, place.portal_id)
    early = look(rest_for(place.deps, place.portal_id), how, {"deal": [3]})
    place.clock.advance(60)
    place.act(1, "crm.item.update", entityTypeId=2, id=3, fields={"title": "Newer"})
    mirror.refresh(place.deps, place.portal_id, "deal", [3])
    with transaction(place.deps.sessions) as session:
        keep(session, how, early, place.clock.now())
    assert place.get(Deal, 3).title == "Newer"


def test_the_fields_named_in_the_settings_are_mirrored(sessions: Sessions) -> None:
    """Date fields and the city field of the policy are read along, once they are named (product.md E1, E2, E6)."""
    data = agency()
    data.user_fields = [
        {"ENTITY_ID": "CRM_DEAL", "FIELD_NAME": "UF_CRM_START", "USER_TYPE_ID": "date"},
        {"ENTITY_ID": "CRM_COMPANY", "FIELD_NAME": "UF_CRM_CITY", "USER_TYPE_ID": "string"},
    ]
    data.users[0]["WORK_PHONE"] = "+7 495 000-00-00"
    data.deals[0]["UF_CRM_START"] = "2024-05-06"
    data.companies[0]["UF_CRM_CITY"] = "Minsk"
    with world(sessions, data) as place:
        place.ready()
        with reading(place.deps.sessions) as session:
            version = policies.load(session, place.portal_id)[1]
        named = {"since_field": "UF_CRM_START", "city_field": "UF_CRM_CITY"}
        assert isinstance(policies.save(place.deps, place.portal_id, named, "test", version), int)
        place.settle()
        assert place.get(Deal, 1).since_field.isoformat() == "2024-05-06"
        assert place.get(Company, 1).city == "Minsk"


def run_chore(place: World) -> bool:
    """One slice of what is due."""
    return chores.run_due(place.deps)


def run_until(place: World, step: str) -> None:
    """Slices until the first synchronisation is at this step."""
    schedule_only_sync(place)
    for _ in range(50):
        if cursor(place).get("step") == step:
            return
        run_chore(place)
        place.clock.advance(1)
    raise AssertionError(f"never came to {step}")


def cursor(place: World) -> dict[str, Any]:
    with reading(place.deps.sessions) as session:
        row = session.query(ChoreRow).where(ChoreRow.name == "first_sync").one()
        return dict(row.cursor)
