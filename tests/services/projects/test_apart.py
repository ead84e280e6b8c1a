"""A survey after a project is never mixed with the yearly ones, in nothing that reads them (product.md W16)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from integration.nps.people import CardKey, ClientKey
from integration.nps.plans import Plan
from integration.services import (
    main_page,
    portal_state,
    standing,
    wave_acts,
    wave_page,
    wave_report,
    waves,
    waves_list,
)
from integration.services.frames import Viewer
from integration.store import (
    cards_view,
    overviews,
    past_answers,
    referral_said,
    reports,
    responses,
    todo,
    wave_lists,
    wave_queries,
)
from integration.store import wave_report as report_rows
from integration.store.base import Sessions, reading, transaction
from integration.store.clients import Company, Contact
from integration.store.followups import FollowUp
from integration.store.portals import Portal
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveClient
from tests.conftest import HandClock
from tests.services.projects.project_world import MONDAY, World, make_world
from tests.services.survey_world import field_map
from tests.services.wave_world import HEAD

KEY = ClientKey("company", 7)


def test_everything_that_reads_the_yearly_surveys_stays_as_it_was(
    sessions: Sessions, clock: HandClock
) -> None:
    """Every list, headline, report, gap and page is the same before and after a project was asked about."""
    world = _with_a_wave(sessions, clock)
    before = _reads(world)
    world.enters(70)
    at = world.clock.moment
    world.pass_to(at + timedelta(days=4))
    world.human(2, "Опоздали")
    world.work()
    assert world.said() == [(70, "over", "")]
    world.clock.moment = at
    after = _reads(world)
    for name, value in before.items():
        assert after[name] == value, name
    project = world.rows(Wave)[-1]
    assert project.kind == "project"
    who = _head(world)
    assert wave_page.read(world.deps, who, project.id) is None
    assert wave_report.read(world.deps, who, project.id) is None
    for verb in ("pause", "cancel", "close", "rehearse"):
        try:
            wave_acts.act(world.deps, who, project.id, verb, {"why": "x"})
        except LookupError:
            continue
        raise AssertionError(f"a survey after a project was changed by {verb}")


def test_the_answer_goes_to_its_deal_alone(sessions: Sessions, clock: HandClock) -> None:
    """The deal gets the score with the project's name, company and contact keep the wave's; task and comment follow."""
    world = _with_a_wave(sessions, clock)
    world.enters(70)
    world.pass_to(world.clock.moment + timedelta(days=4))
    world.human(2, "Опоздали")
    writes = {row.lane: row.call["params"]["fields"] for row in world.outbox(purpose="score")}
    assert set(writes) == {"deal:70"}
    assert writes["deal:70"]["UF_CRM_MOLVA_NPS_SCORE"] == 2
    assert writes["deal:70"]["UF_CRM_MOLVA_NPS_WAVE"] == "проект 2026-11"
    comments = {row.lane: str(row.call) for row in world.outbox(purpose="comment")}
    assert set(comments) == {"deal:70", "company:7"}
    assert "после проекта" in comments["deal:70"]
    assert [row.kind for row in world.rows(FollowUp)] == ["detractor_meeting"]
    with reading(world.deps.sessions) as session:
        portal = session.get_one(Portal, world.portal_id)
        values = {
            kind: standing.value_of_card(session, portal, CardKey(kind, number), KEY)  # type: ignore[arg-type]
            for kind, number in (("deal", 70), ("company", 7), ("contact", 700))
        }
    assert {kind: value.score if value else None for kind, value in values.items()} == {
        "deal": 2, "company": 9, "contact": 9,
    }  # fmt: skip


def test_who_has_the_yearly_survey_to_answer_is_not_asked_about_a_project(
    sessions: Sessions, clock: HandClock
) -> None:
    """Neither asked nor reminded while an invitation of a running wave is open; and the wave asks them as planned."""
    world = make_world(sessions, clock)
    world.client(7)
    world.client(8)
    wave_id = _yearly(world, "2026", stage="mailing", approved_by="Пётр Сом")
    _invited(world, wave_id, 8)
    world.enters(80)
    world.enters(70)
    world.pass_to(MONDAY + timedelta(days=4))
    assert world.said() == [(80, "skipped", "in_wave"), (70, "asked", "")]
    _invited(world, wave_id, 7)
    world.pass_to(MONDAY + timedelta(days=40))
    assert [kind for _, kind, _ in world.sent()] == ["project_invitation"]
    assert world.rows(Invitation, contact_id=700)[0].outcome == "postponed"


def _with_a_wave(sessions: Sessions, clock: HandClock) -> World:
    """A client that answered the survey of the spring, and one of the spring before."""
    world = make_world(sessions, clock)
    world.client(7)
    world.set(Portal, world.portal_id, fields=field_map())
    for year, score in ((2025, 8), (2026, 9)):
        name, at = str(year), datetime(year, 3, 20, 9, tzinfo=UTC)
        wave_id = _yearly(world, name, stage="closed", approved_by="Пётр Сом", at=at)
        _invited(world, wave_id, 7, score, at)
    return world


def _yearly(world: World, name: str, at: datetime = MONDAY, **values: Any) -> int:
    day = at.date()
    plan = Plan(
        zone="Europe/Moscow", drafted=day, owner_reminders=(), announce=day, start=day, calling=None, mailing=day,
        reminders=(), closing=day + timedelta(days=60), frozen_on=day + timedelta(days=74),
    )  # fmt: skip
    with transaction(world.deps.sessions) as session:
        wave = Wave(
            portal_id=world.portal_id, name=name, policy_version=1, plan=plan.to_json(), planned_at=at,
            frozen_at=at, closed_at=at if values.get("stage") == "closed" else None,
            result_frozen_at=at if values.get("stage") == "closed" else None, **values,
        )  # fmt: skip
        session.add(wave)
        session.flush()
        return wave.id


def _invited(
    world: World, wave_id: int, client: int, score: int | None = None, at: datetime = MONDAY
) -> None:
    contact = client * 100
    with transaction(world.deps.sessions) as session:
        line = WaveClient(
            portal_id=world.portal_id, wave_id=wave_id, client_kind="company", client_id=client, eligible=True,
            deal_id=client * 10, name=f"Клиент {client}",
        )  # fmt: skip
        session.add(line)
        session.flush()
        one = Invitation(
            portal_id=world.portal_id, wave_id=wave_id, wave_client_id=line.id, contact_id=contact,
            address=f"p{contact}@client.example.com", token=f"t{wave_id}-{client}", language="ru",
            outcome="answered" if score is not None else "", touches={"invitation": at.isoformat()},
        )  # fmt: skip
        session.add(one)
        session.flush()
        if score is not None:
            session.add(
                Response(
                    portal_id=world.portal_id, wave_id=wave_id, invitation_id=one.id, score=score, comment="",
                    channel="email", status="counted", answered_at=at,
                )
            )  # fmt: skip


def _head(world: World) -> Viewer:
    return Viewer(
        portal_id=world.portal_id, user_id=HEAD, administrator=False, language="ru",
        origin="https://portal.example", proved_at=world.clock.now(),
    )  # fmt: skip


def _reads(world: World) -> dict[str, Any]:
    """Everything that tells of yearly surveys."""
    who, pid = _head(world), world.portal_id
    page = waves_list.read(world.deps, who)
    main = main_page.read(world.deps, who)
    state = portal_state.state(world.deps, pid)
    assert state is not None
    found: dict[str, Any] = {
        "list": [(row.view.name, row.headline, row.listed) for row in page.rows],
        "ahead": page.ahead,
        "headline": (main.overview.wave, main.overview.figures, main.overview.history),
        "decisions": [one.kind for one in main.todo.decisions],
        "state": (state.wave, state.wave_stage, state.invited, state.answered),
        "overview": waves.overview(world.deps, pid),
        "reports": [wave_report.read(world.deps, who, wave.id) for wave in world.rows(Wave, kind="yearly")],
    }
    with reading(world.deps.sessions) as session:
        last = session.get_one(Wave, world.rows(Wave, kind="yearly")[-1].id)
        earlier = report_rows.before(session, pid, last)
        found |= {
            "current": overviews.current_wave_id(session, pid),
            "kept": overviews.kept(session, pid)[2],
            "tab": [line.wave.name for line in cards_view.lines(session, pid, KEY)],
            "tab's wave": getattr(cards_view.current_wave(session, pid), "name", ""),
            "elsewhere": [one.wave.name for one in cards_view.asked_of_contacts(session, pid, [700])],
            "waves": [wave.name for wave in reports.waves(session, pid)],
            "earlier scores": responses.earlier_of_client(session, pid, "company", 7, None),
            "gap": sorted(map(str, wave_lists.asked_before(session, pid, 0))),
            "imports": past_answers.asked_in_imports(session, pid, 0),
            "readiness": wave_lists.unfinished(session, pid, 10**6),
            "said": referral_said.last_scores(session, pid, "worst_decision_maker", {}),
            "of years": [wave.id for wave in wave_queries.waves_of(session, pid)],
            "before": earlier.id if earlier else 0,
            "unfinished": [wave.id for wave in todo.unfinished_waves(session, pid)],
            "approved": todo.ever_approved(session, pid),
            "held": todo.held_count(session, pid),
            "company": session.get_one(Company, (pid, 7)).scores,
            "contact": session.get_one(Contact, (pid, 700)).scores,
        }
    return found
