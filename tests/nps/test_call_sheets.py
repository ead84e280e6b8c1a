"""What a call centre writes into a sheet is understood or refused row by row (product.md W9)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps import call_sheets
from integration.nps.call_sheets import FIELDS, NoSheet, Row

HEAD = ["Code", "Date", "Time (client’s clock)", "Outcome", "Score", "Comment", "Call back at", "Who called"]
WORDS = {"gave a score": "answered", "no answer": "no_answer", "call back": "call_back", "refused": "refused"}
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
FIRST = date(2026, 3, 2)
ZONE = ZoneInfo("Europe/Moscow")


def _row(*cells: str) -> Row:
    found = call_sheets.read([HEAD, [*cells]], "calls", WORDS)
    assert len(found) == 1
    return call_sheets.settled(found[0], ZONE, NOW, FIRST)


def test_a_good_row_is_read_whoever_wrote_it_and_however() -> None:
    """Dates as spreadsheets and people write them, small letters, codes with other dashes; moments are the client's."""
    at = datetime(2026, 3, 5, 11, 30, tzinfo=UTC)
    for cells in (
        ("BCDF-GHJK-LMNP", "2026-03-05", "14:30", "Gave a score", "9", "Good"),
        ("bcdf ghjk lmnp", "05.03.2026", "14.30", "gave  a SCORE", "9.0", "Good"),
        ("BCDF–GHJK–LMNP", "2026-03-05 14:30:00", "", "Gave a score", " 9 ", " Good "),
        ("BCDFGHJKLMNP", "2026-3-5", "14:30:59", "Gave a score", "9", "Good"),
    ):
        row = _row(*cells)
        assert (row.problem, row.at, row.outcome, row.score, row.comment, row.code) == (
            "", at, "answered", 9, "Good", "BCDFGHJKLMNP",
        )  # fmt: skip
    back = _row("B1", "2026-03-05", "14:30", "Call back", "", "", "2026-03-06 10:00", "Olga")
    assert (back.call_back_at, back.caller) == (datetime(2026, 3, 6, 7, tzinfo=UTC), "Olga")
    same_day = _row("B1", "2026-03-05", "14:30", "Call back", "", "", "16:00").call_back_at
    assert same_day == datetime(2026, 3, 5, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (("", "2026-03-05", "14:30", "No answer"), "no_code"),
        (("B1", "2026-03-05", "14:30", ""), "no_outcome"),
        (("B1", "2026-03-05", "14:30", "Spoke"), "unknown_outcome"),
        (("B1", "", "14:30", "No answer"), "no_date"),
        (("B1", "soon", "14:30", "No answer"), "bad_date"),
        (("B1", "31.02.2026", "14:30", "No answer"), "bad_date"),
        (("B1", "03/04/2026", "14:30", "No answer"), "bad_date"),
        (("B1", "2026-03-05", "25:30", "No answer"), "bad_date"),
        (("B1", "2026-03-05", "", "No answer"), "no_time"),
        (("B1", "2026-03-11", "14:30", "No answer"), "in_future"),
        (("B1", "2026-03-01", "14:30", "No answer"), "too_early"),
        (("B1", "2026-03-05", "14:30", "Gave a score"), "no_score"),
        (("B1", "2026-03-05", "14:30", "Gave a score", "11"), "bad_score"),
        (("B1", "2026-03-05", "14:30", "Gave a score", "7,5"), "bad_score"),
        (("B1", "2026-03-05", "14:30", "No answer", "7"), "score_without"),
        (("B1", "2026-03-05", "14:30", "No answer", "", "x" * 4001), "too_long"),
        (("B1", "2026-03-05", "14:30", "Call back"), "no_call_back"),
        (("B1", "2026-03-05", "14:30", "Call back", "", "", "tomorrow"), "bad_call_back"),
        (("B1", "2026-03-05", "14:30", "Call back", "", "", "2026-03-05 14:00"), "bad_call_back"),
        (("B1", "2026-03-05", "14:30", "No answer", "", "", "2026-03-06 14:00"), "call_back_without"),
    ],
)
def test_a_bad_row_has_its_reason(cells: tuple[str, ...], problem: str) -> None:
    """Each row is refused alone, with one code."""
    assert _row(*cells).problem == problem


def test_columns_are_found_by_their_names_and_empty_rows_say_nothing() -> None:
    """In any order, in three languages; a sheet without codes, outcomes or dates is none of ours."""
    head = ["Комментарий", "Итог", "Оценка", "Дата (часы клиента)", "Время", "Телефон", "Код"]
    table = [
        head,
        ["", "", "", "", "", "+7495", "B1"],
        ["да", "No answer", "", "2026-03-05", "10:00", "", "B2"],
    ]
    (row,) = call_sheets.read(table, "people", WORDS)
    assert (row.number, row.code, row.comment) == (3, "B2", "да")
    assert call_sheets.kind_of(head) == "people"
    assert call_sheets.kind_of(HEAD) == "calls"
    for headings, code in (
        (["Код", "Дата"], "no_outcome_column"), (["Дата", "Підсумок"], "no_code_column"),
        (["Code", "Outcome"], "no_date_column"), ([*HEAD, "Оценка"], "two_columns"),
    ):  # fmt: skip
        with pytest.raises(NoSheet) as refused:
            call_sheets.read([headings], "calls", WORDS)
        assert refused.value.code == code
    with pytest.raises(NoSheet):
        call_sheets.read([], "calls", WORDS)


def test_of_two_rows_about_one_call_the_same_is_one_and_different_ones_are_none() -> None:
    """The same call written twice is taken once; two that contradict are refused, both."""
    same = [_row("B1", "2026-03-05", "14:30", "No answer") for _ in range(2)]
    other = _row("B1", "2026-03-05", "14:30", "Refused")
    later = _row("B1", "2026-03-06", "14:30", "Refused")
    bad = _row("B1", "x", "14:30", "Refused")
    assert call_sheets.compared([*same, later, bad]) == [same[0], later, bad]
    assert [row.problem for row in call_sheets.compared([same[0], other, later])] == ["contradicts"] * 2 + [
        ""
    ]


@given(st.lists(st.lists(st.text(max_size=12), max_size=10), max_size=4))
def test_whatever_stands_in_the_cells_every_row_is_read_or_refused(lines: list[list[str]]) -> None:
    """No cell stops the others; a row has all it needs, or a reason."""
    for row in call_sheets.read([HEAD, *lines], "calls", WORDS):
        found = call_sheets.settled(row, ZONE, NOW, FIRST)
        assert found.problem or (found.at is not None and found.outcome and found.code)


@given(st.dates(FIRST, date(2026, 3, 9)), st.times(), st.sampled_from(["%Y-%m-%d", "%d.%m.%Y"]))
def test_a_moment_is_read_back_as_it_was_written(day: date, hour: time, style: str) -> None:
    """To the minute, on the client's clock."""
    row = _row("B1", day.strftime(style), hour.strftime("%H:%M"), "No answer")
    assert row.problem == ""
    assert row.at is not None
    local = row.at.astimezone(ZONE)
    assert (local.date(), local.hour, local.minute) == (day, hour.hour, hour.minute)


def test_every_field_has_a_heading() -> None:
    """So that nothing a sheet of ours is filled with gets lost."""
    assert set(FIELDS) == set(call_sheets.HEADINGS.values())
