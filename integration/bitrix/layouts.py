"""What a card shows: sections in, sections out (bitrix24.md 8.5; product.md B1).

The portal replaces a layout whole, so the sections of others are carried through exactly as they were read.
Nothing here asks or writes anything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integration.bitrix.call import rows_at

Section = dict[str, Any]
NAME = "molva"  # of our section
SHOWN = "1"  # optionFlags: shown even when empty


@dataclass(frozen=True, slots=True)
class Difference:
    """What distinguishes two layouts: titles of sections, and names of elements, that came, went or moved.

    ``order``: the same parts in another order or with other flags.
    """

    sections_added: tuple[str, ...] = ()
    sections_removed: tuple[str, ...] = ()
    sections_renamed: tuple[tuple[str, str], ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    order: bool = False

    def __bool__(self) -> bool:
        """Whether there is any difference."""
        return self != Difference()


def read(result: Any) -> list[Section]:
    """The sections of an answer; none when the portal has nothing stored and shows its built-in arrangement."""
    return [section for section in rows_at(result) if section.get("name") or section.get("elements")]


def elements(section: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The elements of a section; maps keyed by number are read too."""
    return rows_at(section.get("elements"))


def names(sections: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of all elements, in order."""
    return [str(one.get("name") or "") for section in sections for one in elements(section)]


def with_fields(
    sections: Sequence[Section], title: str, codes: Sequence[str], shown: Collection[str] = ()
) -> list[Section]:
    """The layout with our section at the end, holding those of ``codes`` that stand nowhere yet.

    A section of ours that is there is filled up, under the title people gave it. ``shown``: codes that are
    shown even when empty. Nothing to add: the same sections.
    """
    there = set(names(sections))
    new = [
        {"name": code, "optionFlags": SHOWN if code in shown else "0"} for code in codes if code not in there
    ]
    if not new:
        return list(sections)
    place = next((number for number, one in enumerate(sections) if one.get("name") == NAME), None)
    if place is None:
        return [*sections, {"name": NAME, "title": title, "type": "section", "elements": new}]
    filled = {**sections[place], "elements": [*elements(sections[place]), *new]}
    return [*sections[:place], filled, *sections[place + 1 :]]


def without_ours(sections: Sequence[Section], codes: Collection[str]) -> list[Section]:
    """The layout without what stands in our section of ``codes``; the section goes when nothing else is in it.

    A field of ours that somebody put elsewhere stays where it was put, and so does a foreign field in ours.
    """
    kept: list[Section] = []
    for section in sections:
        if section.get("name") != NAME:
            kept.append(section)
            continue
        rest = [one for one in elements(section) if one.get("name") not in codes]
        if rest:
            kept.append({**section, "elements": rest})
    return kept


def normal(sections: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What two readings of the same layout have in common: numbers and their texts are the same to the portal."""
    return [
        [
            str(section.get("name") or ""),
            str(section.get("title") or ""),
            str(section.get("type") or "section"),
            [[str(one.get("name") or ""), _flags(one.get("optionFlags"))] for one in elements(section)],
        ]
        for section in sections
    ]


def same(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> bool:
    """Whether two layouts are one to the portal."""
    return normal(one) == normal(other)


def digest(sections: Sequence[Mapping[str, Any]]) -> str:
    """A short name of a layout: equal layouts have equal names."""
    text = json.dumps(normal(sections), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def difference(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> Difference:
    """What somebody who knew ``before`` would find changed in ``after``."""
    if same(before, after):
        return Difference()
    old, new = _titles(before), _titles(after)
    home, away = _homes(before), _homes(after)
    found = Difference(
        sections_added=tuple(title for name, title in new.items() if name not in old),
        sections_removed=tuple(title for name, title in old.items() if name not in new),
        sections_renamed=tuple(
            (title, new[name]) for name, title in old.items() if new.get(name, title) != title
        ),
        added=tuple(name for name in away if name not in home),
        removed=tuple(name for name in home if name not in away),
        moved=tuple(name for name in home if name in away and home[name] != away[name]),
    )
    return found or Difference(order=True)


def _flags(value: Any) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError):
        return 0


def _titles(sections: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {str(one.get("name") or ""): str(one.get("title") or "") for one in sections}


def _homes(sections: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Element -> the section it stands in."""
    return {
        str(element.get("name") or ""): str(section.get("name") or "")
        for section in sections
        for element in elements(section)
    }
