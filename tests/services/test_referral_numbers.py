"""The numbers about recommendations and the deals behind each amount, on both databases (product.md R6, N8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from integration.nps.people import CardKey
from integration.nps.referral_cells import Cell, Window
from integration.nps.referral_numbers import Period
from integration.nps.referral_tree import NOTHING, Money
from integration.nps.relation import client_since, revenue
from integration.nps.rights import Rights
from integration.nps.workdays import zone_named
from integration.services import rates, referral_buyers, referral_deals, referral_numbers
from integration.services.referral_money import Till
from integration.store import rates as rate_rows
from integration.store import snapshots
from integration.store.base import Sessions, make_sessions, reading, transaction
from integration.store.clients import Deal, StageMove
from integration.store.portals import Portal
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveClient
from tests.services.referral_world import (
    ALL,
    ANNA,
    BORIS,
    NOW,
    RULES,
    ZONE,
    a_place,
    at,
    came,
    company,
    contact,
    deal,
)  # fmt: skip

TODAY = date(2026, 11, 22)


def told(portal: Portal, session: Session, rights: Rights = ALL, now: datetime = NOW, **more: Any) -> Any:
    return referral_numbers.read(session, portal, RULES, rights, now, **more)


def lines(portal: Portal, session: Session, cell: str, rights: Rights = ALL, limit: int = 3) -> list[Any]:
    """All pages of the deals behind an amount."""
    found: list[Any] = []
    behind = 0
    while True:
        page = referral_deals.behind_amount(
            session, portal, RULES, rights, cell, NOW, behind=behind, limit=limit
        )
        assert len(page.lines) <= limit
        found += page.lines
        behind = page.behind
        if not behind:
            return found


def as_money(found: list[Any]) -> Money:
    return sum(
        (
            Money(one.base or Decimal(0), 1, int(one.kind in ("earlier", "later")), int(one.base is None))
            for one in found
        ),
        NOTHING,
    )


def busy(sessions: Sessions) -> Portal:
    """Sixty clients with random deals over four years, in three currencies, some recommended, in two branches."""
    portal, dice = a_place(sessions), Random(7)
    with transaction(sessions) as session:
        row = session.get_one(Portal, portal.id)
        answer = {"currencies": [
            {"CURRENCY": "RUB", "AMOUNT": "1", "AMOUNT_CNT": "1", "BASE": "Y"},
            {"CURRENCY": "EUR", "AMOUNT": "95.5", "AMOUNT_CNT": "1", "BASE": "N"},
            {"CURRENCY": "UZS", "AMOUNT": "70", "AMOUNT_CNT": "10000", "BASE": "N"},
        ]}  # fmt: skip
        rates.keep(session, row, answer, at(date(2026, 2, 1)))
        number = 0
        for client in range(10, 70):
            company(
                session,
                portal.id,
                client,
                city=("Kyiv", "Lviv", "")[client % 3],
                manager=(ANNA, BORIS)[client % 2],
            )
            for _ in range(dice.randrange(5)):
                number += 1
                day = date(2023, 1, 1) + timedelta(days=dice.randrange(1450))
                won = at(day, dice.randrange(24)) if dice.random() < 0.8 else None
                currency = dice.choice(["RUB", "RUB", "", "EUR", "UZS", "USD"])
                deal(
                    session, portal.id, number, client, won=won, close=day, amount=dice.randrange(1, 900),
                    currency=currency, semantics=dice.choice("SSSSFP"),
                )  # fmt: skip
            if client % 4 == 0:
                came(session, portal.id, f"company:{client}", f"company:{client - 1}")
        deal(session, portal.id, 900, won=at(TODAY - timedelta(days=9)), amount=5)
        contact(session, portal.id, 500)
        deal(session, portal.id, 901, None, 500, won=at(date(2026, 4, 4)), amount=77)
        came(session, portal.id, "contact:500", "company:10")
    return portal


def test_every_amount_is_the_sum_of_the_deals_it_names(sessions: Sessions) -> None:
    """For each year, branch, side, part of the growth and a top referrer; page by page no deal comes twice."""
    portal = busy(sessions)
    with reading(sessions) as session:
        found = told(portal, session)
        periods = (*found.years[:2], *found.branches)
        amounts = {one.revenue.cell: one.revenue.money for one in periods}
        amounts |= {one.revenue.whole_cell: one.revenue.whole for one in periods}
        amounts |= {one.cell: one.money for one in found.value}
        for growth in (found.growth, told(portal, session, year=2025).growth):
            amounts |= {growth.cells[name]: getattr(growth, name) for name in growth.cells}
            assert growth.returning + growth.new + growth.rest == growth.now
        assert len(amounts) > 16
        for cell, money in amounts.items():
            deals = lines(portal, session, cell, limit=400)
            assert as_money(deals) == money, cell
            numbers = [one.deal_id for one in deals]
            assert numbers == sorted(set(numbers), reverse=True)
        everywhere = Money.sum(one.revenue.whole for one in found.branches)
        assert everywhere == found.years[0].revenue.whole
        assert found.missing > 0
        assert found.later > 0
        assert found.rates_since == date(2026, 2, 1)
        first = found.top[0]
        life = Window(None, TODAY)
        for who, money in (("direct", first.direct_money), ("below", first.money)):
            cell = str(Cell(life, who, None, first.client))  # type: ignore[arg-type]
            assert as_money(lines(portal, session, cell)) == money
        tiny = lines(portal, session, str(Cell(Window(date(2026, 1, 1), TODAY), "all")), limit=9)
        assert len(tiny) == found.years[0].revenue.whole.deals
        assert {one.client.kind for one in tiny} == {"company", "contact", "deal"}
        assert {one.client_title for one in tiny if one.client == CardKey("contact", 500)} == {"Person 500"}


def test_clients_and_money_are_those_of_the_waves(sessions: Sessions) -> None:
    """What the ledger says of each company is what the rules say of its deals: since when it is a client, and what it
    won in twelve months and ever, at the same rates."""
    portal = busy(sessions)
    policy = replace(RULES, service_pipelines=(1,))
    window = Window.year_to(TODAY)
    with transaction(sessions) as session:
        session.add(StageMove(portal_id=portal.id, id=1, deal_id=3, category_id=1, stage_id="NEW", semantics="P",
                              moved_at=at(date(2021, 5, 5))))  # fmt: skip
    with reading(sessions) as session:
        till = Till.of(session, portal, NOW)
        ledger = referral_buyers.read_buyers(till, policy, ALL, {*window.edges, *window.before.edges})
        buyers = {one.key: one for one in ledger.buyers}
        stream = list(snapshots.clients(session, portal.id, policy, zone_named(ZONE)))
        assert len(stream) > 40
        for client in stream:
            one = buyers[CardKey(client.key.kind, client.key.id)]
            since = client_since(client, policy)
            assert one.since == (since.day if since else None)
            assert ledger.spent(one, window).amount == revenue(client.deals, TODAY, till.rates.to_base)
            life = revenue(client.deals, TODAY, till.rates.to_base, months=None)
            assert ledger.spent(one, Window(None, TODAY)).amount == life


def test_the_year_s_share_moves_by_exactly_the_deal_that_is_won(one_engine: Any) -> None:
    """A newcomer's first deal, then a repeat one, then one of last year; in a portal where others buy too."""
    sessions = make_sessions(one_engine)
    portal = a_place(sessions)
    with transaction(sessions) as session:
        for number in (5, 6):
            company(session, portal.id, number)
        deal(session, portal.id, 50, 5, won=at(date(2025, 2, 2)), amount=300)
        deal(session, portal.id, 51, 5, won=at(date(2026, 2, 2)), amount=700)
        deal(session, portal.id, 60, 6, amount="123.45", semantics="P")
        came(session, portal.id, "company:6", "company:5")

    def years() -> tuple[Period, Period]:
        with reading(sessions) as session:
            found = told(portal, session)
        return found.years[0], found.years[1]

    def seen(one: Period) -> tuple[str, str, int, int]:
        return (
            str(one.revenue.money.amount),
            str(one.revenue.whole.amount),
            int(one.clients.part),
            one.clients.n,
        )

    assert [seen(one) for one in years()] == [("0", "700.00", 0, 0), ("0", "300.00", 0, 1)]
    for number, won, expected in (
        (60, at(TODAY, 5), [("123.45", "823.45", 1, 1), ("0", "300.00", 0, 1)]),
        (61, at(TODAY, 6), [("1123.45", "1823.45", 1, 1), ("0", "300.00", 0, 1)]),
        # the last hour of the year in Moscow, and the first of the next
        (
            62,
            datetime(2025, 12, 31, 20, 59, tzinfo=UTC),
            [("1123.45", "1823.45", 0, 0), ("1000.00", "1300.00", 1, 2)],
        ),
        (
            63,
            datetime(2025, 12, 31, 21, 0, tzinfo=UTC),
            [("2123.45", "2823.45", 0, 0), ("1000.00", "1300.00", 1, 2)],
        ),
    ):
        with transaction(sessions) as session:
            row = session.get(Deal, (portal.id, number))
            if row is None:
                deal(session, portal.id, number, 6, won=won, amount=1000)
            else:
                row.semantics, row.won_at = "S", won
        assert [seen(one) for one in years()] == expected, number
    assert years()[0].revenue.share.value == pytest.approx(2123.45 / 2823.45)


def test_who_came_by_recommendation(sessions: Sessions) -> None:
    """Somebody is named, or the source recommends, or the portal's own source says so; not what a guard refused, not
    a source that recommends nobody; a referrer whose card is gone was one all the same."""
    portal = a_place(sessions)
    pid = portal.id
    with transaction(sessions) as session:
        deal(session, pid, 30, 12, semantics="P", source_id="RECOMMENDATION")
        deal(session, pid, 31, 13, semantics="P", source_id="WEB")
        for newcomer, referrer, more in (
            ("company:5", "company:2", {}),
            ("company:6", "company:2", {"source": "other"}),
            ("company:7", "company:2", {"problem": "cycle"}),
            ("company:8", "company:2", {"problem": "removed"}),
            ("company:9", "", {"source": "partner"}),
            ("company:10", "", {"source": "event"}),
            ("company:11", "", {"source": "", "settled_by": "person"}),
            ("company:12", "", {"source": "unknown", "via_kind": "deal", "via_id": 30}),
            ("company:13", "", {"source": "unknown", "via_kind": "deal", "via_id": 31}),
            ("deal:31", "", {"source": "employee"}),
            ("company:14", "company:2", {"problem": "self_referral", "source": "client"}),
        ):
            came(session, pid, newcomer, referrer, **more)
    with reading(sessions) as session:
        found = referral_buyers.came_by_recommendation(Till.of(session, portal, NOW), RULES)
    assert {str(key.id) for key in found if key.kind == "company"} == {"5", "6", "8", "9", "12"}
    assert CardKey("deal", 31) in found


def test_a_viewer_s_numbers_are_those_of_the_clients_they_see(sessions: Sessions) -> None:
    """Two managers and the deals that are nobody's add up to the whole; each reads only deals of their own."""
    portal = busy(sessions)
    with transaction(sessions) as session:
        row = session.get_one(Deal, (portal.id, 901))
        row.deleted_at = NOW  # the contact's, whose manager is Anna
    with reading(sessions) as session:
        whole = told(portal, session)
        parts = [
            told(portal, session, Rights("manager", one, people=frozenset({one}))) for one in (ANNA, BORIS)
        ]
        lone = told(portal, session).years[0].revenue.whole
        assert lone == parts[0].years[0].revenue.whole + parts[1].years[0].revenue.whole + Money(
            Decimal(5), 1
        )
        assert sum(one.years[0].clients.n for one in parts) == whole.years[0].clients.n
        boris = Rights("manager", BORIS, people=frozenset({BORIS}))
        cell = str(Cell(Window(None, TODAY), "all"))
        assert {one.client.id % 2 for one in lines(portal, session, cell, boris)} == {1}
        one = next(line.client for line in lines(portal, session, cell, limit=400) if line.client.id % 2 == 0)
        assert lines(portal, session, str(Cell(Window(None, TODAY), "client", None, one)), boris) == []
        assert lines(portal, session, str(Cell(Window(None, TODAY), "client", None, one)), ALL)
        lviv = Rights("director", 30, cities=frozenset({"lviv"}), people=frozenset({30}))
        assert [one.city for one in told(portal, session, lviv).branches] == ["Lviv"]
        assert all(top.client.id % 2 for top in parts[1].top)
        tops = referral_numbers.tops(session, portal, RULES, ALL, NOW, limit=100)
        assert tops[2:4] == referral_numbers.tops(session, portal, RULES, ALL, NOW, offset=2, limit=2)
        assert {top.client.id for top in tops} == {n - 1 for n in range(12, 70, 4)} | {10}


def test_what_clients_said_beside_what_they_did(sessions: Sessions) -> None:
    """The last survey a client answered counts, by the account rule; what is held or of a cancelled survey does not."""
    portal = a_place(sessions)
    pid = portal.id
    with transaction(sessions) as session:
        for wave, stage, answers in (
            ("2025", "closed", {5: [9], 6: [3], 7: [10], 8: [10]}),
            ("2026", "reminders", {5: [4], 7: [10], 9: [9, 10], 10: [2]}),
            ("2027", "cancelled", {5: [10]}),
        ):
            _survey(session, pid, wave, stage, answers)
        for number, manager in ((5, ANNA), (6, ANNA), (7, ANNA), (8, BORIS), (9, ANNA), (10, ANNA)):
            company(session, pid, number, manager=manager)
        for newcomer, referrer in ((20, 5), (21, 5), (22, 7), (23, 6), (24, 99)):
            came(session, pid, f"company:{newcomer}", f"company:{referrer}")
    with reading(sessions) as session:
        found = told(portal, session).promised
        assert found.table == {
            ("promoter", True): 1, ("promoter", False): 2, ("other", True): 2, ("other", False): 1,
        }  # fmt: skip
        silent = referral_numbers.promoters_silent(session, portal, RULES, ALL)
        assert [(one.client.id, one.score, one.day.year) for one in silent] == [(9, 9, 2026), (8, 10, 2025)]
        thank = referral_numbers.others_recommending(session, portal, RULES, ALL)
        assert [(one.client.id, one.score, one.brought) for one in thank] == [(5, 4, 2), (6, 3, 1)]
        boris = Rights("manager", BORIS, people=frozenset({BORIS}))
        assert [
            one.client.id for one in referral_numbers.promoters_silent(session, portal, RULES, boris)
        ] == [8]
        assert referral_numbers.others_recommending(session, portal, RULES, boris) == []
        assert len(referral_numbers.promoters_silent(session, portal, RULES, ALL, offset=1, limit=1)) == 1


def _survey(session: Session, pid: int, name: str, stage: str, answers: dict[int, list[int]]) -> None:
    begun = at(date(int(name), 2, 1))
    wave = Wave(portal_id=pid, name=name, stage=stage, policy_version=0, plan={}, planned_at=begun)
    session.add(wave)
    session.flush()
    for client, scores in answers.items():
        line = WaveClient(portal_id=pid, wave_id=wave.id, client_kind="company", client_id=client)
        session.add(line)
        session.flush()
        for place, score in enumerate([*scores, 0]):
            person = Invitation(portal_id=pid, wave_id=wave.id, wave_client_id=line.id, contact_id=client * 10 + place,
                                role="decides", token=f"{wave.id}-{client}-{place}")  # fmt: skip
            session.add(person)
            session.flush()
            held = place == len(scores)
            session.add(Response(portal_id=pid, wave_id=wave.id, invitation_id=person.id, score=score, channel="email",
                                 status="held" if held else "counted", answered_at=begun))  # fmt: skip


def test_a_year_that_is_none_and_a_cell_that_is_none_are_refused(one_engine: Any) -> None:
    sessions = make_sessions(one_engine)
    portal = a_place(sessions)
    with reading(sessions) as session:
        for year in (2027, 1989):
            with pytest.raises(ValueError, match="no year"):
                told(portal, session, year=year)
        with pytest.raises(ValueError, match="no cell"):
            referral_deals.behind_amount(session, portal, RULES, ALL, "nonsense", NOW)
        ahead = str(Cell(Window(date(2027, 1, 1), date(2027, 2, 1)), "all"))
        assert referral_deals.behind_amount(session, portal, RULES, ALL, ahead, NOW).lines == ()
        lead = str(Cell(Window(None, TODAY), "below", None, CardKey("lead", 3)))
        assert lines(portal, session, lead) == []
        empty = told(portal, session, now=datetime(2026, 1, 1, 0, 30, tzinfo=UTC))
        assert (empty.year, empty.top, empty.branches, empty.growth.earned) == (2026, (), (), None)
        assert told(portal, session, now=datetime(2025, 12, 31, 21, 30, tzinfo=UTC)).year == 2026  # in Moscow


def test_rates_are_kept_day_by_day_and_the_last_reading_of_a_day_counts(sessions: Sessions) -> None:
    portal = a_place(sessions)

    def read_on(day: date, rate: str, hour: int = 9, count: str = "1", base: str = "RUB") -> None:
        with transaction(sessions) as session:
            row = session.get_one(Portal, portal.id)
            row.currency = base
            rates.keep(session, row, {"currencies": [
                {"CURRENCY": "EUR", "AMOUNT": rate, "AMOUNT_CNT": count, "BASE": "N"},
                {"CURRENCY": base, "AMOUNT": "1", "AMOUNT_CNT": "1", "BASE": "Y"},
                {"CURRENCY": "XXX", "AMOUNT": "0", "AMOUNT_CNT": "1", "BASE": "N"}, {"CURRENCY": ""}, "junk",
            ]}, at(day, hour))  # fmt: skip

    for day, rate in ((1, "90"), (2, "90"), (5, "90"), (6, "95"), (7, "950")):
        read_on(date(2026, 3, day), rate, count="10" if rate == "950" else "1")
    read_on(date(2026, 3, 8), "99", hour=9)
    read_on(date(2026, 3, 8), "98", hour=20)
    read_on(date(2026, 3, 8), "97", hour=22)  # already the ninth in Moscow
    read_on(date(2026, 3, 2), "1")  # a clock that went backwards changes nothing
    with transaction(sessions) as session:
        rates.keep(session, session.get_one(Portal, portal.id), {}, NOW)  # no answer
    with reading(sessions) as session:
        rows = session.scalars(select(rate_rows.CurrencyRate).order_by(rate_rows.CurrencyRate.since)).all()
        assert [(row.since.day, row.through.day, row.rate) for row in rows] == [
            (1, 5, 90),
            (6, 7, 95),
            (8, 8, 98),
            (9, 9, 97),
        ]
        known = rates.of(session, session.get_one(Portal, portal.id))
        assert [int(known.to_base(Decimal(1), "EUR", date(2026, 3, n))) for n in range(1, 10)] == [90] * 5 + [
            95
        ] * 2 + [98, 97]
    read_on(date(2026, 4, 1), "1.1", base="USD")
    with reading(sessions) as session:
        known = rates.of(session, session.get_one(Portal, portal.id))
        assert (
            known.convert(Decimal(10), "EUR", date(2026, 3, 3)).kind == "later"
        )  # against another base nothing is known
        assert (
            rate_rows.read(session, portal.id, "RUB").convert(Decimal(1), "EUR", date(2026, 3, 3)).amount
            == 90
        )
        assert rate_rows.read(session, portal.id + 1, "RUB").since is None
