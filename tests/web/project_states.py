"""Surveys after projects in every state, for the pages that show them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select

from integration.services.frames import Viewer
from integration.store.base import transaction
from integration.store.project_runs import ProjectRun
from integration.store.questions import ExtraAnswer
from integration.store.responses import Response
from integration.store.waves import Invitation
from tests.services.projects.project_world import DONE, ON, World
from tests.services.report_world import LONG, MARKUP, beat, scores, tell, viewer
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


SPEED = {
    "key": "q1", "kind": "scale_5", "on": True,
    "texts": {"ru": "Насколько быстро мы отвечаем?", "en": "How fast do we answer?"},
}  # fmt: skip
WHAT = {
    "key": "q2", "kind": "choice", "texts": {"ru": "Что улучшить в первую очередь?", "en": "What first?"}, "on": True,
    "options": [{"code": "o1", "texts": {"ru": "Сроки"}}, {"code": "o2", "texts": {"ru": LONG[:78]}}],
}  # fmt: skip
WORDS = {"key": "q3", "kind": "text", "texts": {"ru": "Что ещё передать команде?"}, "on": True}


def asked_more(world: Agency) -> Viewer:
    """The same with extra questions, answered in two months."""
    who = asked(world)
    world.policy(extra_questions=[SPEED, WHAT, WORDS])
    july = tell(world, "project 2026-07", scores([9] * 8 + [3]), kind="project", start=date(2026, 7, 1))
    with transaction(world.deps.sessions) as session:
        found = session.scalars(
            select(Response).where(Response.status == "counted").order_by(Response.id)
        ).all()
        months = [[one for one in found if (one.wave_id == july.wave) == early] for early in (True, False)]
        given = {"q1": ("234323242", "545455455"), "q2": ("111211121", "222122122"), "q3": ("1", "11")}
        for key, values in given.items():
            for people, said in zip(months, values, strict=True):
                for one, value in zip(people, said, strict=False):
                    text = {"q1": value, "q2": f"o{value}", "q3": LONG}[key]
                    session.add(
                        ExtraAnswer(
                            portal_id=world.portal_id, wave_id=one.wave_id, response_id=one.id, question=key,
                            version=1, language="ru", value=text, answered_at=world.clock.now(),
                        )
                    )  # fmt: skip
    return who
