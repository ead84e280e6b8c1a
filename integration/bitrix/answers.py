"""What a good answer of a method holds at least: an answer without it says nothing, whatever its status.

A list that came as null is not an empty list. Taken for one it would tell that all cards are deleted, all staff
dismissed, all stages gone; so it counts as malformed, like a body that is no JSON (bitrix24.md 4.2, 4.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integration.bitrix.call import at_path
from integration.bitrix.errors import BitrixError, Retryable

# Where the rows of a list lie in its result.
LISTS: Mapping[str, str] = {
    "crm.item.list": "items", "crm.stagehistory.list": "items", "crm.category.list": "categories",
    "tasks.task.list": "tasks", "crm.status.list": "", "crm.currency.list": "", "crm.address.list": "",
    "crm.timeline.comment.list": "", "crm.company.contact.items.get": "", "crm.contact.company.items.get": "",
    "crm.deal.contact.items.get": "", "crm.deal.userfield.list": "", "crm.company.userfield.list": "",
    "crm.contact.userfield.list": "", "crm.lead.userfield.list": "", "user.get": "", "department.get": "",
    "event.get": "", "placement.get": "", "task.checklistitem.getlist": "", "crm.activity.list": "",
}  # fmt: skip
# Methods whose good answer is never null.
SOMETHING = frozenset(
    {"crm.item.get", "crm.item.fields", "tasks.task.get", "calendar.settings.get", "crm.activity.get"}
)
CHANGES = frozenset(
    {
        "crm.item.update",
        "crm.timeline.comment.add",
        "tasks.task.add",
        "task.checklistitem.add",
        "crm.activity.add",
    }
)

MALFORMED = "malformed"


def flaw(method: str, result: Any) -> BitrixError | None:
    """The error for a result that lacks what it must hold; nothing for a good one.

    PHP gives ``[]`` for any empty array, so that is an empty list wherever the rows should lie (bitrix24.md 4.4).
    """
    if method in LISTS:
        good = result == [] or isinstance(at_path(result, LISTS[method]), dict | list)
        return None if good else Retryable(method, MALFORMED, effect="none")
    if result is None and method in SOMETHING | CHANGES:
        return Retryable(method, MALFORMED, effect="none" if method in SOMETHING else "unknown")
    return None
