"""The ladder of a recommendation: named, introduced, in talks, won, paid, one year (product.md R5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps import ladder
from integration.nps.ladder import Entered, Facts, Sale, Step, advance, is_past, reached, thanks_due
from integration.nps.people import ClientFacts, ClientKey, DealFacts
from integration.nps.policy import Policy

POLICY = Policy()
TODAY = date(2027, 6, 1)


def day(text: str) -> date:
    return date.fromisoformat(text)


def sale(
    number: int = 1, won: str = "", semantics: str = "P", first: bool = True, *moves: tuple[str, str, str]
) -> Sale:
    entered = tuple(Entered(stage, kind, day(when)) for when, stage, kind in moves)  # type: ignore[arg-type]
    stage = entered[-1].stage if entered else "NEW"
    return Sale(
        number, day("2026-02-01"), stage, semantics, day(won) if won else None, entered, first  # type: ignore[arg-type]
    )  # fmt: skip


def moved(*moves: tuple[str, str, str]) -> Sale:
    """A deal by its stage history; won on the first day of a won stage."""
    won = next((when for when, _, kind in moves if kind == "S"), "")
    return sale(1, won, moves[-1][2], True, *moves)


NEW = ("2026-02-01", "NEW", "P")
OFFER = ("2026-02-10", "OFFER", "P")
WON = ("2026-03-05", "WON", "S")
LOST = ("2026-03-01", "LOSE", "F")


def client(*deals: DealFacts) -> ClientFacts:
    return ClientFacts(ClientKey("company", 5), deals=list(deals))


def shown(steps: dict[Step, date]) -> dict[str, str]:
    return {step: when.isoformat() for step, when in steps.items()}


@pytest.mark.parametrize(
    ("facts", "policy", "steps"),
    [
        (Facts(), POLICY, {}),
        (Facts(lead_seen=day("2026-01-20")), POLICY, {"introduced": "2026-01-20"}),
        (Facts((moved(NEW),)), POLICY, {"introduced": "2026-02-01"}),
        # The lead was there before the deal.
        (Facts((moved(NEW),), day("2026-01-20")), POLICY, {"introduced": "2026-01-20"}),
        (Facts((moved(NEW, OFFER),)), POLICY, {"introduced": "2026-02-01", "in_talks": "2026-02-10"}),
        # Lost from its first stage: nobody has talked.
        (Facts((moved(NEW, LOST),)), POLICY, {"introduced": "2026-02-01"}),
        (Facts((moved(NEW, OFFER, LOST),)), POLICY, {"introduced": "2026-02-01", "in_talks": "2026-02-10"}),
        # Won at once: whatever lies between has the same day; paid is won where no stage says otherwise.
        (
            Facts((moved(NEW, WON),)), POLICY,
            {"introduced": "2026-02-01", "in_talks": "2026-03-05", "won": "2026-03-05", "paid": "2026-03-05"},
        ),
        # Won, then lost in the service pipeline: it was won.
        (
            Facts((moved(NEW, WON, ("2026-04-01", "C2:LOSE", "F")),)), POLICY,
            {"introduced": "2026-02-01", "in_talks": "2026-03-05", "won": "2026-03-05", "paid": "2026-03-05"},
        ),
        # Two deals at once: the first day of each step counts, whichever deal it was.
        (
            Facts((moved(NEW), sale(2, "", "P", True, ("2026-02-05", "NEW", "P"), ("2026-02-07", "OFFER", "P")))),
            POLICY, {"introduced": "2026-02-01", "in_talks": "2026-02-07"},
        ),
        # Stages chosen in the settings.
        (Facts((moved(NEW),), day("2026-01-20")), replace(POLICY, introduced_stages=("OFFER",)), {}),
        (
            Facts((moved(NEW, OFFER),)), replace(POLICY, introduced_stages=("OFFER",), talks_stages=("DEMO",)),
            {"introduced": "2026-02-10"},
        ),
        (
            Facts((moved(NEW, OFFER, WON),)), replace(POLICY, paid_stages=("C2:PAID",)),
            {"introduced": "2026-02-01", "in_talks": "2026-02-10", "won": "2026-03-05"},
        ),
        # Money before the contract: whoever has paid was won by then.
        (
            Facts((moved(NEW, ("2026-02-20", "PREPAID", "P"), WON),)), replace(POLICY, paid_stages=("PREPAID",)),
            {"introduced": "2026-02-01", "in_talks": "2026-02-20", "won": "2026-02-20", "paid": "2026-02-20"},
        ),
        # A later sale to the client may pay, but is no introduction.
        (
            Facts((sale(2, "", "P", False, ("2026-05-01", "PREPAID", "P")),)),
            replace(POLICY, paid_stages=("PREPAID",)),
            {"introduced": "2026-05-01", "in_talks": "2026-05-01", "won": "2026-05-01", "paid": "2026-05-01"},
        ),
    ],
)  # fmt: skip
def test_the_steps_that_facts_show(facts: Facts, policy: Policy, steps: dict[str, str]) -> None:
    assert shown(reached(facts, policy, TODAY)) == steps


@pytest.mark.parametrize(
    ("today", "deal", "months", "year"),
    [
        ("2027-03-04", DealFacts(1, semantics="S", close=day("2026-03-05")), 12, None),
        ("2027-03-05", DealFacts(1, semantics="S", close=day("2026-03-05")), 12, "2027-03-05"),
        ("2027-06-01", DealFacts(1, semantics="S", close=day("2026-03-05")), 12, "2027-03-05"),
        # The work ended and nothing followed within the months that count.
        ("2027-06-01", DealFacts(1, semantics="S", close=day("2026-03-05")), 3, None),
        ("2027-06-01", DealFacts(1, semantics="S", close=day("2027-01-10")), 3, "2027-03-05"),
        # They came back later: a client for more than a year, seen on the day of the look.
        ("2027-06-01", DealFacts(2, semantics="S", close=day("2027-05-20"), won_on=day("2027-05-20")), 1, "2027-03-05"),
        ("2027-06-01", DealFacts(2, semantics="F", close=day("2027-05-20")), 12, None),
    ],
)  # fmt: skip
def test_a_year_is_a_year_after_winning_and_still_a_client(
    today: str, deal: DealFacts, months: int, year: str | None
) -> None:
    facts = Facts((moved(NEW, OFFER, WON),), client=client(deal))
    found = reached(facts, replace(POLICY, current_months=months), day(today))
    assert shown(found).get("year") == year


def test_a_client_who_comes_back_after_a_gap_is_one_year_with_us_on_the_day_it_is_seen() -> None:
    """On the anniversary itself nothing ran; an open service deal does now."""
    policy = replace(POLICY, current_months=1, service_pipelines=(2,))
    open_deal = DealFacts(3, category_id=2, semantics="P")
    old = DealFacts(1, semantics="F")
    assert "year" not in reached(Facts((moved(NEW, WON),), client=client(old)), policy, TODAY)
    running = reached(Facts((moved(NEW, WON),), client=client(old, open_deal)), policy, TODAY)
    assert running["year"] == day("2027-03-05")
    assert reached(Facts((moved(NEW, WON),), client=None), policy, TODAY).get("year") is None


def test_a_step_that_was_reached_stays_with_its_day() -> None:
    """The deal is taken back to its first stage, or deleted: what happened has happened."""
    known: dict[Step, date] = {
        "named": day("2026-01-15"),
        "introduced": day("2026-01-20"),
        "in_talks": day("2026-02-02"),
    }
    stand = advance(known, Facts((moved(NEW),)), POLICY, TODAY)
    assert (dict(stand.steps), stand.fresh, stand.step, stand.lost) == (known, (), "in_talks", False)
    gone = advance(known, Facts(), POLICY, TODAY)
    assert (dict(gone.steps), gone.lost, gone.sale) == (known, True, None)
    further = advance(known, Facts((moved(NEW, OFFER, WON),)), POLICY, TODAY)
    assert further.fresh == ("won", "paid")
    assert further.steps["in_talks"] == day("2026-02-02")


@pytest.mark.parametrize(
    ("facts", "lost", "deal"),
    [
        (Facts((moved(NEW, LOST),)), True, 1),
        (Facts((moved(NEW, LOST), replace(moved(NEW), id=2))), False, 2),
        (Facts((moved(NEW, WON),)), False, 1),
        (Facts((replace(moved(NEW), id=7), replace(moved(NEW, WON), id=3))), False, 3),
        (Facts((), day("2026-01-20"), lead_open=True), False, None),
        (Facts((), day("2026-01-20"), lead_open=False), True, None),
        (Facts(), False, None),
    ],
)
def test_lost_is_when_nothing_was_won_and_nothing_is_open(facts: Facts, lost: bool, deal: int | None) -> None:
    stand = advance({"named": day("2026-01-15")}, facts, POLICY, TODAY)
    assert (stand.lost, stand.sale) == (lost, deal)


def test_being_named_late_does_not_move_the_day_of_the_claim() -> None:
    stand = advance({"named": day("2026-03-10")}, Facts((moved(NEW, OFFER, WON),)), POLICY, TODAY)
    assert stand.steps["named"] == day("2026-03-10")
    assert stand.steps["introduced"] == day("2026-02-01")
    assert stand.fresh == ("introduced", "in_talks", "won", "paid")


def test_several_steps_at_once_are_one_occasion_to_thank() -> None:
    steps = reached(
        Facts((moved(NEW, WON),), client=client(DealFacts(1, semantics="S", close=TODAY))), POLICY, TODAY
    )
    assert thanks_due(steps, ("won", "year")) == "year"
    assert thanks_due(steps, ("won", "in_talks")) == "won"
    assert thanks_due(steps, ()) is None
    assert thanks_due({"named": TODAY}, ("named", "won")) is None


def test_thirty_days_are_news_and_more_are_the_past() -> None:
    assert not is_past(TODAY - timedelta(days=30), TODAY)
    assert is_past(TODAY - timedelta(days=31), TODAY)


_DAYS = st.dates(date(2026, 1, 1), date(2027, 5, 1))
_STAGES = st.sampled_from([("NEW", "P"), ("OFFER", "P"), ("WON", "S"), ("LOSE", "F")])


@given(st.lists(st.lists(st.tuples(_DAYS, _STAGES), min_size=1, max_size=5), max_size=3), st.booleans())
def test_steps_come_in_order_and_never_go_back(
    histories: list[list[tuple[date, tuple[str, str]]]], paid: bool
) -> None:
    """However the deals go: the days between being introduced and a year never fall, and looking again adds nothing."""
    policy = replace(POLICY, paid_stages=("OFFER",) if paid else ())
    known: dict[Step, date] = {"named": day("2026-01-01")}
    sales: list[Sale] = []
    for number, history in enumerate(histories, 1):
        moves = sorted(history)
        entered = tuple(Entered(stage, kind, when) for when, (stage, kind) in moves)  # type: ignore[arg-type]
        won = min((one.day for one in entered if one.semantics == "S"), default=None)
        sales.append(Sale(number, moves[0][0], entered[-1].stage, entered[-1].semantics, won, entered))
        stand = advance(known, Facts(tuple(sales)), policy, TODAY)
        assert all(stand.steps[step] == when for step, when in known.items())
        known = dict(stand.steps)
        assert advance(known, Facts(tuple(sales)), policy, TODAY).fresh == ()
    days = [reached(Facts(tuple(sales)), policy, TODAY).get(step) for step in ladder.MILESTONES]
    found = [one for one in days if one is not None]
    assert found == sorted(found)
    assert all(one is None for one in days[len(found) :])
