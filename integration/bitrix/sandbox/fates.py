"""How cards end or turn into others: deleting, merging, converting (bitrix24.md 7.10, 7.12)."""

from __future__ import annotations

from .agency import COMPANY, CONTACT, DEAL, LEAD, Json
from .events import Queue, id_data
from .forms import as_map
from .items import create, update
from .schema import KINDS, Kind
from .state import State
from .values import is_empty


def delete(state: State, queue: Queue, kind: Kind, row: Json, actor: int) -> None:
    """Removes the card; deals of a deleted client lose the link without an event of their own."""
    _relink(state, kind, row["id"], 0)
    state.items[kind.id].remove(row["id"])
    queue.fire(f"ONCRM{kind.name}DELETE", id_data(row["id"]), actor)


def _relink(state: State, kind: Kind, old: int, new: int) -> None:
    """Points links at ``new`` (0: nowhere). User fields that name ``old`` are left dangling."""
    owners = {
        COMPANY: ((DEAL, "companyId"), (LEAD, "companyId"), (CONTACT, "companyIds")),
        CONTACT: ((DEAL, "contactIds"), (LEAD, "contactIds")),
    }
    for owner, name in owners.get(kind.id, ()):
        table = state.items[owner]
        for row_id in list(table.equal(name, old)):
            present = table.rows[row_id][name]
            if isinstance(present, list):
                replaced = [new if one == old else one for one in present]
                table.change(row_id, {name: [one for one in dict.fromkeys(replaced) if one]})
            else:
                table.change(row_id, {name: new or None})


def merge(state: State, queue: Queue, kind: Kind, ids: list[int], actor: int) -> list[int]:
    """The first card stays, takes empty fields and contacts over; the others go with DELETE events (7.12)."""
    table = state.items[kind.id]
    winner, losers = table.rows[ids[0]], [table.rows[i] for i in ids[1:]]
    changes: Json = {}
    for loser in losers:
        for name, value in loser.items():
            if is_empty(winner.get(name)) and name not in changes and not is_empty(value):
                changes[name] = value
        if loser.get("fm"):
            known = {(e["typeId"], e["value"]) for e in winner.get("fm") or []}
            extra = [e for e in loser["fm"] if (e["typeId"], e["value"]) not in known]
            changes["fm"] = [*(changes.get("fm") or winner.get("fm") or []), *extra]
    table.change(winner["id"], changes | {"updatedTime": state.now(), "updatedBy": actor})
    queue.fire(f"ONCRM{kind.name}UPDATE", id_data(winner["id"]), actor)
    for loser in losers:
        _relink(state, kind, loser["id"], winner["id"])
        delete(state, queue, kind, loser, actor)
    return [row["id"] for row in losers]


def convert(state: State, queue: Queue, lead: Json, actor: int) -> Json:
    """What the user interface makes of a lead: contact, company (when it is named) and deal with ``leadId``.
    User fields are not carried over. Gives the ids."""
    made: Json = {}
    source = {k: lead[k] for k in ("assignedById", "sourceId", "sourceDescription") if lead.get(k)}
    company = lead.get("companyId")
    if not company and lead.get("companyTitle"):
        company = create(state, queue, KINDS[COMPANY], {"title": lead["companyTitle"], **source}, actor)["id"]
        state.items[COMPANY].change(company, {"leadId": lead["id"]})
    contacts = list(lead.get("contactIds") or [])
    if not contacts and (lead.get("name") or lead.get("lastName")):
        person = {k: lead[k] for k in ("name", "lastName", "secondName", "post") if lead.get(k)}
        entries = [{k: e[k] for k in ("typeId", "valueType", "value")} for e in lead.get("fm") or []]
        links = {"companyId": company} if company else {}
        contact = create(state, queue, KINDS[CONTACT], person | source | links | {"fm": entries}, actor)
        state.items[CONTACT].change(contact["id"], {"leadId": lead["id"]})
        contacts = [contact["id"]]
    money = {k: lead[k] for k in ("opportunity", "currencyId") if lead.get(k)}
    fields = {"title": lead.get("title"), "contactIds": contacts, "companyId": company, "leadId": lead["id"]}
    deal = create(state, queue, KINDS[DEAL], as_map(fields) | money | source, actor)
    if lead["id"] in state.items[LEAD] and state.info.crm_mode == 1:
        update(state, queue, KINDS[LEAD], lead, {"stageId": "CONVERTED"}, actor)
    made |= {"dealId": deal["id"], "contactIds": contacts, "companyId": company or 0}
    return made
