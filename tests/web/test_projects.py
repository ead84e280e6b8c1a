"""The page of surveys after projects: what it says, what can be decided, to whom (product.md W16, P2, N7)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from integration.services import frames
from integration.store.base import make_sessions
from integration.store.project_runs import ProjectRun
from integration.store.responses import Response
from tests.conftest import HandClock
from tests.services.report_world import viewer
from tests.services.wave_world import HEAD, MANAGER, World, make_world
from tests.web import project_states
from tests.web.conftest import make_app


@pytest.fixture
def world(one_engine: Engine, clock: HandClock) -> World:
    made = make_world(make_sessions(one_engine), clock)
    project_states.asked(made)
    return made


def ask(world: World, path: str = "", user: int = HEAD, language: str = "en", **fields: Any) -> TestResponse:
    session = frames.seal(world.deps, viewer(world, user, language=language))
    return (
        make_app(world.deps).test_client().post(f"/app/projects{path}", data={"session": session, **fields})
    )


def said(answer: TestResponse, status: int = 200) -> str:
    assert answer.status_code == status
    return " ".join(answer.text.split())


def states(world: World) -> dict[int, str]:
    return {run.deal_id: run.status for run in world.rows(ProjectRun)}


def test_the_page_tells_every_state_and_decisions_are_done_once(world: World) -> None:
    """Numbers apart with n and interval, reasons in words; held back, held, taken back, asked by hand."""
    text = said(ask(world))
    for words in (
        "Nobody of the client has an e-mail.",
        "Stage “WON”",
        "waits for you",
        "November 2026",
        "to be confirmed",
    ):
        assert words in text, words
    assert ">33<" in text  # nine answers: five promoters, two detractors
    assert "surveys wait for your decision" in text
    assert "4 квартал 2026" in said(ask(world, language="ru", by="quarter"))
    run = next(one for one in world.rows(ProjectRun) if one.deal_id == 200)
    seen = world.rows(Response, invitation_id=run.invitation_id)[0].revision
    assert "The answer counts now." in said(ask(world, do="confirm", run=run.id, seen=seen))
    assert "They are asked now." in said(ask(world, do="let_through"))
    assert "There is nothing left to decide." in said(ask(world, do="drop"), 422)
    cancelled = next(one for one in world.rows(ProjectRun) if one.deal_id == 230)
    assert "Taken back." in said(ask(world, do="cancel", run=cancelled.id))
    assert "Taken back." in said(ask(world, do="cancel", run=cancelled.id))
    assert states(world)[230] == "skipped"


def test_asking_by_hand_says_what_came_of_it(world: World) -> None:
    """A click twice asks once; who must not be asked is not, with the reason; an address of a card is understood."""
    world.client(80)
    world.client(81, email=None)
    address = "https://agency.example/crm/deal/details/800/?x=1"
    for _ in range(2):
        assert "The letter is on its way." in said(ask(world, do="start", deal=address, once="one"))
    assert [run.status for run in world.rows(ProjectRun, deal_id=800)] == ["asked"]
    assert "asked about a project not long ago" in said(ask(world, do="start", deal="800", once="two"), 422)
    assert "Nobody of the client has an e-mail." in said(
        ask(world, do="start", deal="810", once="three"), 422
    )
    for nonsense in ("", "x", "99999999999", "404"):
        assert "Molva knows no such deal." in said(ask(world, do="start", deal=nonsense, once="four"), 422)
    world.policy(project_surveys=False)
    assert "are off" in said(ask(world, do="start", deal="800", once="five"), 422)


def test_a_manager_sees_own_clients_and_decides_nothing(world: World) -> None:
    """No buttons, no act; a colleague's clients are not shown, neither on the page nor in the file."""
    text = said(ask(world, user=MANAGER))
    assert "Do not ask" not in text
    run = world.rows(ProjectRun)[-1]
    for act in (
        {"do": "cancel", "run": run.id},
        {"do": "let_through"},
        {"do": "start", "deal": "230", "once": "x"},
    ):
        assert ask(world, user=MANAGER, **act).status_code == 403
    empty = said(ask(world, user=404))
    assert "Клиент 11" not in empty
    file = ask(world, "/file", kind="csv", user=404)
    assert len(file.text.splitlines()) == 1
    whole = ask(world, "/file", kind="csv")
    assert len(whole.text.splitlines()) > 30
    assert "Nobody of the client has an e-mail." in whole.text
    assert ask(world, "/file", kind="xlsx").data[:2] == b"PK"
