"""Extra questions on a call centre's sheet, out and in: none is lost, none stops its row (product.md W9, W13)."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import openpyxl
from sqlalchemy import Engine

from integration import i18n
from integration.nps.questions import Option, Question, to_json
from integration.services import chores, extra_answers, survey
from integration.services.calling import sheet_book, sheet_out, sheet_page, sheets
from integration.services.calling.sheet_page import ExtraCell
from integration.store.base import make_sessions
from integration.store.call_sheets import CallSheetRow
from integration.store.questions import ExtraAnswer
from integration.store.responses import Response
from tests.conftest import HandClock
from tests.services.calling import desk_world
from tests.services.calling.desk_world import MONDAY, POLICY, Desk

SPEED = Question("speed", "scale_5", {"ru": "Скорость?", "en": "Speed?"})
FINE = Question("fine", "yes_no", {"ru": "=Всё хорошо?"})
WHAT = Question(
    "what", "choice", {"ru": "Что важнее?", "en": "What first?"},
    (Option("o1", {"ru": "Цена", "en": "Price"}), Option("o2", {"ru": "Сроки", "en": "Time"})),
)  # fmt: skip
WORDS = Question("words", "text", {"ru": "Что ещё?"})
ALL = [SPEED, FINE, WHAT, WORDS]
HEAD = ("Code", "Date", "Time", "Outcome", "Score", "Comment")


def _desk(engine: Engine, clock: HandClock) -> Desk:
    """Two people, and four questions that are asked besides."""
    policy: dict[str, Any] = POLICY | {"extra_questions": [to_json(one) for one in ALL]}
    return desk_world.make(make_sessions(engine), clock, people={11: 1, 12: 1}, policy=policy)


def _begin(desk: Desk, *lines: tuple[Any, ...], head: tuple[str, ...] = HEAD) -> int:
    book = openpyxl.Workbook()
    for line in (head, *lines):
        book.active.append(list(line))  # type: ignore[union-attr]
    out = io.BytesIO()
    book.save(out)
    return sheets.begin(
        desk.deps, desk.world.portal_id, desk.wave_id, "c.xlsx", out.getvalue(), who="Boss (1)"
    )


def _start(desk: Desk, sheet: int) -> None:
    assert sheets.start(desk.deps, desk.world.portal_id, desk.wave_id, sheet, who="Boss (1)") == "done"
    while chores.run_due(desk.deps):
        pass


def _rows(desk: Desk, sheet: int) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    def cell(one: ExtraCell) -> tuple[str, str, str]:
        return one.key, one.value, one.problem

    found = sheet_page.report(desk.deps, desk.world.portal_id, sheet)
    return [(row.status, ",".join(row.codes), [cell(one) for one in row.extra]) for row in found]


def _said(desk: Desk) -> dict[str, tuple[str, int, str]]:
    return {one.question: (one.value, one.version, one.recorded_by) for one in desk.world.rows(ExtraAnswer)}


def test_the_workbook_asks_them_with_what_can_be_answered_and_reads_back(
    one_engine: Engine, clock: HandClock
) -> None:
    """A column each with its list of values, the question in the client's language beside the wording; no formula; a
    sheet filled in by its own lists is taken in whole, in every language of the sheet."""
    desk = _desk(one_engine, clock)
    desk.set(1100, language="en")
    taken = sheet_out.take_out(desk.deps, desk.world.portal_id, desk.wave_id, who="Boss (1)")
    desk.clock.moment = MONDAY + timedelta(hours=1)
    for language in i18n.LANGUAGES:
        out = io.BytesIO()
        sheet_book.write(taken, language, out)
        book = openpyxl.load_workbook(io.BytesIO(out.getvalue()))
        people, calls, legend = book.worksheets
        assert {cell.data_type for page in book.worksheets for row in page for cell in row} <= {
            "s",
            "n",
            "inlineStr",
        }
        asked = [str(cell.value) for cell in people[2]]
        assert any(text.startswith("Speed? (") for text in asked), "in the client's own language"
        assert any(text.startswith("Скорость? (") for text in map(str, (c.value for c in people[3])))
        heads = [str(cell.value) for cell in calls[1]]
        places = [place for place, head in enumerate(heads, 1) if head.endswith(".1]")]
        assert [heads[place - 1].rpartition(" [")[2] for place in places] == [
            "speed.1]", "fine.1]", "what.1]", "words.1]",
        ]  # fmt: skip
        rules = {
            str(rule.sqref).partition("2:")[0]: rule.formula1
            for rule in calls.data_validations.dataValidation
        }
        assert len(rules) == 4, "outcome and three questions; own words are free"
        columns = [[cell.value for cell in column][1:] for column in legend.columns][2:]
        assert [one for one in columns[0] if one not in ("", None)] == [1, 2, 3, 4, 5]
        values = [column[1] if column[1] is not None else "own words" for column in columns]
        line: list[Any] = [taken.people[0].code, "2026-03-02", "10:06", legend.cell(2, 1).value, 9, "Well"]
        calls.append([*line, *values])
        back = io.BytesIO()
        book.save(back)
        sheet = sheets.begin(
            desk.deps, desk.world.portal_id, desk.wave_id, "c.xlsx", back.getvalue(), who="Boss (1)"
        )
        assert _rows(desk, sheet) == [
            (
                "new",
                "",
                [("speed", "2", ""), ("fine", "no", ""), ("what", "o2", ""), ("words", "own words", "")],
            )
        ], language
    _start(desk, sheet)
    assert _said(desk) == {
        "speed": ("2", 1, "Boss (1)"), "fine": ("no", 1, "Boss (1)"), "what": ("o2", 1, "Boss (1)"),
        "words": ("own words", 1, "Boss (1)"),
    }  # fmt: skip
    assert [one.language for one in desk.world.rows(ExtraAnswer, question="speed")] == ["en"]


def test_bad_answers_are_named_and_can_be_put_right_and_the_same_sheet_changes_nothing(
    one_engine: Engine, clock: HandClock
) -> None:
    """The score counts at once, what was wrong is added by a better sheet; neither what stands nor what the client said
    since is touched; a question that was reworded keeps the text that stood on the sheet."""
    desk = _desk(one_engine, clock)
    found = sheet_out.take_out(desk.deps, desk.world.portal_id, desk.wave_id, who="Boss (1)")
    codes = {one.person: one.code for one in found.people}
    desk.clock.moment = MONDAY + timedelta(hours=1)
    again = Question("speed", "scale_5", {"ru": "Как быстро?"})
    desk.world.policy(**POLICY, extra_questions=[to_json(one) for one in (again, *ALL[1:])])
    head = (*HEAD, "x [speed.1]", "fine? [fine.1]", "что важнее?", "Что ещё?")
    call = (codes["Person 1100"], "2026-03-02", "10:05", "Gave a score", 9, "Well")
    silent = (codes["Person 1200"], "2026-03-02", "10:07", "No answer", "", "", 4)
    bad = [("what", "Скидки", "not_an_option"), ("words", "x" * 120, "too_long")]
    sheet = _begin(desk, (*call, 4, "", "Скидки", "x" * 1001), silent, head=head)
    assert _rows(desk, sheet) == [
        ("new", "", [("speed", "4", ""), *bad]), ("new", "", [("speed", "4", "without")]),
    ]  # fmt: skip
    _start(desk, sheet)
    assert [row[0] for row in _rows(desk, sheet)] == ["done", "done"]
    shown = sheet_page.show(desk.deps, desk.world.portal_id, desk.wave_id, sheet)
    assert shown is not None
    assert (shown.brief.flawed, shown.brief.counts) == (2, {"done": 2})
    (response,) = desk.world.rows(Response)
    assert (response.score, _said(desk)) == (9, {"speed": ("4", 1, "Boss (1)")})
    same = _begin(desk, (*call, 4, "", "Скидки", "x" * 1001), silent, head=head)
    assert [row[0] for row in _rows(desk, same)] == ["same", "same"]
    other = _begin(desk, (*call, 5), head=head)
    assert [row[:2] for row in _rows(desk, other)] == [("refused", "differs")]
    one = desk.one(1100)
    page = survey.page(desk.deps, one.token)
    assert page.extra is not None
    kept = extra_answers.give(desk.deps, one.token, {"q-words": "Сама", "v-words": "1"})
    assert kept.status == "needs_confirmation"  # held: nobody has proven a person
    better = _begin(desk, (*call, 4, "да", "Сроки", "Коротко"), head=head)
    assert [row[0] for row in _rows(desk, better)] == ["new"]
    _start(desk, better)
    assert _said(desk) == {
        "speed": ("4", 1, "Boss (1)"), "fine": ("yes", 1, "Boss (1)"), "what": ("o2", 1, "Boss (1)"),
        "words": ("Коротко", 1, "Boss (1)"),
    }  # fmt: skip
    assert len(desk.attempts()) == 2
    last = _begin(desk, (*call, 4, "да", "Сроки", "Коротко"), head=head)
    assert [row[0] for row in _rows(desk, last)] == ["same"]
    assert len(desk.world.rows(CallSheetRow, status="done")) == 3


def test_what_the_client_said_since_stays(one_engine: Engine, clock: HandClock) -> None:
    """An answer that stands is not replaced by a sheet that comes later; the row says it was there already."""
    desk = _desk(one_engine, clock)
    found = sheet_out.take_out(desk.deps, desk.world.portal_id, desk.wave_id, who="Boss (1)")
    desk.clock.moment = MONDAY + timedelta(hours=1)
    call = (found.people[0].code, "2026-03-02", "10:05", "Gave a score", 9, "Well")
    _start(desk, _begin(desk, call))
    (response,) = desk.world.rows(Response)
    with desk.deps.sessions.begin() as session:
        session.add(
            ExtraAnswer(
                portal_id=desk.world.portal_id, wave_id=desk.wave_id, response_id=response.id, question="speed",
                version=1, language="ru", value="2", recorded_by="client", answered_at=desk.clock.now(),
            )
        )  # fmt: skip
    sheet = _begin(desk, (*call, 5), head=(*HEAD, "x [speed.1]"))
    _start(desk, sheet)
    assert [row[0] for row in _rows(desk, sheet)] == ["same"]
    assert _said(desk) == {"speed": ("2", 1, "client")}
