"""Surveys after projects in every state, for the pages that show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from integration.services.frames import Viewer
from integration.store.base import transaction
from integration.store.project_runs import ProjectRun
from integration.store.responses import Response
from integration.store.waves import Invitation
from tests.services.projects.project_world import DONE, ON, World
from tests.services.report_world import LONG, MARKUP, beat, viewer
from tests.services.wave_world import POLICY
from tests.services.wave_world import World as Agency

SCORES = (10, 9, 9, 8, 7, 6, 3, 10, 9)


def asked(world: Agency) -> Viewer:
    """Nine answers, somebody who waits, somebody who was not asked, an answer to confirm, a mass move held back."""
    beat(world)
    world.clock.moment = datetime(2026, 10, 30, 9, tzinfo=UTC)
    world.policy(**{**POLICY, **ON, "project_delay_days": 0})
    made = World(world.deps, world.clock, world.portal_id, world.contacts, world.post)
    world.clock.moment = datetime(2026, 11, 2, 9, tzinfo=UTC)
    for number in range(11, 24):
        made.client(number, title={12: LONG, 13: MARKUP}.get(number, ""), email=None if number == 22 else "")
    for number in range(11, 23):
        made.enters(number * 10)
    made.work()
    people = made.invitations()
    assert made.wave().kind == "project"
    with transaction(world.deps.sessions) as session:
        for place, (contact, score) in enumerate(zip(range(1100, 2100, 100), (*SCORES, 5), strict=True)):
            one = session.get_one(Invitation, people[contact].id)
            held = place == len(SCORES)
            session.add(
                Response(
                    portal_id=world.portal_id, wave_id=one.wave_id, invitation_id=one.id, score=score,
                    comment=LONG if place % 3 else MARKUP, channel="email", status="held" if held else "counted",
                    held_reason="no_script" if held else "", answered_at=world.clock.now(),
                )
            )  # fmt: skip
            if not held:
                one.outcome, one.outcome_at, one.due_at = "answered", world.clock.now(), None
    world.clock.advance(seconds=7200)
    for number in range(40, 62):
        made.client(number)
        made.enters(number * 10)
    made.enters(230, at=world.clock.now() + timedelta(days=1, hours=3))
    assert {run.reason for run in world.rows(ProjectRun)} >= {"", "many", "no_channel"}
    assert DONE in {run.started_by for run in world.rows(ProjectRun)}
    return viewer(world, administrator=True)
