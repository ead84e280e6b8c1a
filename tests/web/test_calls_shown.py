"""Every call is seen where somebody looks for it: console, line, tab, report, files, command (product.md W15, N6)."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from sqlalchemy import Engine

from integration.cli import wave_report as cli_report
from integration.nps.attempts import Yield
from integration.services import frames, wave_line, wave_page, wave_report
from integration.services.calling import yields
from integration.services.frames import Viewer
from integration.services.wave_page import Filter
from integration.store.attempts import Attempt
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.clients import OptOut
from integration.store.waves import Invitation, Wave, WaveEvent
from tests.conftest import HandClock
from tests.services.report_world import Client, Told, tell, viewer
from tests.services.wave_world import DIRECTOR, HEAD, MANAGER, World, make_world
from tests.web.conftest import make_app

AT = datetime(2026, 1, 14, 7, 30, tzinfo=UTC)  # Wednesday, 10:30 in Moscow
SAID = "Перезвоните после обеда, на совещании"
# Whom, and how the calls to them ended, one a day
CALLS: dict[int, tuple[str, ...]] = {
    1: ("no_answer", "answered"), 2: ("answered",), 3: ("not_now", "refused"), 4: ("no_answer", "busy", "call_back"),
    5: ("wrong_number",), 6: ("no_answer",) * 12, 7: ("asks_email",),
}  # fmt: skip


def called(world: World, **wave: Any) -> Told:
    """A survey in its calling stage: eight clients, seven of them called, one call taken back."""
    clients = [Client(number, (("decides", score),), channel="phone") for number, score in ((1, 9), (2, 3))]
    clients += [Client(number, (("decides", None),)) for number in range(3, 9)]
    told = tell(world, "2026", clients, stage="calling", **wave)
    world.clock.moment = AT + timedelta(days=20)
    with transaction(world.deps.sessions) as session:
        row = session.get_one(Wave, told.wave)
        row.plan = {**row.plan, "calling": row.plan["start"]}
        for client, outcomes in CALLS.items():
            one = session.get_one(Invitation, told.invitations[client][0])
            one.phone, one.time_zone, one.attempts = (
                f"+7843200{client:04}",
                "Asia/Yekaterinburg",
                len(outcomes),
            )
            for number, outcome in enumerate(outcomes, 1):
                session.add(attempt(world, told, one.id, number, outcome))
        session.add(
            attempt(
                world, told, told.invitations[8][0], 1, "refused", undone_at=AT, undone_by="Ада Звон (21)"
            )
        )
    set_one(world, told, 3, outcome="refused", outcome_at=AT)
    set_one(world, told, 4, promised_at=AT + timedelta(days=21), call_due_at=AT + timedelta(days=21))
    set_one(world, told, 5, calls_over="wrong_number")
    set_one(world, told, 6, calls_over="used_up", outcome="unreachable", outcome_at=AT)
    set_one(world, told, 7, calls_over="asks_email", mail_from=AT, outcome="no_answer", outcome_at=AT)
    set_one(world, told, 8, phone="+78432000008", call_due_at=world.clock.now() - timedelta(hours=1))
    return told


def attempt(world: World, told: Told, invitation: int, number: int, outcome: str, **more: Any) -> Attempt:
    at = AT + timedelta(days=number - 1)
    back = AT + timedelta(days=21) if outcome == "call_back" else None
    values: dict[str, Any] = {
        "portal_id": world.portal_id, "wave_id": told.wave, "invitation_id": invitation, "number": number,
        "key": f"{invitation}-{number}", "outcome": outcome, "phone": "+78432001020", "started_at": at, "ended_at": at,
        "call_back_at": back, "note": SAID if back else "", "caller": "link:3" if number > 1 else "user:21",
        "caller_name": "Ольга, колл-центр" if number > 1 else "Ада Звон (21)",
        "source": "partner" if number > 1 else "desk",
    }  # fmt: skip
    return Attempt(**values | more)


def set_one(world: World, told: Told, client: int, **values: Any) -> None:
    world.set(Invitation, told.invitations[client][0], **values)


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


@pytest.fixture
def quick(one_engine: Engine, clock: HandClock) -> World:
    return make_world(make_sessions(one_engine), clock)


def show(world: World, path: str, who: Viewer | None = None, **fields: Any) -> Any:
    client = make_app(world.deps).test_client()
    who = who or viewer(world, HEAD, language="en")
    return client.post(path, data={"session": frames.seal(world.deps, who), **fields})


def said(world: World, path: str, who: Viewer | None = None, **fields: Any) -> str:
    answer = show(world, path, who, **fields)
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.split())


def test_the_numbers_of_the_calls(world: World) -> None:
    """Counted by hand: 22 calls to 7 people; the call taken back counts nowhere (N6)."""
    told = called(world)
    with transaction(world.deps.sessions) as session:
        steps = yields.of_wave(session, world.portal_id, told.wave)
    assert steps[:3] == [Yield(1, 7, 3, 1), Yield(2, 4, 2, 1), Yield(3, 2, 1, 0)]
    assert steps[3:] == [Yield(number, 1, 0, 0) for number in range(4, 13)]
    found = wave_report.numbers_of(world.deps, world.portal_id, told.wave)
    assert found is not None
    calls, funnel = found["result"]["calls"], found["result"]["funnel"]
    assert {name: calls[name] for name in ("calls", "people", "reached", "answered", "declined", "silent")} == {
        "calls": 22, "people": 7, "reached": 5, "answered": 2, "declined": 1, "silent": {"no_answer": 1},
    }  # fmt: skip
    assert {name: funnel[name] for name in ("called", "reached", "declined", "unreached", "answered_by")} == {
        "called": 7, "reached": 5, "declined": 1, "unreached": 1, "answered_by": {"phone": 2},
    }  # fmt: skip
    assert calls["parts"] == [{"part": "midday", "tried": 22, "reached": 6, "answered": 2}], (
        "12:30 in Yekaterinburg"
    )
    assert sum(row["tried"] for row in calls["weekdays"]) == 22
    assert [(row["name"], row["tried"]) for row in calls["callers"]] == [
        ("Ада Звон (21)", 7),
        ("Ольга, колл-центр", 15),
    ]
    told_on_terminal = cli_report._lines(found)
    assert "Calls: 22 to 7 people, reached 5, declined 1, answered 2" in told_on_terminal
    assert any(
        line.startswith("Answered at each attempt: 1 of 7, 1 of 4, 0 of 2, 0 of 1")
        for line in told_on_terminal
    )
    assert found["result"]["rates"]["con1"] == 4 / 5, "who asked for a letter and stayed silent was contacted"


def test_the_console_shows_where_the_calls_stand_and_filters_by_it(world: World) -> None:
    told = called(world)
    found = wave_page.read(world.deps, viewer(world), told.wave)
    assert found is not None
    assert found.calls is not None
    now = found.calls
    assert (now.due, now.later, now.promised, now.in_hand, now.over, now.today) == (
        1,
        1,
        1,
        0,
        (("wrong_number", 1),),
        0,
    )

    def clients(state: str) -> list[int]:
        page = wave_page.read(world.deps, viewer(world), told.wave, Filter(calls=state))
        assert page is not None
        return [line.row.client_id for line in page.lines]

    assert {state: clients(state) for state in ("promised", "due", "later", "wrong_number", "used_up", "called")} == {
        "promised": [4], "due": [8], "later": [4], "wrong_number": [5], "used_up": [6], "called": [1, 2, 3, 4, 5, 6, 7],
    }  # fmt: skip
    assert (clients("never_called"), clients("asks_email"), clients("no_phone")) == ([8], [7], [])
    page = said(world, f"/app/wave/{told.wave}")
    for words in (
        "May be called now", "Call-backs promised", "wrong number", "Call desk", "called 1 time",
        "a call-back is promised on",
    ):  # fmt: skip
        assert words in page
    assert said(world, f"/app/wave/{told.wave}?calls=wrong_number").count("Клиент 5") >= 1


def test_each_call_stands_on_the_line_with_hour_caller_and_note(quick: World) -> None:
    world = quick
    told = called(world)
    path = f"/app/wave/{told.wave}/client/{told.lines[4]}"
    page = said(world, path)
    for words in (
        "12:30 there",
        "Ольга, колл-центр",
        SAID,
        "call centre",
        "A call-back is promised on",
        "busy",
    ):
        assert words in page, words
    undone = said(world, f"/app/wave/{told.wave}/client/{told.lines[8]}")
    assert "taken back by Ада Звон" in undone
    assert "No more calls: wrong number." in said(world, f"/app/wave/{told.wave}/client/{told.lines[5]}")
    line = wave_line.read(world.deps, viewer(world), told.wave, told.lines[4])
    assert line is not None
    codes = [
        (event.code, event.facts["call"], event.facts["note"])
        for event in line.events
        if event.code == "call"
    ]
    assert codes == [("call", "call_back", SAID), ("call", "busy", ""), ("call", "no_answer", "")]


def test_a_split_inside_a_client_is_said_on_its_line(quick: World) -> None:
    told = tell(quick, "2026", [Client(1, (("decides", 9), ("daily", 3))), Client(2, (("", 8), ("", 8)))])
    assert "Several people answered: 3 … 9." in said(quick, f"/app/wave/{told.wave}/client/{told.lines[1]}")
    assert "all with 8" in said(quick, f"/app/wave/{told.wave}/client/{told.lines[2]}")
    report = said(quick, f"/app/wave/{told.wave}/report")
    assert "<b>3 … 9</b>" in report


def test_the_report_and_the_files_have_the_calls(quick: World) -> None:
    """Callers are named to who runs the survey alone, and in no order of merit."""
    world = quick
    told = called(world)
    page = said(world, f"/app/wave/{told.wave}/report")
    for words in ("What the calls brought", "22 calls to 7 people", "Answered on the phone", "Who called"):
        assert words in page, words
    assert page.index("Ада Звон") < page.index("Ольга, колл-центр")
    director = viewer(world, MANAGER, language="en")
    assert "Who called" not in said(world, f"/app/wave/{told.wave}/report", director)
    answer = show(world, f"/app/wave/{told.wave}/export", format="xlsx")
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    rows = list(book["Calls"].iter_rows(values_only=True))
    assert len(rows) == 1 + 23
    heading = list(rows[0])
    undone = [row for row in rows[1:] if row[heading.index("Taken back by")]]
    assert [row[heading.index("Outcome")] for row in undone] == ["does not want to answer"]
    assert {row[heading.index("There")] for row in rows[1:]} == {"12:30", "10:30"}
    table = list(book["Yield of calls"].iter_rows(values_only=True))
    assert table[1] == ("Attempt", 1, 7, 3, 1)
    assert ("Caller", "Ольга, колл-центр", 15, 3, 1) in table


def test_nobody_called_means_no_word_about_calls(quick: World) -> None:
    told = tell(quick, "2026", [Client(1, (("", 9),))])
    assert "What the calls brought" not in said(quick, f"/app/wave/{told.wave}/report")
    assert "Call-backs promised" not in said(quick, f"/app/wave/{told.wave}")


# --- another number


def number(world: World, told: Told, client: int, phone: str, who: Viewer | None = None) -> Any:
    path = f"/app/wave/{told.wave}/client/{told.lines[client]}"
    return show(world, path, who, do="phone", invitation=told.invitations[client][0], phone=phone)


def one(world: World, told: Told, client: int) -> Invitation:
    [found] = world.rows(Invitation, id=told.invitations[client][0])
    assert isinstance(found, Invitation)
    return found


def test_another_number_lets_the_calls_go_on(world: World) -> None:
    told = called(world, start=date(2026, 1, 12))
    answer = number(world, told, 5, "8 (843) 200-99-99")
    assert (answer.status_code, "The number is changed." in answer.text) == (200, True)
    now = one(world, told, 5)
    assert (now.phone, now.calls_over, now.due_at) == ("+78432009999", "", world.clock.now())
    [event] = world.rows(WaveEvent)
    assert (event.what, event.detail) == ("phone", "company:5: …0005 → …9999")
    assert number(world, told, 5, "+7 843 200 99 99").status_code == 422
    assert len(world.rows(WaveEvent)) == 1, "the same twice is once"


def test_why_a_number_is_not_taken(quick: World) -> None:
    """What it says is at the place where the number was typed, and nothing changes."""
    world = quick
    told = called(world)
    with transaction(world.deps.sessions) as session:
        session.add(
            OptOut(
                portal_id=world.portal_id, address="8432007777", contact_id=None, source="staff", said_at=AT
            )
        )
    for client, phone, words in (
        (5, "нет номера", "This is no phone number"), (5, "+7 843 200-77-77", "asked for no more questions"),
        (1, "+78432009999", "This person is done"), (4, "+78432000004", "has already"),
    ):  # fmt: skip
        answer = number(world, told, client, phone)
        assert answer.status_code == 422, phone
        assert words in answer.text, phone
    assert number(world, told, 5, "+78432009999", viewer(world, DIRECTOR, language="en")).status_code in (
        200,
        403,
    )
    world.set(Wave, told.wave, stage="closed")
    assert number(world, told, 5, "+78432009998").status_code == 422
