"""The rehearsal names what is wrong before anything leaves, and each fix removes its finding (product.md W4)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from integration.services import waves
from integration.services.waves import WaveError
from integration.store.base import Sessions, transaction
from integration.store.clients import Contact
from integration.store.followups import FollowUp
from integration.store.portals import Portal, Staff, Stage
from tests.conftest import HandClock
from tests.services.wave_world import DIRECTOR, HEAD, POLICY, World, make_world


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


def rehearsed(world: World, wave_id: int) -> dict[str, Any]:
    waves_freeze = waves.freeze(world.deps, world.portal_id, wave_id)
    assert waves_freeze
    return waves.rehearse(world.deps, world.portal_id, wave_id, "Пётр Сом")


def codes(report: dict[str, Any], kind: str = "errors") -> set[str]:
    return {finding["code"] for finding in report[kind]}


def test_it_shows_who_is_asked_who_is_not_and_the_letters_on_real_data(world: World) -> None:
    world.client(2, people=2)
    world.set(Contact, (world.portal_id, 201), role="daily", language="uk")
    world.client(3, title="Новички", since=date(2026, 1, 2))
    world.client(4, title="Без почты", email=None)
    wave_id = world.planned()
    report = waves.rehearse(world.deps, world.portal_id, wave_id, "Пётр Сом")
    assert (report["clients"], report["eligible"], report["respondents"]) == (3, 1, 2)
    assert report["reasons"] == {"too_new": 1, "no_channel": 1}
    assert report["left_out"] == {"too_new": ["Новички"], "no_channel": ["Без почты"]}
    assert report["days"] == [
        ["announced", "2026-02-16"], ["mailing", "2026-03-02"], ["reminders", "2026-03-06"], ["closing", "2026-03-18"],
    ]  # fmt: skip
    assert report["calendar"] == "portal"
    assert report["errors"] == []
    assert codes(report, "warnings") == {"no_channel"}
    assert {(s["letter"], s["language"]) for s in report["samples"]} == {
        (letter, language)
        for letter in ("announcement", "invitation", "reminder", "last_reminder") for language in ("ru", "uk")
    }  # fmt: skip
    assert all("Сопровождение" in s["text"]["text"] for s in report["samples"])
    json.dumps(report)
    assert world.wave().stage == "rehearsed"
    assert world.letters() == []


def break_sender_gone(world: World) -> None:
    world.policy(senders=[POLICY["senders"][0]], default_sender="")
    for user in (HEAD, DIRECTOR):
        world.set(Staff, (world.portal_id, user), active=False)


def break_no_sender(world: World) -> None:
    world.policy(senders=[], default_sender="", head_sender="")


def break_only_the_manager_signs(world: World) -> None:
    world.policy(senders=[POLICY["senders"][1]], default_sender="branch", head_sender="")


def break_service_name(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        for stage in session.query(Stage):
            session.delete(stage)


def mend_service_name(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        session.add(
            Stage(portal_id=world.portal_id, stage_id="C9:NEW", category_id=9, category_name="Сопровождение")
        )


def mend_senders(world: World) -> None:
    for user in (HEAD, DIRECTOR):
        world.set(Staff, (world.portal_id, user), active=True)
    world.policy(senders=POLICY["senders"], default_sender="branch", head_sender="head")


@pytest.mark.parametrize(
    ("breaking", "mending", "code"),
    [
        (break_sender_gone, mend_senders, "sender_unfit"),
        (break_no_sender, mend_senders, "no_sender"),
        (break_only_the_manager_signs, mend_senders, "sender_serves_client"),
        (break_service_name, mend_service_name, "missing_placeholder"),
    ],
)
def test_each_error_forbids_approval_and_goes_with_its_fix(
    world: World, breaking: Any, mending: Any, code: str
) -> None:
    world.client(2, manager=DIRECTOR)
    wave_id = world.planned()
    breaking(world)
    assert code in codes(rehearsed(world, wave_id))
    with pytest.raises(WaveError):
        waves.approve(world.deps, world.portal_id, wave_id, "Пётр Сом")
    assert world.wave().approved_by == ""
    mending(world)
    assert codes(rehearsed(world, wave_id)) == set()
    waves.approve(world.deps, world.portal_id, wave_id, "Пётр Сом")
    assert world.wave().approved_by == "Пётр Сом"


def test_a_list_with_nobody_to_ask_cannot_be_approved(world: World) -> None:
    world.client(2, opted_out=True)
    wave_id = world.planned()
    assert codes(rehearsed(world, wave_id)) == {"nobody_to_ask"}


def test_open_follow_ups_warn_or_refuse_as_it_is_set(world: World) -> None:
    """The readiness gate, product.md W3."""
    world.client(2)
    first = world.approved()
    waves.close(world.deps, world.portal_id, first, "Пётр Сом", "проба")
    with transaction(world.deps.sessions) as session:
        session.add(
            FollowUp(portal_id=world.portal_id, key="k", kind="meeting", client_kind="company", client_id=77,
                     owner_id=5, deadline=world.clock.now(), opened_at=world.clock.now())
        )  # fmt: skip
    second = waves.plan_wave(world.deps, world.portal_id, date(2027, 3, 1), "Пётр Сом")
    assert second is not None
    report = rehearsed(world, second)
    assert codes(report) == set()
    assert "follow_ups_open" in codes(report, "warnings")
    assert "no_we_did_letter" not in report["problems"], "nobody can write one yet (F6)"
    world.policy(readiness="refuse")
    assert codes(rehearsed(world, second)) == {"follow_ups_open"}


def test_warnings_may_be_lived_with(world: World) -> None:
    world.client(2)
    world.set(Portal, world.portal_id, calendar={})
    world.policy(country="UA")
    world.set(Contact, (world.portal_id, 200), name="", last_name="")
    wave_id = world.planned()
    report = rehearsed(world, wave_id)
    assert codes(report) == set()
    assert codes(report, "warnings") == {"no_public_holidays", "nameless"}
    assert set(waves.approve(world.deps, world.portal_id, wave_id, "Пётр Сом")) == codes(report, "warnings")


def test_a_date_shared_by_most_of_the_portal_is_reported(world: World) -> None:
    for number in (2, 3, 4):
        world.client(number, since=date(2024, 5, 1))
    world.client(5, since=date(2023, 1, 1))
    report = rehearsed(world, world.planned())
    (finding,) = [f for f in report["warnings"] if f["code"] == "import_date"]
    assert finding["params"] == {"day": "2024-05-01", "share": 75}
    assert "import_date (day=2024-05-01, share=75)" in report["problems"]


@pytest.mark.parametrize("act", ["approve", "rehearse"])
def test_what_is_under_way_is_not_rehearsed_or_approved_again(world: World, act: str) -> None:
    world.client(2)
    wave_id = world.approved()
    world.until(datetime(2026, 2, 17, tzinfo=UTC))
    with pytest.raises(WaveError):
        getattr(waves, act)(world.deps, world.portal_id, wave_id, "Пётр Сом")


def test_a_wave_that_nobody_rehearsed_cannot_be_approved(world: World) -> None:
    world.client(2)
    wave_id = world.planned()
    waves.freeze(world.deps, world.portal_id, wave_id)
    with pytest.raises(WaveError, match="wrong_stage"):
        waves.approve(world.deps, world.portal_id, wave_id, "Пётр Сом")


def test_a_plan_that_has_passed_cannot_be_approved(world: World) -> None:
    world.client(2)
    wave_id = world.planned()
    waves.rehearse(world.deps, world.portal_id, wave_id)
    world.clock.advance(days=60)
    with pytest.raises(WaveError, match="plan_is_past"):
        waves.approve(world.deps, world.portal_id, wave_id, "Пётр Сом")
