"""``server.time``, ``app.*``, ``scope``, ``method.get`` and what only the portal's own pages can do."""

from __future__ import annotations

from typing import Any

from ..agency import CONTACT, DEAL, LEAD, Json
from ..errors import RestError, not_found
from ..events import task_data
from ..fates import convert
from ..forms import as_list, as_map
from ..items import create
from ..loading import add_address
from ..portal import METHODS, Context, method
from ..schema import KINDS
from ..state import App
from ..values import to_int


def _app(ctx: Context) -> App:
    if ctx.app is None:
        raise RestError("ACCESS_DENIED", "Access denied! Application context required")
    return ctx.app


@method("server.time")
def server_time(ctx: Context, params: Json) -> Any:
    """The server's time with its offset."""
    return ctx.state.zone_now().moment(ctx.state.now())


@method("app.info", context="denied")
def app_info(ctx: Context, params: Json) -> Json:
    """The portal's own answer (2.10), unlike the authorisation server's."""
    app, info = _app(ctx), ctx.state.info
    return {
        "ID": app.id,
        "CODE": app.code,
        "VERSION": app.version,
        "STATUS": app.status,
        "INSTALLED": app.state == "installed",
        "PAYMENT_EXPIRED": "N",
        "DAYS": None,
        "LANGUAGE_ID": info.language,
        "LICENSE": info.license,
        "LICENSE_TYPE": info.license.partition("_")[2],
        "LICENSE_FAMILY": info.license_family,
    }


@method("scope")
def scope(ctx: Context, params: Json) -> list[str]:
    """Granted scopes; ``full`` lists all."""
    if str(params.get("full", "")).lower() in ("1", "true", "y"):
        return sorted({one for known in METHODS.values() for one in known.scopes})
    return list(ctx.scope)


@method("method.get")
def method_get(ctx: Context, params: Json) -> Json:
    """Whether a method exists here and may be called with the granted scopes."""
    name = str(params.get("name") or "").lower()
    known = METHODS.get(name)
    exists = known is not None and not known.control_only and name not in ctx.state.settings.missing_methods
    allowed = exists and known is not None and (not known.scopes or bool(set(known.scopes) & set(ctx.scope)))
    return {"isExisting": exists, "isAvailable": allowed}


@method("methods")
def methods(ctx: Context, params: Json) -> list[str]:
    """All methods."""
    return sorted(name for name, known in METHODS.items() if not known.control_only)


@method("feature.get")
def feature_get(ctx: Context, params: Json) -> Json:
    """Offline events in reserve mode are not offered by the sandbox."""
    return {"value": "N"}


@method("app.option.get", context="access")
def option_get(ctx: Context, params: Json) -> Any:
    """One option (null when absent) or all."""
    options = _app(ctx).options
    name = params.get("option")
    return dict(options) or [] if name in (None, "") else options.get(str(name))


@method("app.option.set", context="access", admin=True)
def option_set(ctx: Context, params: Json) -> bool:
    """Writes options."""
    options = as_map(params.get("options"))
    if not options:
        raise RestError("ArgumentNullException", "options is empty")
    _app(ctx).options.update(options)
    return True


@method("ui.user.update", control_only=True)
def ui_user_update(ctx: Context, params: Json) -> bool:
    """Changes, dismisses (``ACTIVE`` false) or adds an employee."""
    number = to_int(params.get("ID"))
    ctx.state.users.setdefault(number, {"ID": str(number), "ACTIVE": True}).update(
        params | {"ID": str(number)}
    )
    return True


@method("ui.lead.convert", control_only=True)
def ui_lead_convert(ctx: Context, params: Json) -> Json:
    """Conversion of a lead in the user interface (7.10)."""
    lead = ctx.state.items[LEAD].get(to_int(params.get("id")))
    if lead is None:
        raise not_found()
    return convert(ctx.state, ctx.queue, lead, ctx.user_id)


@method("ui.task.result", control_only=True)
def ui_task_result(ctx: Context, params: Json) -> int:
    """An employee marks a message of the task as its result."""
    task = ctx.state.tasks.get(to_int(params.get("taskId")))
    if task is None:
        raise not_found()
    table, moment = ctx.state.task_results, ctx.state.zone_now().moment(ctx.state.now())
    text = str(params.get("text") or "")
    row: Json = {
        "id": table.next_id(),
        "taskId": task["ID"],
        "commentId": 0,
        "createdBy": ctx.user_id,
        "createdAt": moment,
        "updatedAt": moment,
        "status": 0,
        "text": text,
        "formattedText": text,
        "files": [],
    }
    table.insert(row["id"], row)
    ctx.fire("ONTASKUPDATE", task_data(task["ID"], task["ID"]))
    return int(row["id"])


@method("ui.address.set", control_only=True)
def ui_address_set(ctx: Context, params: Json) -> bool:
    """A city for a client: ``entityTypeId`` 3|4, ``entityId``, ``CITY`` and other parts of an address."""
    kind, owner = to_int(params.get("entityTypeId")), to_int(params.get("entityId"))
    number = ctx.state.requisites.next_id()
    row = {"ID": number, "ENTITY_TYPE_ID": kind, "ENTITY_ID": owner, "NAME": "Requisite"}
    ctx.state.requisites.insert(number, row)
    parts = {k: v for k, v in params.items() if k.isupper()}
    add_address(ctx.state, {"TYPE_ID": 1, "ENTITY_TYPE_ID": 8, "ENTITY_ID": number} | parts)
    return True


@method("ui.absence.add", control_only=True)
def ui_absence_add(ctx: Context, params: Json) -> bool:
    """An absence: ``USER_ID``, ``FROM``, ``TO``."""
    ctx.state.absences.append(dict(params))
    return True


@method("ui.deal.expose", control_only=True)
def ui_deal_expose(ctx: Context, params: Json) -> int:
    """A recurring template (``id`` of the template deal) bears a deal."""
    template = ctx.state.items[DEAL].get(to_int(params.get("id")))
    if template is None:
        raise not_found()
    names = ("title", "companyId", "contactIds", "categoryId", "opportunity", "currencyId", "assignedById")
    deal = create(ctx.state, ctx.queue, KINDS[DEAL], {n: template[n] for n in names if n in template}, 0)
    known = next(
        (row for row in ctx.state.recurring if to_int(row.get("DEAL_ID")) == template["id"]), {"ID": 1}
    )
    data = {"ID": str(known["ID"]), "RECURRING_DEAL_ID": str(template["id"]), "DEAL_ID": str(deal["id"])}
    ctx.queue.fire("ONCRMDEALRECURRINGEXPOSE", {"FIELDS": data}, 0)
    return int(deal["id"])


@method("ui.contact.companies", control_only=True)
def ui_contact_companies(ctx: Context, params: Json) -> bool:
    """Puts a contact into companies (``id``, ``companyIds``), the first one primary."""
    ids = [to_int(one) for one in as_list(params.get("companyIds"))]
    ctx.state.items[CONTACT].change(
        to_int(params.get("id")), {"companyIds": ids, "updatedTime": ctx.state.now()}
    )
    ctx.fire("ONCRMCONTACTUPDATE", {"FIELDS": {"ID": str(to_int(params.get("id")))}})
    return True
