"""What calls leave about people is given out, forgotten with them, and forgotten in time (product.md T7, W9)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from integration.services import privacy
from integration.services.calling import sheets
from integration.store.attempts import Attempt
from integration.store.base import make_sessions
from integration.store.call_links import CallLink, CallView
from integration.store.call_sheets import CallSheet, CallSheetRow
from integration.store.waves import Invitation, WaveClient, WaveEvent
from tests.conftest import HandClock
from tests.services.calling.desk_world import Desk
from tests.web import call_states

HEAD = 1


@pytest.fixture
def desk(one_engine: Engine, clock: HandClock) -> Desk:
    return call_states.centre(make_sessions(one_engine), clock)


def _everything(desk: Desk) -> str:
    found: list[Any] = []
    for table in (Attempt, CallView, CallSheetRow, CallLink, CallSheet, Invitation, WaveEvent):
        found += [
            {column.name: str(getattr(row, column.name)) for column in table.__table__.columns}
            for row in desk.world.rows(table)
        ]
    return json.dumps(found, ensure_ascii=False)


def test_calls_looks_and_sheets_of_a_person_are_given_out_and_forgotten(desk: Desk) -> None:
    """With hour, outcome and who; an erased person's number, notes and words go, the numbers of nobody stay."""
    portal = desk.world.portal_id
    desk.world.set(Attempt, 1, note="Her husband answers")
    given = privacy.export(desk.deps, portal, 1100)
    assert given is not None
    assert json.loads(json.dumps(given)) == given
    call = given["calls"][0]
    assert (call["outcome"], call["phone"], call["note"], call["caller"]) == (
        "no_answer", "+74951001100", "Her husband answers", "Olga",
    )  # fmt: skip
    assert [look["network_address"] for look in given["looks_of_call_centres"]] == [call_states.HOME]
    person = next(row for row in desk.world.rows(CallSheetRow) if row.status == "done").invitation_id
    contact = next(number for number, one in desk.ids.items() if one == person)
    row = next(row for row in desk.world.rows(CallSheetRow) if row.invitation_id == person)
    desk.world.set(CallSheetRow, row.id, said={**row.said, "comment": "Anna is slow", "score": 3})
    said = privacy.export(desk.deps, portal, contact)
    assert said is not None
    assert said["sheets_of_call_centres"][0]["said"]["comment"] == "Anna is slow"
    for number in (1100, contact):
        assert privacy.erase(desk.deps, portal, number, HEAD) is not None
    left = _everything(desk)
    for words in ("Her husband", "Anna is slow", "+74951001100", f"Коваль-{contact}"):
        assert words not in left, words
    assert len(desk.attempts()) == 3
    assert person not in {lease.invitation_id for lease in desk.leases()}
    rows = [row.said for row in desk.world.rows(CallSheetRow) if row.invitation_id == person]
    assert rows[0] == {"outcome": "busy", "score": 3}


def test_callers_of_surveys_long_over_and_sheets_left_lying_are_forgotten(desk: Desk) -> None:
    """Names of the call centre's people, their addresses and the log go with the survey; calls stay numbers."""
    portal = desk.world.portal_id
    desk.clock.moment += timedelta(days=31)
    privacy.forget_old(desk.deps, portal)
    assert [row.stage for row in desk.world.rows(CallSheet)] == ["out", "done", "dropped", "applying"]
    assert sheets.start(desk.deps, portal, desk.wave_id, 3, who="B") == "late"
    assert "Olga" in _everything(desk)
    desk.set_wave(stage="closed", closed_at=desk.clock.moment)
    desk.clock.moment += timedelta(days=365 * 11)
    while privacy.forget_old(desk.deps, portal):
        pass
    left = _everything(desk)
    for words in ("Olga", "Calls Ltd", call_states.HOME, "Коваль", "+7495"):
        assert words not in left, words
    assert [one.outcome for one in desk.attempts()] == ["no_answer", "answered", "busy"]
    assert len(desk.world.rows(WaveClient)) == 10
