"""To-dos in a card, and finding cards by name, phone or e-mail (bitrix24.md 7.12, 10.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from integration.bitrix.call import Call, Probe
from integration.bitrix.links import ENTITY_TYPES, Entity

_TODO = "CRM_TODO"


def todo_add(
    entity: Entity, id: int, *, title: str, text: str, deadline: str, responsible: int, key: str
) -> Call:
    """A to-do with a reminder at its deadline (ISO with offset). ``key``, short and unique, ends the text in
    brackets: the probe looks for it, since a to-do bears no other mark of ours."""
    mark = f"({key})"
    owner = {"ownerTypeId": ENTITY_TYPES[entity], "ownerId": id}
    params: dict[str, Any] = {
        **owner, "deadline": deadline, "title": title, "description": f"{text}\n{mark}",
        "responsibleId": responsible, "pingOffsets": [0],
    }  # fmt: skip
    listed = {
        "filter": {
            "OWNER_TYPE_ID": owner["ownerTypeId"],
            "OWNER_ID": id,
            "PROVIDER_ID": _TODO,
        },
        "select": ["ID", "DESCRIPTION"],
        "order": {"ID": "DESC"},
    }
    probe = Probe("crm.activity.list", listed, "DESCRIPTION", mark, contains=True)
    return Call("crm.activity.todo.add", params, repeat=False, probe=probe)


def todo_done(activity_id: int) -> Call:
    """Marks a to-do as done; doing so twice changes nothing."""
    return Call("crm.activity.update", {"id": activity_id, "fields": {"COMPLETED": "Y"}})


def find_by_address(kind: Literal["PHONE", "EMAIL"], values: Sequence[str]) -> Call:
    """Ids of the cards, by kind, that have one of these phones or e-mails; at most 20 values."""
    return Call("crm.duplicate.findbycomm", {"type": kind, "values": list(values)[:20]})


def named_like(entity: Literal["company", "contact"], filter: dict[str, Any], select: Sequence[str]) -> Call:
    """The youngest cards whose name fits the filter, one page; ``%title`` finds a part of a name."""
    params = {
        "entityTypeId": ENTITY_TYPES[entity],
        "select": list(select),
        "filter": filter,
        "order": {"id": "DESC"},
        "start": -1,
        "useOriginalUfNames": "Y",
    }
    return Call("crm.item.list", params)
