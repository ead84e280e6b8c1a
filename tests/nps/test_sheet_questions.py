"""Extra questions on a call centre's sheet are found and read as people write them (product.md W9, W13)."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps import call_sheets
from integration.nps.questions import Option, Question
from integration.nps.sheet_questions import Asking, Bad, columns, heading, option_named, read

SPEED = Question("speed", "scale_5", {"en": "How fast?", "ru": "Скорость?"}, version=1)
AGAIN = Question("speed", "scale_5", {"en": "How quick?"}, version=2)
FINE = Question("fine", "yes_no", {"en": "Is it fine?"}, version=1)
WHAT = Question(
    "what", "choice", {"en": "What first?"},
    (Option("o1", {"en": "Price", "uk": "Строки"}), Option("o2", {"en": "Time", "ru": "Строки"})), version=3,
)  # fmt: skip
WORDS = Question("words", "text", {"en": "What else?"}, version=1)
ASKING = Asking(
    {"speed": (SPEED, AGAIN), "fine": (FINE,), "what": (WHAT,), "words": (WORDS,)},
    {"yes": "yes", "да": "yes", "no": "no"},
)


def test_a_column_is_found_by_its_key_and_version_else_by_its_words() -> None:
    """In any order and case; a version nobody knows is the newest; a stranger's brackets are no question."""
    heads = [
        "Code",
        heading("Скорость?", SPEED),
        "what FIRST? ",
        "Is it good? [fine.9]",
        "Notes [xyz]",
        "words",
    ]
    found, twice = columns(heads, ASKING)
    assert [(one.place, one.question.key, one.question.version) for one in found] == [
        (1, "speed", 1), (2, "what", 3), (3, "fine", 1),
    ]  # fmt: skip
    assert twice == ""
    assert columns(["How quick?", "x [speed.1]"], ASKING) == (
        columns(["How quick?"], ASKING)[0],
        "x [speed.1]",
    )
    assert columns(["How quick?"], ASKING)[0][0].question is AGAIN
    assert columns(["How quick?"], ASKING, taken=(0,)) == ([], "")


def test_answers_are_read_as_people_write_them_or_named_as_wrong() -> None:
    """Numbers with and without a point, yes in every language, words or code of an option; own words up to a length."""
    asked, _ = columns(["a [speed.1]", "b [fine.1]", "c [what.3]", "d [words.1]"], ASKING)
    good = {
        ("4", "ДА", "time", " Good "): ["4", "yes", "o2", "Good"],
        ("5.0", "no", "o1", ""): ["5", "no", "o1"],
        ("", "", "Строки [o1]", ""): ["o1"],
        (): [],
    }  # fmt: skip
    for cells, values in good.items():
        given_, bad = read(asked, cells, ASKING, answered=True)
        assert ([one.value for one in given_], bad) == (values, ()), cells
    given_, bad = read(asked, ["6", "maybe", "Строки", "x" * 1001], ASKING, answered=True)
    assert given_ == ()
    assert bad == (
        Bad("speed", "not_an_option", "6"), Bad("fine", "not_an_option", "maybe"),
        Bad("what", "not_an_option", "Строки"), Bad("words", "too_long", "x" * 120),
    )  # fmt: skip
    assert read(asked, ["4"], ASKING, answered=False) == ((), (Bad("speed", "without", "4"),))
    assert option_named(WHAT, "o1", "Строки") == "Строки [o1]"
    assert option_named(WHAT, "o1", "Price") == "Price"


@given(st.lists(st.text(max_size=8), max_size=8), st.lists(st.text(max_size=8), max_size=8))
def test_whatever_stands_there_it_is_an_answer_or_named_as_wrong(heads: list[str], cells: list[str]) -> None:
    """No heading and no cell stops a sheet; what is taken is one of the answers there are."""
    asked, _ = columns([*heads, "x [what.3]", "y [speed.1]"], ASKING)
    for one in read(asked, cells, ASKING, answered=True)[0]:
        assert one.value in (*WHAT.values, *SPEED.values) or one.key in ("fine", "words")


def test_a_row_with_wrong_extra_answers_is_taken_with_its_score() -> None:
    """Extra answers stop no row; a row that has nothing but one of them lacks its outcome."""
    head = ["Code", "Date", "Time", "Outcome", "Score", "Speed [speed.1]"]
    table = [head, ["B1", "2026-03-05", "14:30", "ok", "9", "7"], ["B2", "", "", "", "", "4"], ["B3"]]
    first, second = call_sheets.read(table, "calls", {"ok": "answered"}, ASKING)
    now = datetime(2026, 3, 10, tzinfo=UTC)
    settled = call_sheets.settled(first, UTC, now, date(2026, 3, 1))
    assert (settled.problem, settled.score, settled.bad) == ("", 9, (Bad("speed", "not_an_option", "7"),))
    assert second.problem == "no_outcome"
    with pytest.raises(call_sheets.NoSheet) as refused:
        call_sheets.read([[*head, "How fast?"]], "calls", {}, ASKING)
    assert refused.value.code == "two_columns"
    one, other = (
        call_sheets.settled(row, UTC, now, date(2026, 3, 1))
        for value in ("3", "4")
        for row in call_sheets.read([head, [*table[1][:5], value]], "calls", {"ok": "answered"}, ASKING)
    )
    assert [row.problem for row in call_sheets.compared([one, other])] == ["contradicts"] * 2
