"""Choosing an employee: a list on small portals, a field with suggestions on large ones, read alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from integration.services.choices import Choices, Employee
from integration.web.pages import say

MANY = 60  # employees; beyond this a list is too long to choose from
SUGGESTED = 600  # at most, heads of departments first
_NUMBERED = re.compile(r".*\((\d{1,9})\)\s*")


def shown(choices: Choices, user_id: int | None) -> str:
    """How a chosen employee stands in a form: the number in a list, else name and number."""
    if user_id is None:
        return ""
    if not large(choices):
        return str(user_id)
    person = choices.employee(user_id)
    return f"{person.name} ({user_id})" if person else f"#{user_id} ({user_id})"


def chosen(choices: Choices, typed: str) -> int | None:
    """The employee a form means; nothing for an empty field. `ValueError`: nobody, or several, are called so."""
    text = " ".join(typed.split())
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    if match := _NUMBERED.fullmatch(text):
        return int(match[1])
    found = [one.user_id for one in choices.staff if one.active and one.name.casefold() == text.casefold()]
    if len(found) != 1:
        raise ValueError(typed)
    return found[0]


def large(choices: Choices) -> bool:
    """Whether people are typed instead of chosen from a list."""
    return sum(one.active for one in choices.staff) > MANY


def picker(choices: Choices, named: Iterable[int | None]) -> dict[str, Any]:
    """What the templates need: whether to type, and the employees to offer, those named already among them."""
    wanted = {user for user in named if user is not None}
    active = [one for one in choices.staff if one.active]
    gone = [one for one in choices.staff if not one.active and one.user_id in wanted]
    if large(choices):
        first = sorted(active, key=lambda one: (not one.heads, one.user_id not in wanted))[:SUGGESTED]
        return {"typed": True, "options": [(f"{one.name} ({one.user_id})", _line(one)) for one in first]}
    known = {one.user_id for one in choices.staff}
    lost = [(str(user), f"#{user}") for user in sorted(wanted - known)]
    return {
        "typed": False,
        "options": [*((str(one.user_id), _label(one)) for one in [*active, *gone]), *lost],
    }


def _label(person: Employee) -> str:
    name = f"{person.name} · {person.position}" if person.position else person.name
    return name if person.active else say("{name} (left the agency)", name=name)


def _line(person: Employee) -> str:
    return person.position or person.department
