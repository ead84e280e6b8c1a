"""What differs between two versions of the settings, and how two people's changes come together.

Three-way: what the author saw, what they want, what stands now. Lists and tables are merged entry by entry, so
that two administrators who add different people do not stand in each other's way; what both changed to
different values is left to a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from .policy import Policy, Sender
from .questions import Question

Choice = Literal["mine", "theirs"]
# Settings that mean something only together: changed by two people, neither half is kept alone.
TIED: tuple[tuple[str, ...], ...] = (
    ("service_pipelines", "service_stages"),
    ("since_field", "since_field_on"),
    ("wave_month", "wave_day"),
)
# Tuples whose entries are a set; the others (reminder days) are one value.
SETS = (
    "trouble_stages",
    "shared_mailboxes",
    "languages",
    "callers",
    "referral_sources",
    "recommending_sources",
    "introduced_stages",
    "talks_stages",
    "paid_stages",
    "project_stages",
    "thanked_steps",
)
TABLES = (
    "sender_by_city",
    "director_by_city",
    "deadline_days",
    "role_weights",
    "call_waits",
    "referral_source_names",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One setting before and after."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Conflict:
    """Settings that two people changed to different values; values in the order of ``fields``."""

    fields: tuple[str, ...]
    seen: tuple[Any, ...]
    mine: tuple[Any, ...]
    theirs: tuple[Any, ...]

    @property
    def name(self) -> str:
        """What it is called in a form: its first field."""
        return self.fields[0]


@dataclass(frozen=True, slots=True)
class Merge:
    """``policy``: both sides' changes together, where they clash as it stands now. ``taken``: fields that
    only the other side changed.
    """

    policy: Policy
    conflicts: tuple[Conflict, ...]
    taken: tuple[str, ...]


def changes(before: Policy, after: Policy) -> tuple[Change, ...]:
    """What differs, in the order of the settings."""
    return tuple(
        Change(name, was, now)
        for name in names()
        if (was := getattr(before, name)) != (now := getattr(after, name))
    )


def names() -> tuple[str, ...]:
    """All settings in their order."""
    return tuple(field.name for field in fields(Policy))


def merge(seen: Policy, mine: Policy, theirs: Policy, chosen: Mapping[str, Choice] | None = None) -> Merge:
    """The changes of two people who started from the same version.

    ``chosen``: by name of a conflict, whose value counts; such a conflict is settled and no longer named.
    """
    values: dict[str, Any] = {}
    conflicts: list[Conflict] = []
    for unit in _units():
        was, wanted, stands = (tuple(getattr(one, name) for name in unit) for one in (seen, mine, theirs))
        found = _both(unit, was, wanted, stands)
        if found is None:
            choice = (chosen or {}).get(unit[0])
            found = wanted if choice == "mine" else stands
            if choice is None:
                conflicts.append(Conflict(unit, was, wanted, stands))
        values |= dict(zip(unit, found, strict=True))
    taken = tuple(
        name
        for name in names()
        if getattr(mine, name) == getattr(seen, name) != getattr(theirs, name)
        and not any(name in conflict.fields for conflict in conflicts)
    )
    return Merge(replace(theirs, **values), tuple(conflicts), taken)


def _units() -> list[tuple[str, ...]]:
    tied = {name: unit for unit in TIED for name in unit}
    return list(dict.fromkeys(tied.get(name, (name,)) for name in names()))


_Values = tuple[Any, ...]


def _both(unit: tuple[str, ...], was: _Values, mine: _Values, theirs: _Values) -> _Values | None:
    """Both changes in one value, nothing where they clash."""
    if mine in (was, theirs):
        return theirs
    if theirs == was:
        return mine
    join = _JOINS.get(unit[0]) if len(unit) == 1 else None
    found = join(was[0], mine[0], theirs[0]) if join else None
    return None if found is None else (found,)


def _sets(was: tuple[Any, ...], mine: tuple[Any, ...], theirs: tuple[Any, ...]) -> tuple[Any, ...]:
    gone = (set(was) - set(mine)) | (set(was) - set(theirs))
    return tuple(item for item in dict.fromkeys((*theirs, *mine)) if item not in gone)


def _tables(
    was: Mapping[Any, Any], mine: Mapping[Any, Any], theirs: Mapping[Any, Any]
) -> dict[Any, Any] | None:
    missing = object()
    found: dict[Any, Any] = {}
    for key in dict.fromkeys((*theirs, *mine, *was)):
        before, wanted, stands = (table.get(key, missing) for table in (was, mine, theirs))
        if wanted not in (before, stands) and stands != before:
            return None
        value = stands if wanted in (before, stands) else wanted
        if value is not missing:
            found[key] = value
    return found


def _senders(
    was: tuple[Sender, ...], mine: tuple[Sender, ...], theirs: tuple[Sender, ...]
) -> tuple[Sender, ...] | None:
    tables = [{sender.key: sender for sender in side} for side in (was, mine, theirs)]
    if any(len(table) != len(side) for table, side in zip(tables, (was, mine, theirs), strict=True)):
        return None
    found = _tables(*tables)
    return None if found is None else tuple(found.values())


def _questions(
    was: tuple[Question, ...], mine: tuple[Question, ...], theirs: tuple[Question, ...]
) -> tuple[Question, ...] | None:
    tables = [{one.key: one for one in side} for side in (was, mine, theirs)]
    if any(len(table) != len(side) for table, side in zip(tables, (was, mine, theirs), strict=True)):
        return None
    found = _tables(*tables)
    if found is None:
        return None
    order = [one.key for one in mine if one.key in tables[0]]
    moved = order != [one.key for one in was if one.key in tables[1]]
    first = tables[1] if moved else tables[2]  # the order of whoever changed it
    return tuple(found[key] for key in dict.fromkeys((*first, *found)) if key in found)


_JOINS: dict[str, Callable[[Any, Any, Any], Any]] = {
    **dict.fromkeys(SETS, _sets),
    **dict.fromkeys(TABLES, _tables),
    "senders": _senders,
    "extra_questions": _questions,
}
