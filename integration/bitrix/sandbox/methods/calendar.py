"""Working time and absences (pages of ``calendar.settings.get`` and ``calendar.accessibility.get``)."""

from __future__ import annotations

from datetime import datetime

from ..agency import Json
from ..errors import empty_code
from ..forms import as_list
from ..portal import Context, method
from ..values import to_int

_REST_OF_SETTINGS: Json = {
    "user_name_template": "#NAME# #LAST_NAME#",
    "sync_by_push": False,
    "user_show_login": True,
    "path_to_user": "/company/personal/user/#user_id#/",
    "path_to_user_calendar": "/company/personal/user/#user_id#/calendar/",
    "dep_manager_sub": True,
    "denied_superpose_types": [],
    "forum_id": "8",
}


@method("calendar.settings.get", "calendar")
def settings_get(ctx: Context, params: Json) -> Json:
    """Hours, weekly days off and holidays of the portal; days as ``D.MM``, whole hours."""
    return _REST_OF_SETTINGS | ctx.state.calendar


@method("calendar.accessibility.get", "calendar")
def accessibility_get(ctx: Context, params: Json) -> Json:
    """Busy and absent times of users between two days, by user id."""
    for name in ("from", "to", "users"):
        if not params.get(name):
            text = f'The required parameter "{name}" for the method "calendar.accessibility.get" is not set.'
            raise empty_code(text)
    zone = ctx.state.zone_now()
    low = zone.epoch(str(params["from"])[:10])
    high = zone.epoch(str(params["to"])[:10]) + 86400
    found: Json = {str(to_int(user)): [] for user in as_list(params["users"])}
    for number, row in enumerate(ctx.state.absences, 1):
        begin, end = zone.epoch(row["FROM"]), zone.epoch(row["TO"])
        if str(row["USER_ID"]) in found and begin < high and end > low:
            found[str(row["USER_ID"])].append(_event(ctx, number, row, begin, end))
    return found


def _event(ctx: Context, number: int, row: Json, begin: int, end: int) -> Json:
    zone = ctx.state.zone.zone

    def local(epoch: int) -> str:
        return datetime.fromtimestamp(epoch, zone).strftime("%d.%m.%Y %H:%M:%S")

    offset = datetime.fromtimestamp(begin, zone).utcoffset()
    seconds = int(offset.total_seconds()) if offset else 0
    return {
        "ID": str(number),
        "NAME": str(row.get("NAME") or "Absence"),
        "DATE_FROM": local(begin),
        "DATE_TO": local(end),
        "DATE_FROM_TS_UTC": str(begin),
        "DATE_TO_TS_UTC": str(end),
        "~USER_OFFSET_FROM": seconds,
        "~USER_OFFSET_TO": seconds,
        "DT_SKIP_TIME": str(row.get("DT_SKIP_TIME") or "N"),
        "TZ_FROM": zone.key,
        "TZ_TO": zone.key,
        "ACCESSIBILITY": str(row.get("ACCESSIBILITY") or "absent"),
        "IMPORTANCE": "normal",
        "EVENT_TYPE": "",
    }
