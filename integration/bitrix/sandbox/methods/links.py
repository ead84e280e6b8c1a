"""Links between cards: ``crm.*.contact.items.get`` and the way back (bitrix24.md 7.9); integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..agency import COMPANY, CONTACT, DEAL, LEAD, Json
from ..errors import RestError, access_denied, empty_code
from ..items import find
from ..portal import Context, method
from ..schema import KINDS
from ..values import to_int


def _links(name: str, ids: list[int]) -> list[Json]:
    return [
        {name: one, "SORT": 100 + 10 * place, "ROLE_ID": 0, "IS_PRIMARY": "Y" if place == 0 else "N"}
        for place, one in enumerate(ids)
    ]


def _owner(ctx: Context, kind_id: int, params: Json) -> Json:
    number = to_int(params.get("id", params.get("ID")))
    if number <= 0:
        raise empty_code("The parameter ownerEntityID is invalid or not defined.")
    try:
        return find(ctx.state, KINDS[kind_id], number, ctx.user_id)
    except RestError as error:
        raise (
            empty_code("Not found.") if error.code == "NOT_FOUND" else access_denied("Access denied!")
        ) from error


def _register(name: str, kind_id: int, key: str, ids: Callable[[Context, Json], list[int]]) -> None:
    def handler(ctx: Context, params: Json) -> Any:
        return _links(key, ids(ctx, _owner(ctx, kind_id, params)))

    method(name, "crm")(handler)


_register("crm.deal.contact.items.get", DEAL, "CONTACT_ID", lambda ctx, row: row.get("contactIds") or [])
_register("crm.lead.contact.items.get", LEAD, "CONTACT_ID", lambda ctx, row: row.get("contactIds") or [])
_register(
    "crm.contact.company.items.get", CONTACT, "COMPANY_ID", lambda ctx, row: row.get("companyIds") or []
)
_register(
    "crm.company.contact.items.get",
    COMPANY,
    "CONTACT_ID",
    lambda ctx, row: sorted(ctx.state.items[CONTACT].equal("companyIds", row["id"])),
)
