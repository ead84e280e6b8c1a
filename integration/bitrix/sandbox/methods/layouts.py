"""``crm.item.details.configuration.*`` (bitrix24.md 8.5): ``set`` replaces the whole layout."""

from __future__ import annotations

from typing import Any

from ..agency import COMPANY, CONTACT, DEAL, Json
from ..errors import empty_code
from ..forms import as_list, as_map
from ..portal import Context, method
from ..schema import KINDS
from ..values import to_int

_DEFAULT = {
    DEAL: ("TITLE", "STAGE_ID", "OPPORTUNITY_WITH_CURRENCY", "CLOSEDATE", "CLIENT"),
    CONTACT: ("HONORIFIC", "NAME", "LAST_NAME", "PHONE", "EMAIL", "COMPANY"),
    COMPANY: ("TITLE", "COMPANY_TYPE", "INDUSTRY", "PHONE", "EMAIL"),
}


def _key(ctx: Context, params: Json, need_admin: bool) -> tuple[Any, ...]:
    if not params.get("entityTypeId"):
        raise empty_code("Parameter 'entityTypeId' is not defined")
    kind = KINDS.get(to_int(params["entityTypeId"]))
    if kind is None:
        raise empty_code(f"The entity type '{params['entityTypeId']}' is not supported in current context.")
    scope = str(params.get("scope") or "P").upper()
    user = to_int(params.get("userId")) or ctx.user_id
    if ((scope == "C" and need_admin) or (scope == "P" and user != ctx.user_id)) and not ctx.admin:
        raise empty_code("Access denied.")
    extras = as_map(params.get("extras"))
    part = to_int(extras.get("dealCategoryId", extras.get("leadCustomerType")))
    return (kind.id, scope, 0 if scope == "C" else user, part)


@method("crm.item.details.configuration.get", "crm")
def configuration_get(ctx: Context, params: Json) -> Any:
    """The layout, or nothing when nobody ever customised it (``layout_default`` gives the built-in one)."""
    key = _key(ctx, params, need_admin=False)
    found = ctx.state.layouts.get(key)
    if found is None and ctx.state.settings.layout_default:
        elements = [{"name": name, "optionFlags": "0"} for name in _DEFAULT.get(key[0], ("TITLE",))]
        return [{"name": "main", "title": "About", "type": "section", "elements": elements}]
    return [dict(section) for section in found] if found else []


@method("crm.item.details.configuration.set", "crm")
def configuration_set(ctx: Context, params: Json) -> bool:
    """Replaces the layout."""
    key = _key(ctx, params, need_admin=True)
    data = params.get("data")
    if not isinstance(data, (list, dict)):
        raise empty_code("Parameter 'data' must be array.")
    if isinstance(data, dict) and data:
        raise empty_code("The data must be indexed array.")
    if not data:
        raise empty_code("There are no data to write.")
    ctx.state.layouts[key] = [_section(place, as_map(section)) for place, section in enumerate(data)]
    return True


def _section(place: int, section: Json) -> Json:
    if section.get("type") != "section":
        raise empty_code(
            f"Section at index {place} have type {section.get('type')}. The expected type is 'section'."
        )
    for name in ("name", "title"):
        if not section.get(name):
            raise empty_code(f"Section at index {place} does not have {name}.")
    elements = []
    for number, element in enumerate(map(as_map, as_list(section.get("elements")))):
        if not element.get("name"):
            raise empty_code(f"Element at index {number} in section at index {place} does not have name.")
        elements.append(element | {"optionFlags": str(to_int(element.get("optionFlags")))})
    return {"name": section["name"], "title": section["title"], "type": "section", "elements": elements}
