"""Which cards came with a newcomer: read as the specification of carrying (product.md R2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.card_book import Cards, FirmCard, LeadCard, PersonCard, SaleDeal
from integration.nps.newcomers import (
    Arrival,
    arrival,
    first_sales,
    home,
    is_repeat,
    newcomers_of,
    still_linked,
)  # fmt: skip
from integration.nps.people import CardKey, ClientKey

DAY0 = datetime(2026, 11, 2, 9, tzinfo=UTC)


def day(number: int) -> datetime:
    return DAY0 + timedelta(days=number)


LEAD, DEAL, REPEAT = CardKey("lead", 100), CardKey("deal", 500), CardKey("deal", 600)
FIRM, SECOND = CardKey("company", 50), CardKey("company", 51)
PERSON, OTHER = CardKey("contact", 40), CardKey("contact", 41)

# The portal as it stands -> for each newcomer its leads, deals and clients.
CASES: dict[str, tuple[list[LeadCard | SaleDeal | FirmCard | PersonCard], dict[CardKey, Arrival]]] = {
    "a lead alone is a newcomer by itself": (
        [LeadCard(100)], {LEAD: Arrival(LEAD, (100,))},
    ),
    "a lead is converted: lead, deal, company and contact belong together": (
        [LeadCard(100), SaleDeal(500, 100, 50, 40), FirmCard(50, 100), PersonCard(40, 100, (50,))],
        {card: Arrival(FIRM, (100,), (500,), (FIRM, PERSON)) for card in (LEAD, DEAL, FIRM, PERSON)},
    ),
    "converted to a company and contact without a deal": (
        [LeadCard(100), FirmCard(50, 100), PersonCard(40, 100, (50,))],
        {card: Arrival(FIRM, (100,), (), (FIRM, PERSON)) for card in (LEAD, FIRM, PERSON)},
    ),
    "a deal comes first, nobody is linked yet": ([SaleDeal(500)], {DEAL: Arrival(DEAL, (), (500,))}),
    "a deal with a person only: the person is the client": (
        [SaleDeal(500, contact_id=40), PersonCard(40)],
        {card: Arrival(PERSON, (), (500,), (PERSON,)) for card in (DEAL, PERSON)},
    ),
    "the company comes later, linked to the deal": (
        [SaleDeal(500, None, 50, 40), FirmCard(50), PersonCard(40)],
        {card: Arrival(FIRM, (), (500,), (FIRM, PERSON)) for card in (DEAL, FIRM, PERSON)},
    ),
    "the company comes later, linked to the person only": (
        [SaleDeal(500, contact_id=40), FirmCard(50), PersonCard(40, None, (50,))],
        {card: Arrival(FIRM, (), (500,), (FIRM, PERSON)) for card in (DEAL, FIRM, PERSON)},
    ),
    "a contact who came with one company joins a second one: the second gets nothing": (
        [SaleDeal(500, None, 50, 40), FirmCard(50), FirmCard(51), PersonCard(40, None, (50, 51))],
        {PERSON: Arrival(FIRM, (), (500,), (FIRM, PERSON)), SECOND: Arrival(SECOND, (), (), (SECOND,))},
    ),
    "and also when the second becomes the primary one": (
        [SaleDeal(500, None, 50, 40), FirmCard(50), FirmCard(51), PersonCard(40, None, (51, 50))],
        {PERSON: Arrival(FIRM, (), (500,), (FIRM, PERSON)), SECOND: Arrival(SECOND, (), (), (SECOND,))},
    ),
    "the second company's own first deal is another newcomer, without the old person": (
        [SaleDeal(500, None, 50, 40), SaleDeal(600, None, 51, 40, day(9)), FirmCard(50), FirmCard(51),
         PersonCard(40, None, (50, 51))],
        {REPEAT: Arrival(SECOND, (), (600,), (SECOND,)), DEAL: Arrival(FIRM, (), (500,), (FIRM, PERSON))},
    ),
    "a deal created after the first was won is a repeat deal": (
        [SaleDeal(500, None, 50, 40, day(0), day(5)), SaleDeal(600, None, 50, 40, day(9)), FirmCard(50),
         PersonCard(40, None, (50,))],
        {REPEAT: Arrival(REPEAT, (), (600,), counts=False), FIRM: Arrival(FIRM, (), (500,), (FIRM, PERSON))},
    ),
    "a repeat deal keeps together with its own lead": (
        [LeadCard(100, 50), SaleDeal(500, None, 50, None, day(0), day(5)), SaleDeal(600, 100, 50, None, day(9)),
         FirmCard(50)],
        {card: Arrival(REPEAT, (100,), (600,), counts=False) for card in (LEAD, REPEAT)},
    ),
    "two sales at a time before anything was won: both tell how the client came": (
        [SaleDeal(500, None, 50, 40, day(0), day(9)), SaleDeal(600, None, 50, 41, day(5)), FirmCard(50),
         PersonCard(40), PersonCard(41)],
        {card: Arrival(FIRM, (), (500, 600), (FIRM, PERSON, OTHER)) for card in (DEAL, REPEAT, FIRM, OTHER)},
    ),
    "a sale after a lost one: nothing had made them a client": (
        [SaleDeal(500, None, 50, None, day(0)), SaleDeal(600, None, 50, None, day(300)), FirmCard(50)],
        {FIRM: Arrival(FIRM, (), (500, 600), (FIRM,))},
    ),
    "a deal moved to another company: its lead and contact go along": (
        [LeadCard(100), SaleDeal(500, 100, 51, 40), FirmCard(50), FirmCard(51), PersonCard(40, 100)],
        {DEAL: Arrival(SECOND, (100,), (500,), (SECOND, PERSON)), FIRM: Arrival(FIRM, (), (), (FIRM,))},
    ),
    "a new person of an old client is no newcomer": (
        [SaleDeal(500, None, 50, 40, day(0), day(5)), FirmCard(50), PersonCard(40, None, (50,)),
         PersonCard(41, None, (50,))],
        {OTHER: Arrival(OTHER, (), (), (OTHER,), counts=False)},
    ),
    "a person of a company that has not bought yet is one": (
        [FirmCard(50), PersonCard(41, None, (50,))], {OTHER: Arrival(OTHER, (), (), (OTHER,))},
    ),
    "a repeat lead of an old client is no newcomer": (
        [LeadCard(100, 50), SaleDeal(500, None, 50, None, day(0), day(5)), FirmCard(50)],
        {LEAD: Arrival(LEAD, (100,), counts=False)},
    ),
    "the agency's own company is nobody's client": (
        [SaleDeal(500, None, 50, 40), FirmCard(50, own=True), PersonCard(40, None, (50,))],
        {DEAL: Arrival(PERSON, (), (500,), (PERSON,)), PERSON: Arrival(PERSON, (), (500,), (PERSON,))},
    ),
    "a lead that is gone takes nothing with it": (
        [SaleDeal(500, 100, 50), FirmCard(50, 100)], {DEAL: Arrival(FIRM, (), (500,), (FIRM,))},
    ),
    "a lead that became two sales of two clients belongs to both": (
        [LeadCard(100), SaleDeal(500, 100, 50), SaleDeal(600, 100, 51), FirmCard(50), FirmCard(51)],
        {DEAL: Arrival(FIRM, (100,), (500,), (FIRM,)), REPEAT: Arrival(SECOND, (100,), (600,), (SECOND,))},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_who_came_with_whom(name: str) -> None:
    """The answer depends on the links alone, whatever the order of the cards in the book."""
    cards, expected = CASES[name]
    for order in list(permutations(cards))[:24]:
        book = Cards.of(*order)
        for card, whole in expected.items():
            assert [arrival(one, book) for one in newcomers_of(card, book)] == [whole], card


def test_a_lead_of_two_sales_names_both_and_cards_that_are_gone_none() -> None:
    book = Cards.of(LeadCard(100), SaleDeal(500, 100, 50), SaleDeal(600, 100, 51), FirmCard(50), FirmCard(51))
    assert newcomers_of(LEAD, book) == [FIRM, SECOND]
    assert newcomers_of(FIRM, Cards.of(FirmCard(50, own=True))) == []
    assert [newcomers_of(card, Cards.of()) for card in (LEAD, DEAL, FIRM, PERSON)] == [[], [], [], []]
    assert home(40, Cards.of()) == ClientKey("contact", 40)


def test_an_entry_stays_where_its_source_still_hangs() -> None:
    """A deal that moved to another company leaves nothing behind; one that was deleted does."""
    moved = Cards.of(SaleDeal(500, 100, 51, 40), LeadCard(100), FirmCard(50), FirmCard(51), PersonCard(40))
    assert not still_linked(FIRM, DEAL, moved)
    assert not still_linked(FIRM, LEAD, moved)
    for card in (SECOND, PERSON, LEAD):
        assert still_linked(card, DEAL, moved)
    assert still_linked(DEAL, LEAD, moved)
    assert still_linked(SECOND, LEAD, moved)
    assert still_linked(FIRM, CardKey("deal", 999), moved)
    assert still_linked(FIRM, CardKey("lead", 9), moved)
    converted = Cards.of(LeadCard(100), FirmCard(50, 100))
    assert still_linked(FIRM, LEAD, converted)
    joined = Cards.of(SaleDeal(500, None, 50, 40), FirmCard(50), FirmCard(51), PersonCard(40, None, (50, 51)))
    assert still_linked(FIRM, PERSON, joined)
    assert still_linked(PERSON, PERSON, joined)
    assert not still_linked(SECOND, PERSON, joined)
    assert still_linked(FIRM, OTHER, joined)
    assert still_linked(PERSON, SECOND, Cards.of(PersonCard(40)))


DAYS = st.one_of(st.none(), st.integers(0, 6).map(day))


@given(st.lists(st.tuples(DAYS, DAYS), max_size=12), st.randoms())
def test_the_first_sales_are_those_that_are_no_repeat(
    deals: list[tuple[datetime | None, ...]], dice: Random
) -> None:
    every = [SaleDeal(number, created=created, since=since) for number, (created, since) in enumerate(deals)]
    dice.shuffle(every)
    alone = [deal for deal in every if not is_repeat(deal, every)]
    assert first_sales(every) == sorted(alone, key=lambda deal: deal.id)
