"""What came by recommendation, in clients and in money, by values worked out by hand (product.md R6, N8)."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.people import CardKey, Group
from integration.nps.referral_cells import Cell, Window
from integration.nps.referral_numbers import Buyer, Ledger, branches, growth, period, promised, side, years
from integration.nps.referral_tree import Money

TODAY = date(2026, 11, 22)
YEAR, LAST = Window.of_year(2026, TODAY), Window.of_year(2025, TODAY)
ROLLING = Window.year_to(TODAY)
EDGES = sorted(set().union(*(one.edges for one in (YEAR, LAST, ROLLING, ROLLING.before, LAST.before))))

Won = tuple[date, int]


def buyer(number: int, *won: Won, since: date | None = None, came: bool = False, city: str = "Kyiv",
          kind: str = "company", serving: date | None = None, edges: list[date] = EDGES) -> Buyer:  # fmt: skip
    """A client with deals won on these days; since the first of them unless said otherwise."""
    spent: dict[int, Money] = {}
    for day, amount in won:
        stretch = bisect_right(edges, day)
        spent[stretch] = spent.get(stretch, Money()) + Money(Decimal(amount), 1)
    first = since or min((day for day, _ in won), default=None)
    return Buyer(CardKey(kind, number), city, first, came, spent, serving)  # type: ignore[arg-type]


def ledger(*buyers: Buyer, least: int = 1) -> Ledger:
    return Ledger(tuple(EDGES), buyers, least)


def d(month: int, day: int = 1, year: int = 2026) -> date:
    return date(year, month, day)


GROWN = (
    buyer(1, (d(3, 1, 2025), 60), (d(3, 1), 70)),  # both years
    buyer(2, (d(3, 1, 2025), 25), (d(4, 1), 15), came=True),  # both, by recommendation, but not new
    buyer(3, (d(3, 1, 2025), 15)),  # gone
    buyer(4, (d(5, 1), 25), came=True),  # new and recommended
    buyer(5, (d(6, 1), 12)),  # new, not recommended
    buyer(6, (d(6, 1, 2020), 400), (d(6, 1), 8), came=True),  # came back after years: neither
)


def test_earned_growth_is_the_check_value_of_the_specification() -> None:
    """Base 100, now 130, of which last year's clients 85, recommended new 25: NRR .85, rate 10 %."""
    found = growth(ledger(*GROWN), date(2026, 11, 22))
    amounts = [int(m.amount) for m in (found.base, found.now, found.returning, found.new, found.rest)]
    assert amounts == [100, 130, 85, 25, 20]
    assert found.earned is not None
    assert (found.earned.nrr, found.earned.new) == (0.85, 0.25)
    assert found.earned.rate == pytest.approx(0.10)
    assert (found.start, found.until) == (date(2025, 11, 23), TODAY)
    assert found.clients == (3, 2, 1)
    assert growth(ledger(GROWN[3]), TODAY).earned is None


def test_every_part_of_earned_growth_has_the_clients_it_is_made_of() -> None:
    """The cells of the parts hold each buyer of the year once, and sum up to what they say."""
    book = ledger(*GROWN)
    found = growth(book, TODAY)
    parts = {name: Cell.parse(found.cells[name]) for name in ("returning", "new", "rest")}
    ids = {name: [one.key.id for one in book.of(cell)] for name, cell in parts.items()}
    assert ids == {"returning": [1, 2, 3], "new": [4], "rest": [5, 6]}
    assert sum((book.sum(cell) for cell in parts.values()), Money()) == found.now
    assert book.sum(Cell.parse(found.cells["base"])) == found.base


def test_a_year_s_shares_count_new_clients_and_all_that_was_won() -> None:
    """Of two that became clients in 2026 one was recommended; of 130 won 48 are of recommended clients, whenever
    they came."""
    found = period(ledger(*GROWN), YEAR)
    assert (found.year, found.until) == (2026, TODAY)
    assert (found.clients.part, found.clients.n, found.clients.value) == (1, 2, 0.5)
    assert (found.revenue.money.amount, found.revenue.whole.amount) == (48, 130)
    assert found.revenue.share.value == pytest.approx(48 / 130)
    assert (found.revenue.share.n, found.revenue.money.deals, found.revenue.whole.deals) == (5, 3, 5)
    before = period(ledger(*GROWN), LAST)
    assert (before.clients.part, before.clients.n, before.revenue.money.amount) == (1, 3, 25)
    assert [one.year for one in years([YEAR, LAST], ledger(*GROWN))] == [2026, 2025]


DAYS = (
    st.integers(0, 680).map(lambda n: date(2025, 1, 12) + timedelta(days=n)).filter(lambda day: day <= TODAY)
)


@given(
    st.lists(st.tuples(DAYS, st.integers(1, 900), st.booleans()), max_size=8), DAYS, st.integers(1, 900),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_a_won_deal_moves_the_year_s_amounts_by_exactly_that_deal(
    others: list[tuple[date, int, bool]], day: date, amount: int, came: bool, is_new: bool
) -> None:
    """In its own year and in no other; the part by recommendation if its client came so, the whole in any case; and
    the year's clients by one if it made a new one."""
    rest = [buyer(number, (on, much), came=by) for number, (on, much, by) in enumerate(others, 2)]
    old = () if is_new else ((date(2024, 5, 5), 50),)
    before = ledger(*rest, *([buyer(1, *old, came=came)] if old else []))
    after = ledger(*rest, buyer(1, *old, (day, amount), came=came))
    for window in (YEAR, LAST):
        was, now = period(before, window), period(after, window)
        inside = amount if window.holds(day) else 0
        assert now.revenue.whole.amount - was.revenue.whole.amount == inside
        assert now.revenue.money.amount - was.revenue.money.amount == (inside if came else 0)
        assert now.revenue.whole.deals - was.revenue.whole.deals == (1 if inside else 0)
        fresh = is_new and window.holds(day)
        assert now.clients.n - was.clients.n == fresh
        assert now.clients.part - was.clients.part == (fresh and came)


def test_branches_are_told_apart_whatever_the_spelling_and_small_ones_have_no_share() -> None:
    many = [buyer(n, (d(2), 100), came=n < 3, city=" kyiv " if n % 2 else "Kyiv") for n in range(1, 6)]
    few = [buyer(n, (d(2), 1000), came=True, city="Lviv") for n in range(10, 14)]
    silent = buyer(20, (d(2, 1, 2019), 5), city="Odesa")
    found = branches(ledger(*many, *few, silent, buyer(30, (d(2), 7), city=""), least=5), YEAR)
    assert [one.city for one in found] == ["Lviv", "kyiv", ""]  # by revenue; the commoner spelling
    lviv, kyiv, nowhere = found
    assert (lviv.revenue.money.amount, lviv.revenue.share.value, lviv.clients.n) == (4000, None, 4)
    assert lviv.clients.value is None
    assert (kyiv.clients.value, kyiv.revenue.share.value) == (0.4, 0.4)
    assert nowhere.revenue.whole.amount == 7
    book = ledger(*many, *few)
    assert [one.key.id for one in book.of(Cell.parse(kyiv.revenue.cell))] == [1, 2]


def test_lifetime_value_and_retention_of_both_sides() -> None:
    """Three referred clients of 2024 to 2026, one of whom was not heard of since; the others beside them."""
    referred = [
        buyer(1, (d(12, 1, 2024), 100), (d(12, 1, 2025), 300), came=True),
        buyer(2, (d(12, 1, 2024), 90), came=True),  # lost
        buyer(3, (d(12, 1, 2024), 20), came=True, serving=d(6)),  # bought nothing lately, but is served
        buyer(4, (d(11, 1), 10), came=True),
    ]
    lone = buyer(
        9, (d(3, 1, 2025), 40), kind="deal", came=True
    )  # a deal that is nobody's is money and no client
    book = ledger(*referred, lone, buyer(7, (d(3, 1, 2025), 1000)), least=2)
    found, others = side(book, True, TODAY), side(book, False, TODAY)
    assert (found.n, found.money.amount, found.money.deals) == (4, 560, 6)
    assert (found.mean, found.median and found.median.value) == (Decimal("130.00"), 55.0)
    assert (found.kept.part, found.kept.n) == (2, 3)
    days = 3 * (TODAY - d(12, 1, 2024)).days + (TODAY - d(11, 1)).days
    assert found.months == pytest.approx(days / 4 / 30.4375)
    assert found.yearly == (Decimal(520) / (Decimal(days) / Decimal("365.25"))).quantize(Decimal("0.01"))
    assert book.sum(Cell.parse(found.cell)) == found.money
    assert (others.n, others.mean, others.median, others.kept.value) == (1, None, None, None)
    assert others.money.amount == 1000


def test_what_was_promised_beside_what_was_done() -> None:
    said: list[tuple[Group, bool]] = [("promoter", True)] * 3 + [("promoter", False)] * 7
    said += [("passive", True), ("detractor", False), ("detractor", False), ("passive", False)]
    found = promised(said, least=5)
    assert found.table == {
        ("promoter", True): 3, ("promoter", False): 7, ("other", True): 1, ("other", False): 3,
    }  # fmt: skip
    assert (found.n, found.promoters.value, found.others.value, found.others.n) == (14, 0.3, None, 4)
    assert promised([], 5).n == 0


def test_windows_are_calendar_years_and_the_twelve_months_before() -> None:
    assert (YEAR.start, YEAR.until) == (date(2026, 1, 1), TODAY)
    assert (LAST.start, LAST.until) == (date(2025, 1, 1), date(2025, 12, 31))
    assert Window.year_to(date(2025, 12, 31)) == LAST
    assert LAST.before == Window(date(2024, 1, 1), date(2024, 12, 31))
    assert Window.year_to(date(2024, 2, 28)).start == date(2023, 2, 28)  # 29 February counts a year back
    with pytest.raises(ValueError, match="stretch"):
        ledger().spent(buyer(1), Window(date(2026, 7, 7), TODAY))


CITY = st.none() | st.text(max_size=20)


@given(
    DAYS,
    st.integers(0, 400),
    st.sampled_from(["all", "referred", "others", "returning", "new", "rest"]),
    CITY,
)
def test_a_cell_is_what_it_was_written_as(day: date, more: int, who: str, city: str | None) -> None:
    cell = Cell(Window(day, day + timedelta(days=more)), who, city)  # type: ignore[arg-type]
    assert Cell.parse(str(cell)) == cell
    one = Cell(Window(None, day), "below", city, CardKey("contact", 7))
    assert Cell.parse(str(one)) == one


def test_what_is_no_cell_is_refused() -> None:
    whole = str(Cell(Window(date(2026, 1, 1), TODAY), "all"))
    assert Cell.parse(whole).who == "all"
    for text in (
        "",
        "~~~~",
        "x",
        whole + "~",
        whole.replace("all", "every"),
        whole.replace("2026-01-01", "2026-13-01"),
        whole.replace("2026-01-01", "2027-01-01"),
        whole.replace("all", "below"),
        f"{whole}kyiv",
        "~2026-11-22~new~~",
        "~9999-12-31~all~~",
        "~2026-11-22~client~deal:~",
        "~2026-11-22~client~deal:-1~",
        "~2026-11-22~client~task:1~",
        "~2026-11-22~all~deal:1~",
        "~2026-11-22~client~deal:" + "9" * 19 + "~",
        "0001-01-01~0001-06-01~new~~",
    ):
        with pytest.raises(ValueError, match=r"."):
            _edges(text)


def _edges(text: str) -> set[date]:
    return Cell.parse(text).edges


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_a_cell(text: str) -> None:
    try:
        found = Cell.parse(text)
    except ValueError:
        return
    assert Cell.parse(str(found)) == found
