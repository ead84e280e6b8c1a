"""One client judged live, before there is a list and after (product.md E3, E4)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from integration.nps.people import ClientKey
from integration.nps.standing import Standing
from integration.services import card
from integration.services.card_types import CardView
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Contact, ContactCompany, Deal, OptOut, StageMove
from integration.store.letters import LetterRow
from integration.store.waves import Invitation, Wave, WaveClient
from tests.conftest import HandClock
from tests.services.survey_world import World
from tests.services.tab_world import a_task, tab_world, viewer


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return tab_world(sessions, clock)


def seen(world: World, **who: Any) -> CardView:
    return card.view(world.deps, viewer(world, **who), "company", 12)


def stands(world: World) -> Standing:
    found = seen(world).standing
    assert found is not None
    return found


def no_wave(world: World) -> None:
    """As before the first survey: nobody was ever asked."""
    with transaction(world.deps.sessions) as session:
        session.delete(session.get_one(Wave, world.wave_id))


def no_list(world: World, stage: str = "draft") -> None:
    """The survey is planned, its list is not drawn."""
    with transaction(world.deps.sessions) as session:
        wave = session.get_one(Wave, world.wave_id)
        wave.stage, wave.frozen_at, wave.approved_by = stage, None, ""
        for line in session.query(WaveClient).filter_by(wave_id=wave.id):
            session.delete(line)
        wave.plan = {**wave.plan, "announce": "2026-02-09", "start": "2026-02-23"}


def test_before_any_survey_a_client_in_order_would_be_asked(world: World) -> None:
    no_wave(world)
    found = stands(world)
    assert (found.code, found.wave, found.next_ask) == ("would", "", None)


def test_before_the_list_the_day_of_the_next_letter_is_told(world: World) -> None:
    no_list(world)
    found = stands(world)
    assert (found.code, found.wave, found.next_ask) == ("would", "2026", date(2026, 2, 9))


def _too_new(world: World) -> None:
    for deal in (351, 352):
        world.set(StageMove, (world.portal.id, deal), moved_at=datetime(2025, 11, 20, 9, tzinfo=UTC))


def _lost(world: World) -> None:
    for deal in (351, 352):
        world.set(Deal, (world.portal.id, deal), semantics="F")


def _trouble(world: World) -> None:
    world.policy(service_pipelines=[9], trouble_stages=["C9:NEW"])


def _nobody(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        for link in session.query(ContactCompany):
            session.delete(link)


def _opted_out(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        for number in (7, 8):
            session.add(OptOut(portal_id=world.portal.id, address=f"contact:{number}", contact_id=number,
                               said_at=world.clock.now()))  # fmt: skip


CASES: list[tuple[Any, str, dict[str, Any], date | None]] = [
    (_too_new, "too_new", {"since": "2025-11-20", "from": "2026-02-20"}, date(2026, 2, 20)),
    (_lost, "not_current", {}, None),
    (lambda w: w.set(Company, (w.portal.id, 12), hold_until=date(2026, 2, 1)), "on_hold",
     {"why": "card", "until": "2026-02-01"}, date(2026, 2, 1)),
    (lambda w: a_task(w), "on_hold", {"why": "open_follow_up", "until": None}, None),
    (_trouble, "on_hold", {"why": "trouble_stage", "deal": 351, "until": None}, None),
    (lambda w: w.set(Company, (w.portal.id, 12), opted_out=True), "opted_out", {}, None),
    (_opted_out, "opted_out", {"people": 2, "by_person": True}, None),
    (_nobody, "no_respondent", {}, None),
]  # fmt: skip


@pytest.mark.parametrize(("change", "reason", "facts", "clears"), CASES)
def test_before_the_list_the_one_reason_is_told_with_its_facts(
    world: World, change: Any, reason: str, facts: dict[str, Any], clears: date | None
) -> None:
    no_list(world)
    change(world)
    found = stands(world)
    assert (found.code, found.reason, dict(found.facts), found.clears_on) == (
        "would_not",
        reason,
        facts,
        clears,
    )


def test_who_was_asked_in_an_earlier_survey_is_told_when_the_gap_ends(world: World) -> None:
    no_list(world)
    with transaction(world.deps.sessions) as session:
        pid = world.portal.id
        old = Wave(
            portal_id=pid,
            name="2025",
            stage="closed",
            policy_version=1,
            plan={},
            planned_at=world.clock.now(),
        )
        session.add(old)
        session.flush()
        line = WaveClient(portal_id=pid, wave_id=old.id, client_kind="company", client_id=12, eligible=True)
        session.add(line)
        session.flush()
        session.add(Invitation(portal_id=pid, wave_id=old.id, wave_client_id=line.id, contact_id=7, token="old",
                               touches={"invitation": "2025-06-01T09:00:00+00:00"}))  # fmt: skip
    found = stands(world)
    assert (found.reason, found.clears_on) == ("asked_recently", date(2025, 6, 1) + timedelta(days=300))
    assert found.facts["asked_on"] == "2025-06-01"
    assert found.in_time is False
    with transaction(world.deps.sessions) as session:  # it turns out that the letter never left
        asked = session.query(Invitation).filter_by(token="old").one()
        session.add(
            LetterRow(portal_id=pid, lane="x", status="buried", due_at=world.clock.now(), created_at=world.clock.now(),
                      key="k", kind="invitation", invitation_id=asked.id, sender_name="", sender_address="", subject="",
                      body_text="", body_html="", recipient_address="x@example.com", message_id="<k>")
        )  # fmt: skip
    assert stands(world).reason != "asked_recently"


def test_on_the_list_the_written_reason_stands_whatever_holds_today(world: World) -> None:
    line = world.rows(WaveClient)[0]
    world.set(WaveClient, line.id, eligible=False, reason="too_new", since=date(2025, 12, 1),
              reason_detail="since=2025-12-01; from=2026-03-01")  # fmt: skip
    found = stands(world)
    assert (found.code, found.reason, found.clears_on) == ("out", "too_new", date(2026, 3, 1))
    assert found.as_of == date(2025, 12, 23)  # the day the list was drawn


def test_somebody_taken_out_by_hand_sees_by_whom_and_why(world: World) -> None:
    line = world.rows(WaveClient)[0]
    world.set(
        WaveClient, line.id, eligible=False, reason="excluded_by_hand", reason_detail="Ada: moving: twice"
    )
    assert dict(stands(world).facts) == {"who": "Ada", "why": "moving: twice"}


def test_a_client_that_came_after_the_list_was_drawn_is_not_on_it(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        for line in session.query(WaveClient):
            session.delete(line)
    found = stands(world)
    assert (found.code, found.as_of) == ("not_listed", date(2025, 12, 23))


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [(("", ""), "asked"), (("no_answer", "refused"), "finished"), (("no_answer", ""), "asked")],
)
def test_an_invited_client_is_being_asked_until_everybody_has_an_outcome(
    world: World, outcomes: tuple[str, str], code: str
) -> None:
    for contact, outcome in zip((7, 8), outcomes, strict=True):
        world.set(Invitation, world.invitation(contact).id, outcome=outcome)
    assert stands(world).code == code
    world.human(9)
    assert stands(world).code == "answered"


def test_the_agencys_own_company_is_no_client(world: World) -> None:
    found = card.view(world.deps, viewer(world, card=("company", 1)), "company", 1)
    assert (found.client, found.standing) == (None, None)


def test_a_client_without_a_single_deal_is_not_current(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        session.add(Company(portal_id=world.portal.id, id=70, title="Only an address"))
        session.add(Contact(portal_id=world.portal.id, id=71, name="Eva"))
    found = card.view(world.deps, viewer(world, card=("company", 70)), "company", 70)
    assert found.client == ClientKey("company", 70)
    assert found.standing is not None
    assert (found.standing.reason, found.years, found.asked) == ("not_current", (), ())
