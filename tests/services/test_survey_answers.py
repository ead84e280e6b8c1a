"""Answers of people: counted once, corrected in time, refused when the link is dead (product.md S1, S3, S6)."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from integration.services import survey
from integration.services.survey_types import AnswerResult
from integration.store import wave_queries
from integration.store.base import Sessions, transaction
from integration.store.clients import Contact
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave
from tests.conftest import HandClock
from tests.services.survey_world import TOUCH, World, a_letter, make_world


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


def test_the_page_names_what_is_judged_and_stores_nothing(world: World) -> None:
    page = survey.page(world.deps, world.token)
    assert (page.status, page.agency, page.service) == ("open", "Our Agency", "Support")
    assert page.people == ("Clara Manager",)
    assert (page.first_name, page.wave, page.score, page.comment) == ("Person7", "2026", None, "")
    assert page.nonce
    assert world.response() is None
    assert world.invitation().outcome == ""


def test_a_persons_answer_counts_and_ends_the_invitation(world: World) -> None:
    a_letter(world, world.invitation())
    result = world.human(9, "Fine work")
    assert (result.status, result.page.status) == ("counted", "answered")
    assert (result.page.score, result.page.group) == (9, "promoter")
    response = world.response()
    assert response is not None
    assert (response.status, response.score, response.comment, response.channel, response.revision) == (
        "counted", 9, "Fine work", "email", 1,
    )  # fmt: skip
    assert response.wording == "nps_question/1/en"
    invitation = world.invitation()
    assert (invitation.outcome, invitation.due_at) == ("answered", None)
    assert [letter.status for letter in world.letters()] == ["cancelled"]


def test_the_first_answer_of_a_wave_in_closing_makes_the_machine_look_again(
    world: World, clock: HandClock
) -> None:
    world.set(Wave, world.wave_id, stage="closing", step_due_at=None)
    world.human(9)
    assert world.rows(Wave)[0].step_due_at == clock.now()


def test_the_same_answer_twice_is_one_answer(world: World) -> None:
    world.human(9, "Fine work")
    again = world.human(9, "Fine work")
    without_script = world.post(9, "Fine work")
    assert (again.status, without_script.status) == ("counted", "counted")
    assert len(world.revisions()) == 1
    assert len(world.outbox("score")) == 4


def test_a_person_corrects_within_the_days_allowed_and_not_later(world: World, clock: HandClock) -> None:
    world.human(9, "Fine work")
    clock.advance(days=13)
    assert world.human(3, "It got worse").status == "counted"
    response = world.response()
    assert response is not None
    assert (response.score, response.comment, response.revision) == (3, "It got worse", 2)
    clock.advance(days=2)
    late = world.human(10)
    assert (late.status, late.page.status, late.page.can_edit) == ("closed", "answered", False)
    assert [revision.score for revision in world.revisions()] == [9, 3]


def test_a_link_lives_until_edit_days_after_the_wave_closed(world: World, clock: HandClock) -> None:
    world.set(Wave, world.wave_id, stage="closed", closed_at=clock.now())
    clock.advance(days=14)
    assert survey.page(world.deps, world.token).status == "open"
    clock.advance(seconds=1)
    assert survey.page(world.deps, world.token).status == "expired"
    assert world.post(9).status == "closed"
    assert world.response() is None


def test_dead_links_say_why_and_take_no_answer(world: World, clock: HandClock) -> None:
    assert survey.page(world.deps, "no-such-token").status == "unknown"
    assert survey.page(world.deps, "").status == "unknown"
    assert world.post(9, token="no-such-token").status == "closed"
    world.set(Invitation, world.invitation().id, revoked_at=clock.now())
    page = survey.page(world.deps, world.token)
    assert (page.status, page.nonce) == ("revoked", "")
    world.set(Invitation, world.invitation().id, revoked_at=None)
    world.set(Wave, world.wave_id, stage="cancelled")
    assert survey.page(world.deps, world.token).status == "expired"
    world.set(Portal, world.portal.id, status="uninstalled")
    assert survey.page(world.deps, world.token).status == "revoked"
    assert world.response() is None


def test_wrong_values_are_named_and_neither_stored_nor_cost_the_one_time_value(
    world: World, clock: HandClock
) -> None:
    page = survey.page(world.deps, world.token)
    clock.advance(seconds=5)
    proof = survey.prove(world.deps, world.token, page.nonce, TOUCH) or ""
    for score, code in ((None, "missing"), (11, "not_a_score")):
        result = world.post(score, proof=proof)
        assert (result.status, result.problems) == ("problem", (("score", code),))
    assert world.post(7, "x" * 4001, proof=proof).problems == (("comment", "too_long"),)
    assert world.response() is None
    assert world.post(7, proof=proof).status == "counted"


def test_one_time_values_need_a_trusted_gesture_and_a_nonce_of_this_very_link(
    world: World, clock: HandClock
) -> None:
    nonce = survey.page(world.deps, world.token).nonce
    for gesture in ({}, {"type": "pointerdown"}, {"type": "pointerdown", "trusted": "false"},
                    {"type": "load", "trusted": "true"}, TOUCH | {"purpose": "everything"}):  # fmt: skip
        assert survey.prove(world.deps, world.token, nonce, gesture) is None
    assert survey.prove(world.deps, world.token, nonce, TOUCH, user_agent="SafeLinks scanner") is None
    assert survey.prove(world.deps, world.token, "forged", TOUCH) is None
    assert survey.prove(world.deps, "other-token", nonce, TOUCH) is None
    clock.advance(days=8)
    assert survey.prove(world.deps, world.token, nonce, TOUCH) is None


def test_a_one_time_value_serves_its_own_purpose_and_link_only(sessions: Sessions, clock: HandClock) -> None:
    world = make_world(sessions, clock, people=((7, "decides"), (8, "daily")))
    nonce = survey.page(world.deps, world.tokens[7]).nonce
    clock.advance(seconds=5)
    other_purpose = survey.prove(world.deps, world.tokens[7], nonce, TOUCH | {"purpose": "unsubscribe"}) or ""
    assert world.post(9, token=world.tokens[7], proof=other_purpose).held_reason == "replay"
    own = survey.prove(world.deps, world.tokens[7], nonce, TOUCH) or ""
    assert world.post(9, token=world.tokens[8], proof=own).held_reason == "replay"


def test_a_double_click_from_two_threads_counts_once(world: World, clock: HandClock) -> None:
    page = survey.page(world.deps, world.token)
    clock.advance(seconds=5)
    proof = survey.prove(world.deps, world.token, page.nonce, TOUCH) or ""
    results: list[AnswerResult] = []
    start = threading.Barrier(2)

    def post() -> None:
        start.wait(60)
        results.append(world.post(2, "Slow", proof=proof))

    threads = [threading.Thread(target=post) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [result.status for result in results] == ["counted", "counted"]
    assert [(r.score, r.status) for r in world.revisions()] == [(2, "counted")]
    assert len(world.outbox("task")) == 1
    assert len(world.outbox("comment")) == 2


def test_two_respondents_at_once_leave_the_account_rule_over_both(
    sessions: Sessions, clock: HandClock
) -> None:
    world = make_world(sessions, clock, people=((7, "decides"), (8, "decides")))
    proofs = {}
    for contact, token in world.tokens.items():
        nonce = survey.page(world.deps, token).nonce
        clock.advance(seconds=5)
        proofs[contact] = survey.prove(world.deps, token, nonce, TOUCH) or ""
    start = threading.Barrier(2)

    def post(contact: int, score: int) -> None:
        start.wait(60)
        world.post(score, token=world.tokens[contact], proof=proofs[contact])

    threads = [threading.Thread(target=post, args=pair) for pair in ((7, 10), (8, 4))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    last: dict[str, object] = {}
    for fields in world.written("company:12"):
        last |= fields
    assert last["UF_CRM_MOLVA_NPS_SCORE"] == 4
    assert "2 people answered" in str(last["UF_CRM_MOLVA_NPS_COMMENT"])


def test_staff_corrections_need_a_reason_and_keep_the_old_value(world: World, clock: HandClock) -> None:
    world.human(9, "Fine work")
    response = world.response()
    assert response is not None
    with pytest.raises(ValueError, match="reason"):
        survey.correct(
            world.deps, world.portal.id, response.id, score=2, comment="", author="Ada", reason=" "
        )
    with pytest.raises(ValueError, match="not_a_score"):
        survey.correct(
            world.deps, world.portal.id, response.id, score=12, comment="", author="Ada", reason="typo"
        )
    clock.advance(days=100)
    changes: dict[str, Any] = {"score": 2, "comment": "said 2", "author": "Ada", "reason": "typo"}
    assert survey.correct(world.deps, world.portal.id, response.id, **changes)
    kept = [(r.score, r.author, r.reason) for r in world.revisions()]
    assert kept == [(9, "client", ""), (2, "Ada", "typo")]
    assert world.written("deal:351")[-1]["UF_CRM_MOLVA_NPS_SCORE"] == 2
    assert not survey.correct(
        world.deps, world.portal.id + 1, response.id, score=3, comment="", author="A", reason="r"
    )


def test_staff_confirm_a_held_answer(world: World) -> None:
    world.post(4, "From a text browser")
    held = world.response()
    assert held is not None
    assert held.status == "held"
    assert survey.correct(world.deps, world.portal.id, held.id, score=4, comment="From a text browser",
                          author="Ada", reason="asked by phone")  # fmt: skip
    now = world.response()
    assert now is not None
    assert (now.status, now.held_reason) == ("counted", "")
    assert len(world.outbox("task")) == 1


def test_the_first_count_is_where_the_days_for_changes_begin(world: World, clock: HandClock) -> None:
    world.post(4)
    clock.advance(days=10)
    world.human(5)
    page = survey.page(world.deps, world.token)
    assert page.edit_until == clock.now() + timedelta(days=14)
    assert survey.page(world.deps, world.token).can_edit


def test_an_answer_and_the_waves_own_machine_never_wait_for_each_other_in_a_circle(world: World) -> None:
    """Staff pause or close a wave under its lock and touch every invitation, while a person answers."""
    nonce = survey.page(world.deps, world.token).nonce
    world.clock.advance(seconds=5)
    proof = survey.prove(world.deps, world.token, nonce, TOUCH) or ""
    results: list[AnswerResult] = []
    answering = threading.Thread(target=lambda: results.append(world.post(9, proof=proof)))
    with transaction(world.deps.sessions) as session:
        wave_queries.locked(session, world.portal.id, world.wave_id)
        answering.start()
        answering.join(1)  # by now it waits for the wave
        wave_queries.look_at_all(session, world.portal.id, world.wave_id, world.clock.now(), only_open=False)
    answering.join(120)
    assert [result.status for result in results] == ["counted"]


def test_who_answers_in_another_language_is_written_to_in_it(world: World) -> None:
    """Only a proven answer says so, and letters of this survey follow as far as the agency writes in it (S4)."""
    world.policy(languages=["ru", "en"])

    def spoken() -> tuple[str, str]:
        with transaction(world.deps.sessions) as session:
            return world.invitation(7).language, session.get_one(Contact, (world.portal.id, 7)).language

    before = world.invitation(7).language
    world.post(8, language="uk")
    assert spoken() == (before, "")
    world.human(8, language="uk")
    assert spoken() == (before, "uk")
    world.human(7, language="en" if before == "ru" else "ru")
    assert spoken() == (("en", "en") if before == "ru" else ("ru", "ru"))
    world.human(6, language="xx")
    assert spoken()[1] in ("ru", "en")
