"""What two versions of the settings differ in, and how two people's changes come together."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.policy import LANGUAGES, Policy, Sender
from integration.nps.policy_changes import SETS, TABLES, TIED, Change, changes, merge, names

OLGA = Sender("olga", 5, "Olga", "Director", "olga@example.com", "+7 1")
PETR = Sender("petr", 1, "Petr", "Head", "petr@example.com", "+7 2")
IVAN = Sender("ivan", 6, "Ivan", "Manager", "ivan@example.com", "+7 3")


def _values(name: str) -> st.SearchStrategy[Any]:
    default = getattr(Policy(), name)
    if name == "senders":
        people = [OLGA, PETR, IVAN, replace(OLGA, phone="+7 9")]
        return st.lists(st.sampled_from(people), max_size=3, unique_by=lambda s: s.key).map(tuple)
    if name == "languages":
        return st.lists(st.sampled_from(LANGUAGES), unique=True).map(tuple)
    if isinstance(default, tuple):
        number = name in ("service_pipelines", "callers", "reminder_days")
        items = st.integers(0, 4) if number else st.sampled_from(["a", "b", "c", "d"])
        return st.lists(items, max_size=4, unique=True).map(tuple)
    if name in TABLES:
        values = (
            st.integers(1, 3)
            if name not in ("sender_by_city", "referral_source_names")
            else st.sampled_from("xyz")
        )
        return st.dictionaries(st.sampled_from("pqr"), values, max_size=3)
    if isinstance(default, bool):
        return st.booleans()
    if isinstance(default, str):
        return st.sampled_from(["", "one", "two"])
    return st.integers(0, 3)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    some = draw(st.lists(st.sampled_from(names()), max_size=6, unique=True))
    return replace(Policy(), **{name: draw(_values(name)) for name in some})


def test_every_setting_has_its_place() -> None:
    """The tables of this module name settings that exist; ties do not overlap."""
    known = {field.name for field in fields(Policy)}
    tied = [name for unit in TIED for name in unit]
    assert {*SETS, *TABLES, *tied} <= known
    assert len(tied) == len(set(tied))


def test_changes_are_told_in_the_order_of_the_settings() -> None:
    before = Policy(min_gap_days=200)
    after = Policy(min_gap_days=250, wave_day=5, head_user_id=7)
    assert changes(before, after) == (
        Change("min_gap_days", 200, 250),
        Change("wave_day", 1, 5),
        Change("head_user_id", None, 7),
    )
    assert changes(after, after) == ()


@given(policies(), policies())
def test_the_changes_are_exactly_what_differs(before: Policy, after: Policy) -> None:
    found = {change.field: change.after for change in changes(before, after)}
    assert replace(before, **found) == after


@given(policies(), policies())
def test_one_side_alone_prevails(seen: Policy, changed: Policy) -> None:
    """Whoever changes while nobody else does gets what they want; whoever changes nothing loses nothing."""
    mine = merge(seen, changed, seen)
    theirs = merge(seen, seen, changed)
    same = merge(seen, changed, changed)
    assert [found.policy for found in (mine, theirs, same)] == [changed] * 3
    assert [found.conflicts for found in (mine, theirs, same)] == [()] * 3
    assert mine.taken == ()
    assert set(theirs.taken) == {change.field for change in changes(seen, changed)}


@given(policies(), policies(), policies())
def test_both_sides_clash_alike_and_every_clash_can_be_settled(
    seen: Policy, mine: Policy, theirs: Policy
) -> None:
    """The same conflicts whoever comes second; with a choice for each nothing is left open."""
    found, other = merge(seen, mine, theirs), merge(seen, theirs, mine)
    assert [c.name for c in found.conflicts] == [c.name for c in other.conflicts]
    for choice, side in (("mine", mine), ("theirs", theirs)):
        settled = merge(seen, mine, theirs, {c.name: choice for c in found.conflicts})  # type: ignore[misc]
        assert settled.conflicts == ()
        for conflict in found.conflicts:
            assert all(getattr(settled.policy, name) == getattr(side, name) for name in conflict.fields)
    for conflict in found.conflicts:
        assert conflict.mine != conflict.theirs
        assert conflict.seen not in (conflict.mine, conflict.theirs)


@pytest.mark.parametrize(
    ("field", "seen", "mine", "theirs", "expected"),
    [
        ("callers", (1, 2), (1, 2, 3), (2, 4), (2, 4, 3)),
        ("trouble_stages", ("A",), (), ("A", "B"), ("B",)),
        (
            "sender_by_city",
            {"Tver": "a"},
            {"Tver": "a", "Kyiv": "b"},
            {"Tver": "c"},
            {"Tver": "c", "Kyiv": "b"},
        ),
        ("director_by_city", {"Tver": 1, "Kyiv": 2}, {"Kyiv": 2}, {"Tver": 1, "Kyiv": 3}, {"Kyiv": 3}),
        ("senders", (OLGA,), (OLGA, IVAN), (PETR, OLGA), (PETR, OLGA, IVAN)),
        ("senders", (OLGA, PETR), (PETR,), (replace(PETR, phone="1"), OLGA), (replace(PETR, phone="1"),)),
    ],
)
def test_lists_and_tables_are_joined_entry_by_entry(
    field: str, seen: Any, mine: Any, theirs: Any, expected: Any
) -> None:
    """Two administrators who add different people do not stand in each other's way."""
    sides = [replace(Policy(), **{field: value}) for value in (seen, mine, theirs)]
    found = merge(*sides)
    assert found.conflicts == ()
    assert getattr(found.policy, field) == expected


@pytest.mark.parametrize(
    ("field", "seen", "mine", "theirs"),
    [
        ("min_gap_days", 300, 200, 250),
        ("reminder_days", (4, 9), (4,), (5, 9)),
        ("sender_by_city", {"Tver": "a"}, {"Tver": "b"}, {}),
        ("senders", (OLGA,), (replace(OLGA, phone="1"),), (replace(OLGA, phone="2"),)),
    ],
)
def test_the_same_changed_by_both_is_left_to_a_person(field: str, seen: Any, mine: Any, theirs: Any) -> None:
    sides = [replace(Policy(), **{field: value}) for value in (seen, mine, theirs)]
    (conflict,) = merge(*sides).conflicts
    assert (conflict.name, conflict.mine, conflict.theirs) == (field, (mine,), (theirs,))


def test_settings_that_belong_together_clash_together() -> None:
    """A month from one person and a day from another make a date that nobody wanted."""
    found = merge(Policy(), Policy(wave_month=2), Policy(wave_day=31))
    (conflict,) = found.conflicts
    assert conflict.fields == ("wave_month", "wave_day")
    assert (found.policy.wave_month, found.policy.wave_day) == (10, 31)
    assert (
        merge(Policy(), Policy(wave_month=2), Policy(wave_day=31), {"wave_month": "mine"}).policy.wave_day
        == 1
    )
