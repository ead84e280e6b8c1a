"""What the main page and the set-up's progress say in each state; the signed value behind them (product.md P1-P4)."""

from __future__ import annotations

from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from integration.nps.plans import Plan
from integration.services import frames, health
from integration.services.frames import Viewer
from integration.store.base import transaction
from integration.store.chores import ChoreRow
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.waves import Wave
from tests.services.survey_world import World, a_letter

FRAME = {"AUTH_ID": "a" * 40, "member_id": "m-1", "DOMAIN": "portal.example", "LANG": "en", "PROTOCOL": "1"}


def viewer(world: World, **changes: Any) -> Viewer:
    values: dict[str, Any] = {
        "portal_id": world.portal.id, "user_id": 1, "administrator": True, "language": "en",
        "origin": "https://portal.example",
    }  # fmt: skip
    return Viewer(**(values | changes))


@pytest.fixture
def page(client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The main page's words for a person whom the portal has proven (that proof is tested with a sandbox)."""

    def look(language: str = "en") -> str:
        monkeypatch.setattr(frames, "open_frame", lambda _deps, _frame: viewer(world, language=language))
        answer = client.post("/bitrix/app", data=FRAME)
        assert answer.status_code == 200
        return unescape(answer.text)

    health.heartbeat(world.deps, "w")
    return look


def status(client: FlaskClient, world: World) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {frames.seal(world.deps, viewer(world))}"}
    found: dict[str, Any] = client.get("/bitrix/install/status", headers=headers).get_json()
    return found


def test_the_signed_value_lives_a_quarter_of_an_hour(world: World) -> None:
    value = frames.seal(world.deps, viewer(world))
    world.clock.advance(minutes=15)
    assert frames.unseal(world.deps, value) == viewer(world)
    world.clock.advance(seconds=1)
    assert frames.unseal(world.deps, value) is None


def test_a_value_for_another_use_or_a_portal_that_is_gone_opens_nothing(world: World) -> None:
    other = world.deps.signer.sign("survey", {"portal_id": world.portal.id}, world.clock.now())
    short = world.deps.signer.sign(frames.PURPOSE, {"portal_id": world.portal.id}, world.clock.now())
    gone = frames.seal(world.deps, viewer(world, portal_id=world.portal.id + 1))
    assert [frames.unseal(world.deps, text) for text in (other, short, gone, "", "x.y.z")] == [None] * 5


def test_a_quiet_installation_shows_figures_and_no_notice(page: Any, world: World) -> None:
    assert "Nobody signs yet." in page()
    world.policy(senders=[{"key": "head", "name": "Ada Head", "email": "ada@example.com"}])
    body = page()
    assert "Survey 2026" in body
    assert "The question is on its way to the clients." in body
    assert 'class="notice' not in body
    assert '<dd data-count="deals">2</dd>' in body


def test_the_days_of_the_wave_are_listed_and_past_ones_marked(page: Any, world: World) -> None:
    today = world.clock.now().date()
    plan = Plan(
        zone="Europe/Moscow", drafted=today, owner_reminders=(), announce=today - timedelta(days=14), start=today,
        calling=None, mailing=today, reminders=(today + timedelta(days=4),), closing=today + timedelta(days=20),
        frozen_on=today + timedelta(days=34),
    )  # fmt: skip
    world.set(Wave, world.wave_id, plan=plan.to_json())
    body = page()
    assert body.count('<li class="past">') == 1
    for words in (
        "29 December 2025",
        "Announcement letter",
        "12 January 2026",
        "Reminder",
        "End of the survey",
    ):
        assert words in body
    assert date(2026, 1, 12) == today


def test_what_needs_a_person_is_said(page: Any, world: World) -> None:
    a_letter(world, world.invitation())
    with transaction(world.deps.sessions) as session:
        session.add(OutboxRow(portal_id=world.portal.id, lane="deal:1", due_at=world.clock.now(), status="buried",
                              created_at=world.clock.now(), key="k", purpose="score", method="m", call={}))  # fmt: skip
    for letter in world.letters():
        world.set(type(letter), letter.id, status="unknown")
    body = page("ru")
    assert "1 письмо не ушло, нужно решение." in body
    assert "1 запись не попала в карточки." in body


def test_a_silent_worker_is_said(page: Any, world: World) -> None:
    world.clock.advance(minutes=4)
    assert "background process of Molva is not running" in page()


def test_a_set_up_that_was_given_up_says_what_to_do(client: FlaskClient, world: World) -> None:
    world.set(Portal, world.portal.id, setup_at=None, synced_at=None)
    with transaction(world.deps.sessions) as session:
        session.add(ChoreRow(portal_id=world.portal.id, lane="setup", name="setup", due_at=world.clock.now(),
                             created_at=world.clock.now(), status="buried"))  # fmt: skip
    found = status(client, world)
    assert (found["heading"], found["ready"]) == ("Molva could not be set up", False)
    assert "Open the application again" in found["notice"]
    assert [step["state"] for step in found["steps"]] == ["done", "failed", "waiting"]


HELD_BACK = [
    ({"status": "suspended"}, "does not answer applications"),
    ({"problem": "setup:ONTASKADD:denied"}, "ONTASKADD:denied"),
]


@pytest.mark.parametrize(("changes", "words"), HELD_BACK)
def test_what_holds_the_set_up_back_is_said(
    client: FlaskClient, world: World, changes: dict[str, str], words: str
) -> None:
    health.heartbeat(world.deps, "w")
    world.set(Portal, world.portal.id, synced_at=None, **changes)
    assert words in status(client, world)["notice"]


def test_a_finished_set_up_is_settled(client: FlaskClient, world: World) -> None:
    found = status(client, world)
    assert (found["ready"], found["settled"], found["percent"], found["notice"]) == (True, True, 100, "")
    assert found["counts"] == {"companies": "2", "contacts": "1", "deals": "2"}
