"""When the triggers of the portal's automation are fired (product.md B3)."""

from __future__ import annotations

from datetime import UTC, datetime

from integration.nps.people import ClientKey
from integration.services import automation, corrections, optouts, survey
from integration.services.calls_queue import Cause
from integration.services.survey_effects import write_scores
from integration.store import answers
from integration.store.base import Sessions, transaction
from integration.store.checks import SetupCheck
from integration.store.clients import Deal
from integration.store.waves import WaveClient
from tests.conftest import HandClock
from tests.services.survey_world import BROWSER, World, make_world

ALL = ["molva-answer", "molva-promoter", "molva-passive", "molva-detractor"]


def told(world: World, *there: str) -> None:
    """What the portal has registered."""
    found = {automation.TOPIC: {"triggers": {"how": "ok", "code": "", "there": list(there)}}}
    world.policy(triggers=True)
    with transaction(world.deps.sessions) as session:
        session.merge(SetupCheck(portal_id=world.portal.id, found=found, repair={}))


def fired(world: World) -> list[tuple[str, int, str]]:
    """Code, deal and lane of what is queued, oldest first."""
    return [
        (row.call["params"]["CODE"], row.call["params"]["OWNER_ID"], row.lane)
        for row in world.outbox("trigger")
    ]


def corrected(world: World, score: int, comment: str = "") -> None:
    response = world.response()
    assert response is not None
    assert survey.correct(
        world.deps, world.portal.id, response.id, score=score, comment=comment, author="Ada", reason="heard"
    )


def test_each_counted_answer_and_each_change_of_group_fires_once(
    sessions: Sessions, clock: HandClock
) -> None:
    """A new answer: both triggers behind the score; the same group again: none; another group: its own."""
    world = make_world(sessions, clock)
    told(world, *ALL)
    world.human(9)
    first = [("molva-answer", 351, "deal:351"), ("molva-promoter", 351, "deal:351")]
    assert fired(world) == first
    lane = [row.purpose for row in world.all_outbox() if row.lane == "deal:351"]
    assert lane.index("score") < lane.index("trigger")
    assert not any(row.call["repeat"] or row.call["probe"] for row in world.outbox("trigger"))
    world.human(9)
    corrected(world, 10, "even better")
    assert fired(world) == first
    corrected(world, 4)
    corrected(world, 4)
    assert fired(world) == [*first, ("molva-detractor", 351, "deal:351")]
    corrected(world, 9)
    assert [code for code, _, _ in fired(world)][3:] == ["molva-promoter"]


def test_what_fires_nothing(sessions: Sessions, clock: HandClock) -> None:
    """A held answer until somebody confirms it, a client moved to another card, a "not now", and no deal at all."""
    world = make_world(sessions, clock)
    told(world, *ALL)
    assert world.post(3, user_agent=BROWSER).status == "needs_confirmation"
    assert fired(world) == []
    invitation = world.invitation()
    with transaction(sessions) as session:
        found = answers.asked(session, world.portal.id, invitation.id, lock=True)
        assert found is not None
        write_scores(world.deps, session, found, Cause("merge", 1))
    assert fired(world) == []
    corrected(world, 3)
    assert [code for code, _, _ in fired(world)] == ["molva-answer", "molva-detractor"]
    silent = make_world(sessions, clock, tag="b")
    told(silent, *ALL)
    optouts.opt_out(silent.deps, silent.token, one_click=True)
    assert fired(silent) == []


def test_no_deal_not_registered_or_switched_off(sessions: Sessions, clock: HandClock) -> None:
    """Only what the portal has is fired, and only on a deal that is there."""
    cases: list[tuple[str, list[str], list[str]]] = [
        ("c", [], []),
        ("d", ["molva-detractor"], ["molva-detractor"]),
        ("e", ALL, []),
        ("f", ALL, []),
        ("g", ALL, []),
    ]
    for tag, there, expected in cases:
        world = make_world(sessions, clock, tag=tag)
        told(world, *there)
        with transaction(sessions) as session:
            line = session.query(WaveClient).filter_by(portal_id=world.portal.id).one()
            if tag == "e":
                line.deal_id = None
            if tag == "f":
                session.get_one(Deal, (world.portal.id, 351)).deleted_at = datetime(2026, 1, 1, tzinfo=UTC)
        if tag == "g":
            world.policy(triggers=False)
        world.human(2)
        assert [code for code, _, _ in fired(world)] == expected, tag
        assert world.response() is not None


def test_an_answer_by_word_of_mouth_fires_too(sessions: Sessions, clock: HandClock) -> None:
    """However it was counted (product.md W17)."""
    world = make_world(sessions, clock)
    told(world, *ALL)
    found = corrections.record(
        world.deps, world.portal.id, ClientKey("company", 12), world.invitation().id, {"score": "7"},
        channel="in_person", who="Ada Head",
    )  # fmt: skip
    assert found.status == "counted"
    assert [code for code, _, _ in fired(world)] == ["molva-answer", "molva-passive"]
