"""Nobody who serves a client writes down what it said, by whichever door they come (product.md W10).

One person with every right there is, an administrator who is called Иван Петров and serves the client, walks through
all of them: the desk, a call centre's link, a sheet, the tab, the page of the survey, replies, an import.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from integration.services import card_rights, own_clients, past_answers, reply_acts, wave_acts
from integration.services.calling import sheet_apply
from integration.services.calling.types import Caller
from integration.services.card_rights import Denied
from integration.services.frames import with_card
from integration.services.reply_acts import ReplyError
from integration.services.waves_errors import WaveError
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.call_sheets import CallSheet, CallSheetRow
from integration.store.replies import Reply
from integration.store.responses import Response
from tests.conftest import HandClock
from tests.services.calling import desk_world
from tests.services.calling.desk_world import Desk
from tests.services.report_world import viewer
from tests.services.wave_world import MANAGER

OWN, NAME = 1100, "Иван Петров"


@pytest.fixture
def desk(sessions: Sessions, clock: HandClock) -> Desk:
    return desk_world.make(sessions, clock)


def scores(desk: Desk) -> list[tuple[int, str]]:
    return [(row.score, row.status) for row in desk.world.rows(Response)]


def sheet_row(desk: Desk, caller: str, uploaded_by: str) -> CallSheetRow:
    """A row of a sheet with a score, taken in."""
    with transaction(desk.deps.sessions) as session:
        sheet = CallSheet(
            portal_id=desk.world.portal_id, wave_id=desk.wave_id, stage="applying", uploaded_by=uploaded_by,
            uploaded_at=desk.clock.now(),
        )  # fmt: skip
        session.add(sheet)
        session.flush()
        at = desk.clock.now() - timedelta(minutes=5)
        said = {"outcome": "answered", "score": 10, "caller": caller, "comment": ""}
        session.add(
            CallSheetRow(
                portal_id=desk.world.portal_id,
                sheet_id=sheet.id,
                number=2,
                at=at,
                invitation_id=desk.ids[OWN],
                said=said,
            )
        )
        number = sheet.id
    assert sheet_apply.step(desk.deps, desk.world.portal_id, number)
    [row] = desk.world.rows(CallSheetRow, sheet_id=number)
    assert isinstance(row, CallSheetRow)
    return row


def test_no_door_lets_the_own_manager_write_down_a_score(desk: Desk) -> None:
    world, deps = desk.world, desk.deps
    me = Caller(world.portal_id, f"user:{MANAGER}", f"{NAME} ({MANAGER})", user_id=MANAGER)
    assert desk.take(me) == "nobody"
    assert desk.page(me).why == "own_only"

    link = Caller(world.portal_id, "link:3", "Петров  иван", wave_id=desk.wave_id)
    key = desk.taken(link)
    said = desk.record(key, "answered", link, score="10")
    assert (said.status, said.problems) == ("problem", (("outcome", "own_client"),))
    desk.clock.advance(minutes=10)

    for caller, brought in ((NAME, "Пётр Сом (1)"), ("Ольга", f"{NAME} ({MANAGER})"), ("", NAME)):
        row = sheet_row(desk, caller, brought)
        assert (row.status, row.code) == ("refused", "own_client"), (caller, brought)
    assert scores(desk) == []

    world.answer(OWN, 3, status="held")
    [held] = world.rows(Response)
    who = viewer(world, MANAGER, administrator=True)
    form: dict[str, Any] = {
        "response": held.id,
        "seen": held.revision,
        "invitation": desk.ids[OWN],
        "why": "сказал",
    }
    for verb in ("confirm", "reject", "refuse"):
        with pytest.raises(WaveError, match="own_client"):
            wave_acts.act(deps, who, desk.wave_id, verb, form)
    for action in ("record", "correct", "confirm", "reject"):
        with pytest.raises(Denied, match="own_client"):
            card_rights.checked(deps, with_card(who, "company", 11), "company", 11, action)
    with transaction(deps.sessions) as session:
        reply = Reply(
            portal_id=world.portal_id, activity_id=1, invitation_id=desk.ids[OWN], contact_id=OWN,
            client_kind="company", client_id=11, words="9", proposed=9, received_at=desk.clock.now(),
        )  # fmt: skip
        session.add(reply)
        session.flush()
        number = reply.id
    for verb in ("record", "refuse", "never"):
        with pytest.raises(ReplyError, match="own_client"):
            reply_acts.act(deps, who, number, verb, {"score": "9"})

    table = [["client", "score", "date"], ["Клиент 11", "9", "2024-10-03"]]
    mine = past_answers.import_answers(deps, world.portal_id, table, wave="2024", who=NAME)
    assert [(one.number, one.code) for one in mine.problems] == [(2, "own_client")]
    assert (mine.taken, mine.unchanged, scores(desk)) == (0, 0, [(3, "held")])
    assert past_answers.import_answers(deps, world.portal_id, table, wave="2024", who="Пётр Сом").taken == 1


def test_a_colleague_may_and_their_name_is_kept(one_engine: Engine, clock: HandClock) -> None:
    desk = desk_world.make(make_sessions(one_engine), clock)
    row = sheet_row(desk, "Ольга Иванова", "Пётр Сом (1)")
    assert (row.status, row.code) == ("done", "")
    [said] = desk.world.rows(Response)
    assert (said.score, said.recorded_by, said.channel) == (10, "Ольга Иванова", "phone")


def test_a_recorder_is_known_by_number_or_by_both_names() -> None:
    """A number goes before a name, which somebody else may bear; half a name is nobody's (W10)."""
    assert own_clients.is_called(6, "Иван Петров", "петров ИВАН")
    assert own_clients.is_called(6, "", "#6")
    assert own_clients.is_called(6, "Иван Петров", "Кто угодно (6)")
    assert not own_clients.is_called(6, "Иван Петров", "Иван Петров (7)")
    assert not own_clients.is_called(6, "Иван Петров", "Иван")
    assert not own_clients.is_called(6, "", "")
