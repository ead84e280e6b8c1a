"""Whoever serves a client signs none of its letters, also if that began after the list was frozen (product.md W5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integration.nps.questionnaire import Answers
from integration.nps.rights import Rights
from integration.services import decisions, policies, survey_effects, survey_rows, waves
from integration.store import answers
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.clients import Company, Deal
from integration.store.portals import Portal, Staff
from integration.store.reports import EVERYONE
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


def test_a_letter_in_the_name_of_who_has_left_is_written_anew_by_another(world: World) -> None:
    """Dismissed in the portal, or replaced in the settings under the same key; each letter leaves once."""
    for number in (2, 3):
        world.client(number)
    world.approved()
    world.until(msk(3, 1, 20))
    world.post.ready = False
    world.until(msk(3, 2, 10))
    assert {row.sender_address for row in world.letters(kind="invitation")} == {LIS}
    world.set(Staff, (world.portal_id, DIRECTOR), active=False)
    world.post.ready = True
    assert _decided(world) == [("signer_left", 0, {"name": "Ольга Лис", "wave": "2026"})]
    world.until(msk(3, 2, 12))
    assert signers(world) == {200: SOM, 300: SOM}
    assert {row.error for row in world.letters(kind="invitation", status="cancelled")} == {"sender_left"}
    world.post.ready = False
    world.until(msk(3, 6, 10))  # the reminders wait, signed by the head
    instead = {**SENDERS[1], "user_id": None, "name": "Вера Щука", "email": "pike@agency.example.com"}
    world.policy(senders=[SENDERS[0], instead])
    assert _decided(world) == []
    world.post.ready = True
    world.until(msk(3, 6, 13))
    assert signers(world, "reminder") == {200: SOM, 300: SOM}
    world.until(msk(5, 1))
    assert signers(world, "last_reminder") == {200: instead["email"], 300: instead["email"]}
    sent = [row.recipient_address for row in world.letters(status="done")]
    assert sorted(sent) == sorted(4 * [f"p{contact}@client.example.com" for contact in (200, 300)])


def test_who_stands_in_for_a_manager_of_clients_signs_to_these_clients(one: World) -> None:
    """Under the key of the former signer, whose clients these are; each letter is written once."""
    one.client(2, manager=DIRECTOR)
    one.approved()
    one.until(msk(3, 1, 20))
    instead = {**SENDERS[1], "user_id": None, "name": "Вера Щука", "email": "pike@agency.example.com"}
    one.policy(senders=[SENDERS[0], instead])
    one.until(msk(3, 2, 12))
    assert signers(one) == {200: instead["email"]}
    assert recorded(one, one.invitations()[200].token, 9)
    one.until(msk(3, 10, 12))
    assert signers(one, "thanks_promoter") == {200: instead["email"]}
    assert one.letters(status="cancelled") == []


def test_where_everybody_has_left_letters_wait_for_the_one_who_is_chosen(one: World) -> None:
    """It is said to whoever runs the survey; thanks wait, too, and nothing is lost or sent twice."""
    one.policy(senders=[SENDERS[1]], head_sender="")
    one.client(2)
    one.client(3)
    one.approved()
    one.until(msk(3, 2, 10))
    one.post.ready = False
    found = one.invitations()[200]
    assert recorded(one, found.token, 9)
    one.until(msk(3, 6, 10))
    waiting = {row.kind: row.id for row in one.letters(status="waiting")}
    assert waiting.keys() == {"reminder", "thanks_promoter"}
    one.set(Staff, (one.portal_id, DIRECTOR), active=False)
    assert [(kind, count) for kind, count, _ in _decided(one)] == [("nobody_signs", 2), ("signer_left", 0)]
    one.post.ready = True
    sent = len(one.post.sent)
    one.until(msk(3, 6, 15))
    assert len(one.post.sent) == sent
    assert {(row.id, row.error) for row in one.letters(status="waiting")} == {
        (number, "no_sender") for number in waiting.values()
    }  # fmt: skip
    instead = {
        **SENDERS[0],
        "key": "vera",
        "user_id": None,
        "name": "Вера Щука",
        "email": "pike@agency.example.com",
    }
    one.policy(senders=[instead], default_sender="vera")
    assert _decided(one) == []
    one.until(msk(3, 10, 18))
    left = {row.kind: row.sender_address for row in one.letters(status="done") if row.sender_key == "vera"}
    assert left == dict.fromkeys(waiting, "pike@agency.example.com")
    assert all("Вера Щука" in letter.body_text for letter in one.post.sent[sent:])


def test_thanks_that_nobody_could_sign_for_two_weeks_are_not_said_any_more(one: World) -> None:
    one.policy(senders=[SENDERS[1]], head_sender="")
    one.client(2)
    one.approved()
    one.until(msk(3, 2, 12))
    assert recorded(one, one.invitations()[200].token, 9)
    one.set(Staff, (one.portal_id, DIRECTOR), active=False)
    one.until(msk(3, 13, 12))
    (thanks,) = one.letters(kind="thanks_promoter")
    assert (thanks.status, thanks.error) == ("waiting", "no_sender")
    one.until(msk(3, 18, 12))
    (thanks,) = one.letters(kind="thanks_promoter")
    assert (thanks.status, thanks.error) == ("cancelled", "expired")


def recorded(world: World, token: str, score: int) -> bool:
    """An answer that counts, with all that follows from it."""
    with transaction(world.deps.sessions) as session:
        found = answers.asked_by_token(session, token, lock=True)
        assert found is not None
        now, given = world.clock.now(), Answers(score, "")
        response = survey_rows.new(session, found, given, "email", now)
        before = survey_rows.store(session, found, response, given, now, author="client", reason="")
        survey_effects.after_count(world.deps, session, found, response, before, now)
    return True


def _decided(world: World) -> list[tuple[str, int, dict[str, Any]]]:
    """What is said about signers on the main page."""
    with transaction(world.deps.sessions) as session:
        portal = session.get_one(Portal, world.portal_id)
        policy, _ = policies.load(session, portal.id)
        head = Rights("head", HEAD)
        found = decisions.find(world.deps, session, portal, policy, head, EVERYONE).decisions
    kinds = ("signer_left", "nobody_signs")
    return [(one.kind, one.count, one.params) for one in found if one.kind in kinds]
