""" "Never again" and "not a good moment": without a login, once, for the person (product.md W12, S1, S6)."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from integration.bitrix.call import Call
from integration.services import optouts, survey
from integration.store.base import Sessions, transaction
from integration.store.clients import OptOut
from integration.store.waves import Invitation, Wave, WaveClient
from tests.conftest import HandClock
from tests.services.survey_world import TOUCH, World, a_letter, make_world


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock, people=((7, "decides"), (8, "daily")))


def proof_for(world: World, purpose: str, contact: int = 7) -> str:
    nonce = optouts.page(world.deps, world.tokens[contact]).nonce
    world.clock.advance(seconds=5)
    return survey.prove(world.deps, world.tokens[contact], nonce, TOUCH | {"purpose": purpose}) or ""


def test_one_click_ends_everything_for_this_person_and_nobody_else(world: World) -> None:
    a_letter(world, world.invitation(7))
    a_letter(world, world.invitation(8))
    assert optouts.opt_out(world.deps, world.tokens[7], one_click=True).status == "done"
    said = world.rows_by_portal(OptOut)
    assert [(o.address, o.contact_id, o.source) for o in said] == [("p7@example.com", 7, "one_click")]
    assert (world.invitation(7).outcome, world.invitation(7).due_at) == ("opted_out", None)
    assert world.invitation(8).outcome == ""
    assert {letter.recipient_address: letter.status for letter in world.letters()} == {
        "p7@example.com": "cancelled", "p8@example.com": "waiting",
    }  # fmt: skip
    row = world.outbox("field")[0]
    call = Call.from_json(row.call)
    assert (row.lane, call.method, call.params["id"]) == ("contact:7", "crm.item.update", 7)
    assert call.params["fields"] == {"UF_CRM_MOLVA_OPT_OUT": "Y"}
    assert survey.page(world.deps, world.tokens[7]).status == "opted_out"
    assert world.post(9, token=world.tokens[7]).status == "closed"


def test_the_client_s_card_is_told_once_what_a_person_chose(sessions: Sessions, clock: HandClock) -> None:
    """One comment in the timeline for "never again", one for each "not now", in the portal's language."""
    for language, never, later in (
        ("ru", "больше не спрашивать", "сейчас не время"), ("uk", "більше не питати", "зараз не час"),
        ("en", "never ask again", "not a good moment"),
    ):  # fmt: skip
        world = make_world(sessions, clock, people=((7, "decides"), (8, "")), language=language, tag=language)
        never_token, later_token = world.tokens[7], world.tokens[8]
        for _ in range(2):
            optouts.opt_out(world.deps, never_token, one_click=True)
            proof = proof_for(world, "snooze", contact=8)
            assert optouts.snooze(world.deps, later_token, proof=proof).status == "done"
        told = [
            (row.lane, Call.from_json(row.call).params["fields"]["COMMENT"])
            for row in world.outbox("comment")
        ]
        assert [lane for lane, _ in told] == ["company:12", "company:12"]
        assert never in told[0][1].split("\n")[0]
        assert later in told[1][1].split("\n")[0]
        assert "Person7" in told[0][1].split("\n")[1]
        optouts.snooze(world.deps, later_token, user_agent="curl/8")  # a machine: nothing is told
        assert len(world.outbox("comment")) == 2


def test_saying_it_again_changes_nothing(world: World, clock: HandClock) -> None:
    optouts.opt_out(world.deps, world.tokens[7], one_click=True)
    clock.advance(days=3)
    assert optouts.opt_out(world.deps, world.tokens[7], one_click=True).status == "done"
    assert len(world.rows_by_portal(OptOut)) == 1
    assert len(world.outbox("field")) == 1


def test_the_page_needs_a_one_time_value_for_this_purpose(world: World) -> None:
    wrong = optouts.opt_out(world.deps, world.tokens[7], proof=proof_for(world, "answer"))
    assert wrong.status == "needs_confirmation"
    assert world.rows_by_portal(OptOut) == []
    assert (
        optouts.opt_out(world.deps, world.tokens[7], proof=proof_for(world, "unsubscribe")).status == "done"
    )
    assert optouts.page(world.deps, world.tokens[7]).status == "done"


def test_without_script_a_ticked_box_on_the_second_page_is_enough(world: World, clock: HandClock) -> None:
    first = optouts.opt_out(world.deps, world.tokens[7])
    clock.advance(seconds=10)
    assert optouts.opt_out(world.deps, world.tokens[7], proof=first.confirm).status == "needs_confirmation"
    second = optouts.opt_out(world.deps, world.tokens[7])
    clock.advance(seconds=10)
    assert optouts.opt_out(world.deps, world.tokens[7], proof=second.confirm, sure=True).status == "done"


def test_it_works_from_links_that_are_dead_for_answers(world: World, clock: HandClock) -> None:
    world.set(Invitation, world.invitation(7).id, revoked_at=clock.now(), outcome="no_answer")
    world.set(Wave, world.wave_id, stage="closed", closed_at=clock.now())
    clock.advance(days=400)
    assert optouts.page(world.deps, world.tokens[7]).status == "open"
    assert optouts.opt_out(world.deps, world.tokens[7], one_click=True).status == "done"
    assert world.invitation(7).outcome == "no_answer"
    assert optouts.page(world.deps, "nothing").status == "unknown"
    assert optouts.opt_out(world.deps, "nothing", one_click=True).status == "unknown"


def test_it_holds_for_the_same_address_on_another_card_and_in_another_wave(
    world: World, clock: HandClock
) -> None:
    with transaction(world.deps.sessions) as session:
        pid = world.portal.id
        wave = Wave(
            portal_id=pid, name="2027", stage="announced", policy_version=1, plan={}, planned_at=clock.now()
        )
        session.add(wave)
        session.flush()
        client = WaveClient(portal_id=pid, wave_id=wave.id, client_kind="contact", client_id=70)
        session.add(client)
        session.flush()
        session.add(
            Invitation(portal_id=pid, wave_id=wave.id, wave_client_id=client.id, contact_id=70,
                       address="P7@Example.com", token="next-year")
        )  # fmt: skip
    optouts.opt_out(world.deps, world.tokens[7], one_click=True)
    assert world.invitation(70).outcome == "opted_out"
    assert sorted(row.lane for row in world.outbox("field")) == ["contact:7", "contact:70"]


def test_an_answer_given_before_stays_an_answer(world: World) -> None:
    world.human(9, token=world.tokens[7])
    optouts.opt_out(world.deps, world.tokens[7], one_click=True)
    assert world.invitation(7).outcome == "answered"
    assert survey.page(world.deps, world.tokens[7]).status == "answered"


def test_two_threads_opt_out_once(world: World) -> None:
    start = threading.Barrier(2)
    results: list[str] = []

    def post() -> None:
        start.wait(60)
        results.append(optouts.opt_out(world.deps, world.tokens[7], one_click=True).status)

    threads = [threading.Thread(target=post) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert results == ["done", "done"]
    assert len(world.rows_by_portal(OptOut)) == 1
    assert len(world.outbox("field")) == 1


def test_not_a_good_moment_waits_the_days_set(world: World, clock: HandClock) -> None:
    world.policy(snooze_days=10)
    a_letter(world, world.invitation(7))
    result = optouts.snooze(world.deps, world.tokens[7], proof=proof_for(world, "snooze"))
    until = clock.now() + timedelta(days=10)
    assert (result.status, result.until) == ("done", until)
    invitation = world.invitation(7)
    assert (invitation.snoozed_until, invitation.due_at, invitation.outcome) == (until, clock.now(), "")
    assert [letter.status for letter in world.letters()] == ["cancelled"]
    assert world.human(9, token=world.tokens[7]).status == "counted"
    assert optouts.snooze(world.deps, world.tokens[7], proof=proof_for(world, "snooze")).status == "closed"


def test_not_a_good_moment_when_the_survey_is_ending_names_no_day(world: World, clock: HandClock) -> None:
    """The wish is kept all the same: staff see that the person asked for later (W12)."""
    assert optouts.comes_back(world.deps, world.tokens[7])
    with transaction(world.deps.sessions) as session:
        wave = session.get_one(Wave, world.invitation(7).wave_id)
        wave.stage, wave.closed_at = "closed", clock.now()
    assert not optouts.comes_back(world.deps, world.tokens[7])
    result = optouts.snooze(world.deps, world.tokens[7], proof=proof_for(world, "snooze"))
    assert (result.status, result.until, result.day) == ("done", None, None)
    assert world.invitation(7).snoozed_until is not None


def test_not_a_good_moment_needs_a_person(world: World) -> None:
    result = optouts.snooze(world.deps, world.tokens[7])
    assert result.status == "needs_confirmation"
    assert result.confirm
    assert world.invitation(7).snoozed_until is None
