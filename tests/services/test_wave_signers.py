"""Whoever serves a client signs none of its letters, also if that began after the list was frozen (product.md W5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integration.services import waves
from integration.store.base import Sessions, make_sessions
from integration.store.clients import Company, Deal
from tests.conftest import HandClock
from tests.services.wave_world import DIRECTOR, HEAD, MANAGER, SENDERS, World, make_world

MOSCOW = ZoneInfo("Europe/Moscow")
SOM, LIS = "som@agency.example.com", "lis@agency.example.com"


def msk(month: int, day: int, hour: int = 9) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=MOSCOW)


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


@pytest.fixture
def one(one_engine: Any, clock: HandClock) -> World:
    return make_world(make_sessions(one_engine), clock)


def signers(world: World, kind: str = "invitation") -> dict[int, str]:
    who = {row.id: contact for contact, row in world.invitations().items()}
    return {who[row.invitation_id]: row.sender_address for row in world.letters(kind=kind, status="done")}


def test_a_manager_appointed_after_the_list_signs_nothing_to_the_own_client(world: World) -> None:
    """By the company's card, or by the deal where the company names nobody; the frozen one does not, either."""
    for number, manager in ((2, MANAGER), (3, MANAGER), (4, DIRECTOR), (5, MANAGER)):
        world.client(number, manager=manager)
    world.set(Company, (world.portal_id, 5), assigned_by=None)
    world.approved()
    world.until(msk(2, 20))
    world.set(Company, (world.portal_id, 2), assigned_by=DIRECTOR)
    world.set(Company, (world.portal_id, 4), assigned_by=MANAGER)
    world.set(Deal, (world.portal_id, 50), assigned_by=DIRECTOR)
    world.until(msk(3, 2, 12))
    assert signers(world) == {200: SOM, 300: LIS, 400: SOM, 500: SOM}


def test_a_letter_that_waited_is_written_again_by_another_hand(world: World) -> None:
    world.client(2)
    world.approved()
    world.until(msk(3, 1, 20))
    world.post.ready = False
    world.until(msk(3, 2, 10))
    assert [row.sender_address for row in world.letters(kind="invitation")] == [LIS]
    world.set(Company, (world.portal_id, 2), assigned_by=DIRECTOR)
    world.post.ready = True
    world.until(msk(3, 2, 12))
    taken, sent = world.letters(kind="invitation")
    assert (taken.status, taken.error, sent.status, sent.sender_address) == (
        "cancelled", "sender_serves_client", "done", SOM,
    )  # fmt: skip
    assert sent.key == f"invitation:{world.invitations()[200].id}"
    world.until(msk(5, 1))
    assert len(world.letters(status="done")) == 4  # announcement, question, two reminders


def test_a_sender_typed_without_an_employee_is_known_by_the_address(one: World) -> None:
    typed = {**SENDERS[1], "user_id": None, "email": "User6@agency.example.com"}
    one.policy(senders=[SENDERS[0], typed])
    one.client(2, manager=MANAGER)
    one.client(3, manager=HEAD + 100)
    one.approved()
    one.until(msk(3, 2, 12))
    assert signers(one) == {200: SOM, 300: "User6@agency.example.com"}


def test_where_nobody_else_may_sign_nothing_is_sent_and_it_is_said(one: World) -> None:
    one.policy(senders=[SENDERS[1]], head_sender="")
    one.client(2)
    one.client(3)
    wave_id = one.planned()
    assert waves.rehearse(one.deps, one.portal_id, wave_id)["errors"] == []
    one.set(Company, (one.portal_id, 2), assigned_by=DIRECTOR)
    found = waves.rehearse(one.deps, one.portal_id, wave_id)["errors"]
    assert {error["code"] for error in found} == {"sender_serves_client"}
    one.set(Company, (one.portal_id, 2), assigned_by=MANAGER)
    waves.rehearse(one.deps, one.portal_id, wave_id)
    waves.approve(one.deps, one.portal_id, wave_id, "Пётр Сом")
    one.set(Company, (one.portal_id, 2), assigned_by=DIRECTOR)
    one.until(msk(3, 2, 12))
    assert signers(one) == {300: LIS}
    assert "sender_serves_client" in {e.detail for e in one.events() if e.what == "letter_problem"}
