"""Lists of past referrals: headings, dates and names as people write them, rows beside each other (product.md R4)."""

from __future__ import annotations

from datetime import UTC, date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.past_answers import Unreadable
from integration.nps.people import CardKey, ClientKey
from integration.nps.referral_import import HEADINGS, PastReferral, Rules, named, parse_day, read
from integration.nps.referral_matching import (
    Clash,
    Line,
    Match,
    Titles,
    by_address,
    by_title,
    clashes,
    near_key,
)

ZONE = ZoneInfo("Europe/Moscow")
SOURCES = {"партнёр": "partner", "partner": "partner", "event": "event", "client": "client"}
RULES = Rules(ZONE, date(2026, 1, 12), "", SOURCES, frozenset({"client", "partner"}))
HEAD = ["Client", "Recommended by", "Date", "Source", "Note"]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2021-04-03", date(2021, 4, 3)), ("03.04.2021", date(2021, 4, 3)), ("3.4.21", date(2021, 4, 3)),
        ("03-04-2021", date(2021, 4, 3)), ("03.04.2021 10:30", date(2021, 4, 3)), ("03.04.2021 г.", date(2021, 4, 3)),
        ("31/12/2021", date(2021, 12, 31)), ("12/31/2021", date(2021, 12, 31)), ("05/05/2021", date(2021, 5, 5)),
        ("12 марта 2021", date(2021, 3, 12)), ("12 мая 2021 г.", date(2021, 5, 12)), ("1 июл. 2020", date(2020, 7, 1)),
        ("12 березня 2021 р.", date(2021, 3, 12)), ("1 травня 2021", date(2021, 5, 1)),
        ("7 листопада 2020", date(2020, 11, 7)), ("Mar 12, 2021", date(2021, 3, 12)),
        ("2nd June 2021", date(2021, 6, 2)),
        ("44289", date(2021, 4, 3)), ("44289.0", date(2021, 4, 3)), ("44289.75", date(2021, 4, 3)),
        ("2021-04-02T23:30:00+00:00", date(2021, 4, 3)), ("2021-04-03 00:10:00", date(2021, 4, 3)),
        ("1617433200", date(2021, 4, 3)), ("29.02.2024", date(2024, 2, 29)),
    ],
)  # fmt: skip
def test_a_day_is_read_as_people_and_spreadsheets_write_it(text: str, day: date) -> None:
    assert parse_day(text, ZONE) == day


def test_what_is_no_day_or_could_be_two_is_refused_and_an_order_decides() -> None:
    for text in ("", "  "):
        assert parse_day(text, ZONE) == "no_date"
    for text in (
        "soon",
        "29.02.2023",
        "32.13.2020",
        "2021",
        "06.2020",
        "12 foo 2021",
        "0",
        "99",
        "01.01.1913",
        "13/13/2021",
    ):
        assert parse_day(text, ZONE) == "not_a_date", text
    assert parse_day("03/04/2021", ZONE) == "ambiguous_date"
    assert parse_day("03/04/2021", ZONE, "dmy") == date(2021, 4, 3)
    assert parse_day("03/04/2021", ZONE, "mdy") == date(2021, 3, 4)
    assert parse_day("31/12/2021", ZONE, "mdy") == "not_a_date"  # what was said holds for every row


@given(st.dates(date(1990, 1, 1), date(2099, 12, 31)))
def test_every_day_comes_back_from_every_form(day: date) -> None:
    serial = str((day - date(1899, 12, 30)).days)
    for text, order in (
        (day.isoformat(), ""), (f"{day:%d.%m.%Y}", ""), (f"{day:%d/%m/%Y}", "dmy"), (f"{day:%m/%d/%Y}", "mdy"),
        (serial, ""),
    ):  # fmt: skip
        assert parse_day(text, ZONE, order) == day  # type: ignore[arg-type]


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert isinstance(parse_day(text, UTC), date | str)
    assert named(text, "portal.example").kind in ("card", "email", "phone", "title", "elsewhere")
    assert near_key(text) == near_key(f" {text} ")


def test_rows_are_understood_or_refused_one_by_one() -> None:
    found, problems = read(
        [
            HEAD,
            ["Vega", "Orion", "2021-01-02", "Партнёр", "said\nso"],
            ["", "", "", "", ""],
            ["", "Orion", "2021-01-02"],
            ["Vega", "", "2021-01-02"],
            ["Vega", "", "2021-01-02", "event"],
            ["Vega", "", "2021-01-02", "partner"],
            ["Vega", "Orion", "2027-01-02"],
            ["Vega", "Orion", "x"],
            ["Vega", "Orion", "2021-01-02", "moon"],
            ["x" * 301, "Orion", "2021-01-02"],
            ["Vega", "Orion", "2021-01-02", "", "x" * 501],
            ["Vega", "Orion"],
        ],
        RULES,
    )
    assert found == [
        PastReferral(2, "Vega", "Orion", date(2021, 1, 2), "partner", "said\nso"),
        PastReferral(6, "Vega", "", date(2021, 1, 2), "event"),
    ]
    assert [(one.number, one.code, one.detail[:5]) for one in problems] == [
        (4, "no_client", ""), (5, "no_referrer", ""), (7, "no_referrer", ""), (8, "in_future", "2027-"),
        (9, "not_a_date", "x"), (10, "no_such_source", "moon"), (11, "name_too_long", "xxxxx"),
        (12, "note_too_long", "501"), (13, "no_date", ""),
    ]  # fmt: skip
    assert problems[3].client == "Vega"


def test_headings_in_three_languages_name_the_columns_and_a_table_without_them_is_refused() -> None:
    for head in (
        ["Клиент", "Кто рекомендовал", "Дата"],
        ["КЛІЄНТ", " хто  порекомендував ", "дата рекомендації"],
        ["\ufeffcompany_id", "Referred by", "When"],
    ):
        (row,), _ = read([head, ["5", "Orion", "2021-01-02"]], RULES)
        assert row.client == ("company:5" if "id" in head[0] else "5")
    for table, code in (
        ([], "no_rows"), ([HEAD], "no_rows"), ([["Date", "Referrer"]], "no_client_column"),
        ([["Client", "Date"]], "no_referrer_column"), ([["Client", "Referrer"]], "no_date_column"),
        ([["Client", "Компания", "Referrer", "Date"]], "two_columns"),
    ):  # fmt: skip
        with pytest.raises(Unreadable) as caught:
            read(table, RULES)
        assert caught.value.code == code
    assert set(HEADINGS.values()) == {"client", "client_id", "referrer", "date", "source", "note"}
    _, (bad,) = read([["company id", "Referrer", "Date"], ["0", "Orion", "2021-01-02"]], RULES)
    assert bad.code == "not_an_id"


@pytest.mark.parametrize(
    ("text", "kind", "card"),
    [
        ("company:5", "card", ("company", 5)), ("Контакт № 7", "card", ("contact", 7)),
        ("CO_5", "card", ("company", 5)),
        ("https://portal.example/crm/company/details/5/", "card", ("company", 5)),
        ("HTTPS://Portal.Example/crm/contact/show/7/?IFRAME=Y", "card", ("contact", 7)),
        ("portal.example/crm/type/4/details/5/", "card", ("company", 5)), ("/crm/lead/details/3", "card", ("lead", 3)),
        ("https://other.example/crm/company/details/5/", "elsewhere", None),
        ("https://portal.example/crm/deal/kanban/", "title", None), ("company:99999999999", "title", None),
        ("Ira@Vega.Example", "email", None), ("+7 (900) 111-22-33", "phone", None), ("8 900 1112233", "phone", None),
        ("24/7", "title", None), ("5", "title", None), ("Студия 2025 год 1234567", "title", None),
        ("[::1/crm/", "title", None),
    ],
)  # fmt: skip
def test_a_name_is_a_card_an_address_or_a_title(text: str, kind: str, card: tuple[str, int] | None) -> None:
    found = named(text, "portal.example")
    assert (found.kind, found.card and tuple(found.card)) == (kind, card)


def company(number: int) -> ClientKey:
    return ClientKey("company", number)


def contact(number: int) -> ClientKey:
    return ClientKey("contact", number)


def test_a_card_is_taken_only_where_exactly_one_fits_exactly() -> None:
    titles = Titles.of(
        [
            (company(1), "Vega"), (company(2), "ООО «Ромашка»"), (company(3), "Lyra"), (company(4), "Lyra Ltd."),
            (company(5), "Twin"), (company(6), " twin"), (contact(7), "Ирина Соколова"), (contact(8), "Vega"),
            (contact(9), ""), (company(10), "ООО"),
        ]
    )  # fmt: skip
    homes = {contact(7): contact(7), contact(8): company(1)}
    assert by_title("  vEGA ", titles, homes) == Match(
        "found", CardKey("company", 1)
    )  # its own person of that name
    assert by_title("Ромашка", titles, homes) == Match("similar", None, (CardKey("company", 2),))
    assert by_title("Соколова Ирина", titles, homes) == Match("similar", None, (CardKey("contact", 7),))
    assert by_title("Lyra", titles, homes) == Match(
        "twins", None, (CardKey("company", 3), CardKey("company", 4))
    )
    assert by_title("Twin", titles, homes) == Match(
        "many", None, (CardKey("company", 5), CardKey("company", 6))
    )
    assert by_title("ООО", titles, homes) == Match("found", CardKey("company", 10))
    assert by_title("Nobody", titles, homes) == Match("unknown")
    assert by_address([], homes) == Match("unknown")
    assert by_address([contact(8)], homes) == Match("found", CardKey("contact", 8))
    assert by_address([contact(8), company(1)], homes) == Match("found", CardKey("company", 1))
    assert by_address([contact(7), company(1)], homes).status == "many"


def line(number: int, newcomer: int, referrer: int | None, day: int = 1, source: str = "client") -> Line:
    key = company(referrer) if referrer else None
    return Line(number, CardKey("company", newcomer), key, source, date(2021, 1, day))


def test_of_two_rows_for_one_client_the_first_dated_counts_and_the_latest_of_a_circle_falls() -> None:
    assert clashes([line(2, 5, 6, 3), line(3, 5, 7, 1), line(4, 5, 7, 2)], {}) == {
        2: Clash("twice", 3), 4: Clash("again", 3),
    }  # fmt: skip
    assert clashes([line(2, 1, 2, 3), line(3, 2, 3, 1), line(4, 3, 1, 2)], {}) == {
        2: Clash("cycle", chain=(company(2), company(3), company(1)))
    }
    assert clashes([line(2, 3, 1)], {company(1): company(2), company(2): company(3)}) == {
        2: Clash("cycle", chain=(company(1), company(2), company(3)))
    }
    assert (
        clashes([line(2, 3, 1)], {company(1): company(2), company(2): company(1)}) == {}
    )  # an old circle elsewhere
    lead = Line(2, CardKey("lead", 3), company(3), "client", date(2021, 1, 1))
    assert clashes([lead, line(3, 9, None)], {}) == {}
    many = [line(number, number, number - 1) for number in range(2, 5_000)]
    assert clashes([*many, line(9_000, 1, 900, 2)], {})[9_000].chain[-1] == company(1)


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 28)), max_size=12))
def test_what_remains_of_any_rows_has_no_circle(rows: list[tuple[int, int, int]]) -> None:
    lines = [line(number, *row) for number, row in enumerate(rows, 2)]
    fallen = clashes(lines, {})
    above = {one.newcomer: one.referrer for one in lines if one.number not in fallen}
    for newcomer in above:
        seen, step = set(), newcomer
        while step in above and step not in seen:
            seen.add(step)
            referrer = above[step]
            assert referrer is not None
            step = CardKey(*referrer)
        assert step not in seen
