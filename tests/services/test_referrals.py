"""Referrals from lead to deal to client: empty fields only, once, never against people (product.md R, B5, B6)."""

from __future__ import annotations

from typing import Any

import pytest

from integration.services import referrals
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Contact, Deal, Lead
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from tests.conftest import HandClock
from tests.services.survey_world import World, field_map, make_world

SOURCE, REFERRER, DATE = "UF_CRM_MOLVA_REFERRAL_SOURCE", "UF_CRM_MOLVA_REFERRER", "UF_CRM_MOLVA_REFERRAL_DATE"


def raw(kind: str, source: str = "", referrer: str = "", day: str = "") -> dict[str, Any]:
    """Referral fields as the portal gives them; empty ones are there too (bitrix24.md 4.7)."""
    item = field_map()[kind][SOURCE]["items"].get(source)
    return {
        SOURCE: int(item) if item else None,
        REFERRER: referrer,
        DATE: f"{day}T03:00:00+03:00" if day else "",
    }


def claim(kind: str) -> dict[str, Any]:
    return raw(kind, "client", "CO_90", "2025-12-01")


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    """A lead 100 converted to deal 500, company 50 and contact 40; company 90 stands by as a referrer."""
    world = make_world(sessions, clock)
    pid = world.portal.id
    with transaction(sessions) as session:
        session.add(Lead(portal_id=pid, id=100, title="New lead", referral=claim("lead")))
        session.add(Company(portal_id=pid, id=90, title="Friend"))
        session.add(Company(portal_id=pid, id=50, title="Newcomer", lead_id=100))
        session.add(Contact(portal_id=pid, id=40, name="New", company_id=50, lead_id=100))
        session.add(
            Deal(portal_id=pid, id=500, title="First", lead_id=100, company_id=50, contact_id=40, contact_ids=[40],
                 client_kind="company", client_id=50)
        )  # fmt: skip
    return world


def changed(world: World, kind: str, number: int) -> None:
    with transaction(world.deps.sessions) as session:
        portal = session.get_one(Portal, world.portal.id)
        referrals.on_card_changed(world.deps, session, portal, kind, number)


def arrive(world: World) -> None:
    """The portal took every write: what the outbox does to the mirror."""
    tables: dict[str, Any] = {"deal": Deal, "company": Company, "contact": Contact, "lead": Lead}
    with transaction(world.deps.sessions) as session:
        for row in session.query(OutboxRow).filter_by(status="waiting", purpose="referral"):
            kind, _, number = row.lane.partition(":")
            fields = row.call["params"]["fields"]
            card = session.get_one(tables[kind], (world.portal.id, int(number)))
            ours = {code: value for code, value in fields.items() if code.startswith("UF_")}
            card.referral = dict(card.referral) | ours
            card.source_id = (
                fields.get("sourceId", getattr(card, "source_id", "")) if kind in ("lead", "deal") else ""
            )
            row.status, row.finished_at = "done", world.clock.now()


def test_a_conversion_carries_source_referrer_and_day_to_all_cards(world: World) -> None:
    changed(world, "deal", 500)
    for lane in ("deal:500", "company:50", "contact:40"):
        kind = lane.partition(":")[0]
        (fields,) = world.written(lane, "referral")
        assert fields[SOURCE] == field_map()[kind][SOURCE]["items"]["client"]
        assert fields[REFERRER] == "CO_90"
        assert fields[DATE] == "2025-12-01"
    assert world.written("deal:500", "referral")[0]["sourceId"] == "RECOMMENDATION"
    assert world.written("lead:100", "referral") == [{"sourceId": "RECOMMENDATION"}]


@pytest.mark.parametrize(
    "order", [("lead", "deal", "company", "contact"), ("contact", "company", "deal", "lead")]
)
def test_events_in_any_order_and_number_write_each_card_once(world: World, order: tuple[str, ...]) -> None:
    numbers = {"lead": 100, "deal": 500, "company": 50, "contact": 40}
    for kind in (*order, *order):
        changed(world, kind, numbers[kind])
    lanes = [row.lane for row in world.outbox("referral")]
    assert sorted(lanes) == ["company:50", "contact:40", "deal:500", "lead:100"]
    arrive(world)
    for kind in order:
        changed(world, kind, numbers[kind])
    assert len(world.outbox("referral")) == 4


def test_a_day_later_the_same_claim_without_a_day_is_not_dated_again(world: World, clock: HandClock) -> None:
    world.set(Lead, (world.portal.id, 100), referral=raw("lead", "partner"))
    changed(world, "deal", 500)
    clock.advance(days=1)
    changed(world, "deal", 500)
    assert [row.lane for row in world.outbox("referral")].count("deal:500") == 1


def test_what_a_person_entered_stays(world: World) -> None:
    world.set(Company, (world.portal.id, 50), referral=raw("company", "event", day="2025-11-01"))
    changed(world, "deal", 500)
    assert world.written("company:50", "referral") == []
    assert world.written("contact:40", "referral") != []


def test_what_a_person_cleared_stays_clear(world: World) -> None:
    """Also when the claim above it has changed since, so that it is not the very same entry."""
    changed(world, "deal", 500)
    arrive(world)
    world.set(Company, (world.portal.id, 50), referral=raw("company"))
    world.set(Deal, (world.portal.id, 500), referral=raw("deal", "client", "CO_90", "2025-10-10"))
    changed(world, "company", 50)
    assert len(world.written("company:50", "referral")) == 1


def test_the_portals_own_source_becomes_unknown_and_gives_way_to_a_real_one(world: World) -> None:
    pid = world.portal.id
    world.set(Lead, (pid, 100), referral={}, source_id="RECOMMENDATION")
    changed(world, "lead", 100)
    assert world.written("lead:100", "referral")[0][SOURCE] == field_map()["lead"][SOURCE]["items"]["unknown"]
    arrive(world)
    changed(world, "deal", 500)
    arrive(world)
    world.set(Lead, (pid, 100), referral=claim("lead"))
    changed(world, "lead", 100)
    assert world.written("deal:500", "referral")[-1][SOURCE] == field_map()["deal"][SOURCE]["items"]["client"]


def test_an_unknown_that_a_person_chose_is_not_replaced(world: World) -> None:
    world.set(Deal, (world.portal.id, 500), referral=raw("deal", "unknown", day="2026-01-01"))
    changed(world, "deal", 500)
    assert all(SOURCE not in fields for fields in world.written("deal:500", "referral"))


def test_nobody_recommends_themselves(world: World) -> None:
    world.set(Lead, (world.portal.id, 100), referral=raw("lead", "client", "C_40", "2025-12-01"))
    changed(world, "deal", 500)
    assert all(REFERRER not in row.call["params"]["fields"] for row in world.outbox("referral"))


def test_a_circle_is_not_closed(world: World) -> None:
    world.set(Company, (world.portal.id, 90), referral=raw("company", "client", "CO_50", "2020-01-01"))
    changed(world, "company", 90)
    changed(world, "deal", 500)
    assert all(REFERRER not in row.call["params"]["fields"] for row in world.outbox("referral"))


def test_a_later_deal_of_an_old_client_says_nothing_about_how_it_came(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        session.add(
            Deal(portal_id=world.portal.id, id=600, title="Second", company_id=12, contact_id=7, contact_ids=[7],
                 client_kind="company", client_id=12, referral=claim("deal"))
        )  # fmt: skip
    changed(world, "deal", 600)
    assert world.written("company:12", "referral") == []


def test_cards_of_a_portal_without_our_fields_are_left_alone(world: World) -> None:
    world.set(Portal, world.portal.id, fields={})
    changed(world, "deal", 500)
    assert world.outbox("referral") == []


def test_unknown_kinds_and_deleted_cards_do_nothing(world: World, clock: HandClock) -> None:
    world.set(Deal, (world.portal.id, 500), deleted_at=clock.now())
    for kind, number in (("deal", 500), ("deal", 999), ("task", 1)):
        changed(world, kind, number)
    assert world.outbox("referral") == []


def test_a_lead_without_conversion_agrees_with_the_portals_source(world: World) -> None:
    world.set(Deal, (world.portal.id, 500), lead_id=None)
    world.set(Company, (world.portal.id, 50), lead_id=None)
    world.set(Contact, (world.portal.id, 40), lead_id=None)
    changed(world, "lead", 100)
    assert [row.lane for row in world.outbox("referral")] == ["lead:100"]


def test_a_list_value_of_the_agencys_own_is_never_taken_for_nothing(world: World) -> None:
    """Somebody added a value to the list since the set-up; its id is not known here yet."""
    world.set(Company, (world.portal.id, 50), referral=raw("company") | {SOURCE: 77777})
    changed(world, "deal", 500)
    assert world.written("company:50", "referral") == []
    assert world.written("contact:40", "referral") != []
