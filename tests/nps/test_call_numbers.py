"""What calls brought, counted by hand (product.md N6, W15)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from integration.nps.attempts import CALL_OUTCOMES, SPOKEN, Yield
from integration.nps.call_numbers import CallNumbers, Made, Tally, numbers, part_of
from integration.nps.reporting import Dispositions, aapor, dispositions

MONDAY = datetime(2026, 10, 5, 7, 30, tzinfo=UTC)  # half past ten in Moscow


def calls(
    person: int, *outcomes: str, ended: str = "", caller: str = "user:5", zone: str = "Europe/Moscow"
) -> list[Made]:
    """One call a day, each at the same hour."""
    return [
        Made(person, MONDAY + timedelta(days=day), outcome, zone, caller, "Ada", ended)
        for day, outcome in enumerate(outcomes)
    ]  # fmt: skip


def test_a_small_list_by_hand() -> None:
    """Five people: answered at once, answered at the third attempt, declined, promised and silent, never reached."""
    made = [
        *calls(1, "answered", ended="answered"),
        *calls(2, "no_answer", "busy", "answered", ended="answered", caller="link:3"),
        *calls(3, "not_now", "not_now", ended="refused"),
        *calls(4, "no_answer", "call_back", "no_answer", ended="no_answer"),
        *calls(5, "no_answer", "no_answer", ended="unreachable", zone="Asia/Vladivostok"),
    ]
    found = numbers(made)
    assert (found.calls, found.people, found.declined) == (11, Tally(5, 4, 2), 1)
    assert found.steps == (Yield(1, 5, 2, 1), Yield(2, 4, 2, 0), Yield(3, 2, 1, 1))
    assert found.silent == {"no_answer": 1}
    assert found.outcomes == {"answered": 2, "no_answer": 5, "busy": 1, "not_now": 2, "call_back": 1}
    assert found.parts == {"morning": Tally(9, 5, 2), "afternoon": Tally(2, 0, 0)}, (
        "half past five in Vladivostok"
    )
    assert found.weekdays == {1: Tally(5, 2, 1), 2: Tally(4, 2, 0), 3: Tally(2, 1, 1)}
    assert [(one.key, one.done) for one in found.callers] == [
        ("link:3", Tally(3, 1, 1)),
        ("user:5", Tally(8, 4, 1)),
    ]
    assert numbers([]) == CallNumbers(outcomes={}, parts={}, weekdays={}, silent={})


def test_who_spoke_on_the_phone_was_contacted_whatever_became_of_the_letters() -> None:
    """CON1 counts them, RR1 and REF1 do not move: AAPOR's "other", never more of them than there are (N6)."""
    outcomes = {"answered": 190, "refused": 90, "unreachable": 20, "no_answer": 200}
    without, spoke = (
        aapor(dispositions(outcomes)),
        aapor(dispositions(outcomes, {"no_answer": 30, "unreachable": 2})),
    )
    assert dispositions(outcomes, {"no_answer": 30, "unreachable": 2}) == Dispositions(
        190, refusal=90, non_contact=188, other=32
    )
    assert (without.con1, spoke.con1) == (280 / 500, 312 / 500)
    assert (without.rr1, without.ref1) == (spoke.rr1, spoke.ref1) == (0.38, 0.18)
    assert spoke.coop1 == 190 / 312
    assert dispositions({"no_answer": 3, "answered": 1}, {"no_answer": 9, "answered": 5}) == Dispositions(
        1, other=3
    )


def test_hours_belong_to_the_same_parts_as_in_the_rules_of_calls() -> None:
    assert [part_of(hour) for hour in (0, 9, 11, 12, 14, 15, 23)] == [
        "morning", "morning", "morning", "midday", "midday", "afternoon", "afternoon",
    ]  # fmt: skip


@given(
    st.lists(
        st.lists(st.sampled_from(CALL_OUTCOMES), min_size=1, max_size=13), max_size=8,
    )
)  # fmt: skip
def test_every_call_and_every_person_is_counted_once(people: list[list[str]]) -> None:
    """Sums of every breakdown are the number of calls, also where nobody knows the person's zone (W15)."""
    made = [
        one for person, outcomes in enumerate(people) for one in calls(person, *outcomes, zone="Nowhere/Land")
    ]
    found = numbers(made)
    assert found.calls == sum(len(one) for one in people) == sum(one.tried for one in found.steps)
    assert found.people.tried == len(people) == (found.steps[0].tried if people else 0)
    reached = sum(outcome in SPOKEN for one in people for outcome in one)
    for tallies in (found.parts.values(), found.weekdays.values(), [one.done for one in found.callers]):
        assert (sum(one.tried for one in tallies), sum(one.reached for one in tallies)) == (
            found.calls,
            reached,
        )
    assert sum(found.outcomes.values()) == found.calls
