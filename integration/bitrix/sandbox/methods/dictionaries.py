"""Stage history, dictionaries, pipelines, currencies, requisites and addresses (bitrix24.md 7.6–7.11)."""

from __future__ import annotations

from ..agency import DEAL, LEAD, Json
from ..errors import RestError, empty_code, not_found
from ..forms import as_map
from ..loading import add_status
from ..portal import Answer, Context, method
from ..schema import KINDS
from ..values import to_int
from .rows import rows_page, selected

_HISTORY = {"ID": "integer", "TYPE_ID": "integer", "OWNER_ID": "integer", "CREATED_TIME": "datetime"}
_HISTORY_OWN = {
    DEAL: {"CATEGORY_ID": "integer", "STAGE_SEMANTIC_ID": "string", "STAGE_ID": "string"},
    LEAD: {"STATUS_SEMANTIC_ID": "string", "STATUS_ID": "string"},
}
_STATUS = {"ID": "integer", "ENTITY_ID": "string", "STATUS_ID": "string", "NAME": "string", "SORT": "integer",
           "SYSTEM": "string", "SEMANTICS": "string", "CATEGORY_ID": "string", "COLOR": "string"}  # fmt: skip
_REQUISITE = {"ID": "integer", "ENTITY_TYPE_ID": "integer", "ENTITY_ID": "integer", "NAME": "string",
              "PRESET_ID": "integer", "ACTIVE": "string"}  # fmt: skip
_ADDRESS = {"TYPE_ID": "integer", "ENTITY_TYPE_ID": "integer", "ENTITY_ID": "integer", "CITY": "string",
            "PROVINCE": "string", "REGION": "string", "COUNTRY": "string", "POSTAL_CODE": "string",
            "ADDRESS_1": "string", "ADDRESS_2": "string", "COUNTRY_CODE": "string", "LOC_ADDR_ID": "integer",
            "ANCHOR_TYPE_ID": "integer", "ANCHOR_ID": "integer"}  # fmt: skip
_PLAIN_STATUSES = frozenset(
    ["STATUS", "SOURCE", "DEAL_TYPE", "CONTACT_TYPE", "COMPANY_TYPE", "INDUSTRY",
     "EMPLOYEES", "HONORIFIC", "CALL_LIST", "EVENT_TYPE"]
)  # fmt: skip


@method("crm.stagehistory.list", "crm")
def stage_history(ctx: Context, params: Json) -> Answer:
    """Moves between stages of leads and deals."""
    kind = to_int(params.get("entityTypeId"))
    if kind not in _HISTORY_OWN:
        name = KINDS[kind].name if kind in KINDS else str(kind)
        raise RestError("ENTITY_TYPE_NOT_SUPPORTED", f"Entity type {name} is not supported")
    zone = ctx.state.zone_now()
    found = rows_page(ctx.state.history[kind], _HISTORY | _HISTORY_OWN[kind], params, zone)
    items = [selected(row | {"CREATED_TIME": zone.moment(row["CREATED_TIME"])}, params) for row in found.rows]
    return Answer({"items": items}, found.total, found.next)


@method("crm.status.list", "crm")
def status_list(ctx: Context, params: Json) -> Answer:
    """Rows of the dictionaries, all of them at once as on the platform."""
    for name in ("filter", "order"):
        if params.get(name) is not None and not isinstance(params[name], (dict, list)):
            raise RestError("Invalid parameters.", "Incorrect parameters passed.")
    found = rows_page(
        ctx.state.statuses, _STATUS, params | {"start": -1}, ctx.state.zone, strict=False, size=100_000
    )
    rows = [row | {"ID": str(row["ID"]), "SORT": str(row["SORT"])} for row in found.rows]
    return Answer(rows, len(rows))


@method("crm.status.add", "crm")
def status_add(ctx: Context, params: Json) -> int:
    """A new dictionary row; a CRM administrator's right."""
    fields = params.get("fields")
    if not isinstance(fields, (dict, list)):
        raise empty_code("Parameter 'fields' must be array.")
    data = as_map(fields)
    missing = [name for name in ("ENTITY_ID", "STATUS_ID") if not data.get(name)]
    if missing:
        raise empty_code(" ".join(f"The field {name} is required." for name in missing))
    if not ctx.admin:
        raise empty_code("Access denied.")
    entity = str(data["ENTITY_ID"])
    if entity not in _PLAIN_STATUSES and not entity.startswith("DEAL_STAGE"):
        raise empty_code("Specified entity type is not supported.")
    if not data.get("NAME"):
        raise empty_code("The field Title is required.")
    if len(str(data["STATUS_ID"])) > (50 if entity == "SOURCE" else 22):
        raise empty_code("Error on creating status.")
    if (entity, str(data["STATUS_ID"])) in ctx.state.stages:
        raise RestError("ERROR_CORE", "The specified status ID already exists.<br>")
    return add_status(ctx.state, data | {"SYSTEM": "N"})


@method("crm.category.list", "crm")
def category_list(ctx: Context, params: Json) -> Answer:
    """Pipelines of deals."""
    kind = to_int(params.get("entityTypeId"))
    if kind not in KINDS:
        raise not_found("Smart process not found")
    if kind != DEAL:
        raise RestError("ENTITY_TYPE_NOT_SUPPORTED", f"Entity type {KINDS[kind].name} is not supported")
    rows = sorted(ctx.state.categories, key=lambda row: (row.get("sort", 0), row["id"]))
    return Answer({"categories": [dict(row) for row in rows]}, len(rows))


@method("crm.currency.list", "crm")
def currency_list(ctx: Context, params: Json) -> Answer:
    """Currencies with their present rates."""
    if ctx.state.rights(ctx.user_id) == "none":
        raise empty_code("Access denied.")
    return Answer([dict(row) for row in ctx.state.currencies], len(ctx.state.currencies))


@method("crm.currency.base.get", "crm")
def currency_base(ctx: Context, params: Json) -> str:
    """Code of the base currency."""
    return ctx.state.info.base_currency


@method("crm.requisite.list", "crm")
def requisite_list(ctx: Context, params: Json) -> Answer:
    """Requisites of companies and contacts."""
    if ctx.state.rights(ctx.user_id) == "none":
        raise RestError(0, "Access denied.")
    found = rows_page(ctx.state.requisites, _REQUISITE, params, ctx.state.zone, strict=False)
    return Answer([_strings(selected(row, params)) for row in found.rows], found.total, found.next)


@method("crm.address.list", "crm")
def address_list(ctx: Context, params: Json) -> Answer:
    """Addresses; rows have no id of their own."""
    if ctx.state.rights(ctx.user_id) == "none":
        raise RestError(0, "Access denied.")
    found = rows_page(ctx.state.addresses, _ADDRESS, params, ctx.state.zone, strict=False, id_field="#")
    whole = [{name: row.get(name) for name in _ADDRESS} for row in found.rows]
    return Answer([_strings(selected(row, params)) for row in whole], found.total, found.next)


def _strings(row: Json) -> Json:
    return {k: str(v) if isinstance(v, int) else v for k, v in row.items()}


@method("crm.settings.mode.get", "crm")
def mode_get(ctx: Context, params: Json) -> int:
    """1 classic (leads), 2 simple."""
    return ctx.state.info.crm_mode
