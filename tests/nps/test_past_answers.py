"""Rows of old surveys are read as people and programs write them, or refused with a reason (product.md T9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.past_answers import PastAnswer, RowProblem, Unreadable, columns, fold, parse_moment, read

MOSCOW = ZoneInfo("Europe/Moscow")
NOW = datetime(2026, 1, 12, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    """A moment by its numbers."""
    return datetime(parts[0], *parts[1:], tzinfo=UTC)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-10-03", utc(2025, 10, 3, 9)),
        ("2025-10-03 10:20", utc(2025, 10, 3, 7, 20)),
        ("2025-10-03T10:20:30Z", utc(2025, 10, 3, 10, 20, 30)),
        ("2025-10-03 10:20:30 UTC", utc(2025, 10, 3, 10, 20, 30)),
        ("2025-10-03 10:20:30 +0200", utc(2025, 10, 3, 8, 20, 30)),
        ("3.10.2025", utc(2025, 10, 3, 9)),
        ("03.10.2025 10:20", utc(2025, 10, 3, 7, 20)),
        ("10/23/2025", utc(2025, 10, 23, 9)),
        ("23/10/2025 10:20:01", utc(2025, 10, 23, 7, 20, 1)),
        ("5/5/2025", utc(2025, 5, 5, 9)),
        ("1759486830", utc(2025, 10, 3, 10, 20, 30)),
    ],
)
def test_dates_are_read_in_the_portal_s_zone_unless_they_name_one(text: str, moment: datetime) -> None:
    assert parse_moment(text, MOSCOW) == moment


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "no_date"),
        ("yesterday", "not_a_date"),
        ("31.02.2025", "not_a_date"),
        ("03/10/2025", "ambiguous_date"),
        ("13/13/2025", "not_a_date"),
        ("0001-01-01T00:00:00+23:00", "not_a_date"),
        ("2025-10-03 25:00", "not_a_date"),
        ("١٧٥٩٤٨٦٨٣٠", "not_a_date"),
    ],
)
def test_what_is_no_date_or_could_be_two_is_refused(text: str, code: str) -> None:
    assert parse_moment(text, MOSCOW) == code


moments = st.integers(631_152_000, 1_767_139_200).map(lambda n: datetime.fromtimestamp(n, UTC))


@given(moments, st.integers(-12 * 60, 14 * 60))
def test_a_written_moment_is_read_back_whatever_its_offset(moment: datetime, minutes: int) -> None:
    there = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_moment(there.isoformat(), MOSCOW) == there
    assert parse_moment(there.isoformat(" "), MOSCOW) == there
    assert parse_moment(f"{moment:%d.%m.%Y %H:%M:%S}", UTC) == moment


HEAD = ["Клиент", "E-mail", "Company_ID", "ID контакта", "Оценка", "Комментарий", "Дата", "Канал", "Tags"]


def one(**cells: str) -> PastAnswer | RowProblem:
    """The outcome of one row whose cells are named by their headings' fields."""
    row = {"client": "Рога", "score": "9", "date": "2025-10-03"} | cells
    places = columns(HEAD)
    line = [""] * len(HEAD)
    for field, text in row.items():
        line[places[field]] = text
    answers, problems = read([HEAD, line], MOSCOW, NOW)
    return [*answers, *problems][0]


@pytest.mark.parametrize(("text", "score"), [("0", 0), ("10", 10), (" 7 ", 7), ("9.0", 9), ("10.00", 10)])
def test_scores_are_whole_numbers_as_spreadsheets_write_them(text: str, score: int) -> None:
    found = one(score=text)
    assert isinstance(found, PastAnswer)
    assert found.score == score


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"score": ""}, "no_score"),
        ({"score": "11"}, "not_a_score"),
        ({"score": "9.5"}, "not_a_score"),
        ({"score": "-1"}, "not_a_score"),
        ({"score": "٩"}, "not_a_score"),
        ({"date": "2026-02-01"}, "in_future"),
        ({"comment": "а" * 4001}, "too_long"),
        ({"company_id": "C12"}, "not_an_id"),
        ({"contact_id": "0"}, "not_an_id"),
        ({"company_id": str(2**31)}, "not_an_id"),
        ({"email": "somebody"}, "not_an_address"),
        ({"client": ""}, "nobody"),
    ],
)
def test_a_row_that_cannot_be_taken_has_one_reason(cells: dict[str, str], code: str) -> None:
    found = one(**cells)
    assert isinstance(found, RowProblem)
    assert (found.number, found.code) == (2, code)


def test_words_are_kept_as_they_are_without_control_characters() -> None:
    found = one(comment="  <b>Ок</b> 👍\r\nи\x00 ещё ", company_id="5.0", channel="телефон")
    assert isinstance(found, PastAnswer)
    assert (found.comment, found.company_id, found.channel) == ("<b>Ок</b> 👍\nи ещё", 5, "телефон")


def test_delighted_s_headings_are_understood_and_unknown_columns_left_out() -> None:
    head = [
        "Response ID",
        "Person ID",
        "Person Email",
        "Person Name",
        "Score",
        "Comment",
        "Created At",
        "Permalink",
    ]
    row = [
        "1",
        "2",
        "a@b.example.com",
        "Анна",
        "10",
        "Good",
        "2024-05-06 07:08:09 UTC",
        "https://example.com",
    ]
    answers, problems = read([head, row, [], [" "] * 8], MOSCOW, NOW)
    at = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert answers == [PastAnswer(2, 10, "Good", at, email="a@b.example.com", name="Анна")]
    assert problems == []


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (["client", "date"], "no_score_column"),
        (["client", "score"], "no_date_column"),
        (["score", "date", "name"], "no_client_column"),
        (["client", "company", "score", "date"], "two_columns"),
    ],
)
def test_a_table_without_what_it_needs_is_refused_whole(head: list[str], code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        columns(head)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "table", [[], [["client", "score", "date"]], [["client", "score", "date"], ["", " "]]]
)
def test_a_table_without_rows_is_refused(table: list[list[str]]) -> None:
    with pytest.raises(Unreadable) as caught:
        read(table, MOSCOW, NOW)
    assert caught.value.code == "no_rows"


@given(st.lists(st.lists(st.text(max_size=30), max_size=9), max_size=5))
def test_any_cells_end_as_an_answer_or_as_a_reason_each_row_once(rows: list[list[str]]) -> None:
    head = ["client", "email", "company id", "contact id", "score", "comment", "date", "channel"]
    wanted = [number for number, cells in enumerate(rows, 2) if any(cell.strip() for cell in cells)]
    if not wanted:
        return
    answers, problems = read([head, *rows], MOSCOW, NOW)
    assert sorted(row.number for row in [*answers, *problems]) == wanted


@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)
