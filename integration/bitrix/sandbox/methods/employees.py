"""Users, departments, notifications (bitrix24.md 12, 13.1)."""

from __future__ import annotations

from typing import Any

from ..agency import Json
from ..errors import RestError
from ..filters import compiled, only_known, parse
from ..forms import as_list, as_map
from ..lists import PAGE, start_of
from ..portal import Answer, Context, method
from ..values import to_int

_USER = ("user", "user_basic", "user_brief")
_BRIEF = ("ID", "ACTIVE", "NAME", "LAST_NAME", "SECOND_NAME", "TIME_ZONE", "PERSONAL_GENDER", "PERSONAL_CITY",
          "WORK_POSITION", "UF_DEPARTMENT", "USER_TYPE", "IS_ONLINE", "TIMESTAMP_X", "LAST_ACTIVITY_DATE",
          "PERSONAL_PHOTO", "DATE_REGISTER")  # fmt: skip
_BASIC = (*_BRIEF, "EMAIL", "PERSONAL_MOBILE", "PERSONAL_PHONE", "WORK_PHONE", "UF_PHONE_INNER",
          "PERSONAL_BIRTHDAY")  # fmt: skip
_NEVER = frozenset({"bot", "email", "imconnector", "replica", "integrator", "system"})


def _card(ctx: Context, user: Json) -> Json:
    """A user's card as far as the granted scope goes; missing fields are silently absent."""
    card: Json = {
        "ID": str(user["ID"]),
        "ACTIVE": bool(user.get("ACTIVE", True)),
        "NAME": str(user.get("NAME") or ""),
        "LAST_NAME": str(user.get("LAST_NAME") or ""),
        "SECOND_NAME": str(user.get("SECOND_NAME") or ""),
        "TIME_ZONE": str(user.get("TIME_ZONE") or ""),
        "IS_ONLINE": "N",
        "TIMESTAMP_X": {},
        "LAST_ACTIVITY_DATE": {},
        "UF_DEPARTMENT": [to_int(one) for one in as_list(user.get("UF_DEPARTMENT"))],
        "USER_TYPE": str(user.get("USER_TYPE") or "employee"),
    }
    card = {k: v for k, v in user.items() if k != "ADMIN"} | card
    if ctx.trusted or "user" in ctx.scope:
        return card
    allowed = _BASIC if "user_basic" in ctx.scope else _BRIEF
    return {name: card[name] for name in allowed if name in card}


@method("user.get", *_USER)
def user_get(ctx: Context, params: Json) -> Answer:
    """Users by filter; ``SORT`` and ``ORDER`` stand at the top, not in an order map."""
    where = as_map(params.get("FILTER", params.get("filter")))
    plain = {k: v for k, v in params.items() if k.upper() not in _NOT_FILTERS}
    test = compiled(parse(_kept(plain | where), _normal), lambda name: lambda row: row.get(name))
    users = [u for u in ctx.state.users.values() if str(u.get("USER_TYPE") or "employee") not in _NEVER]
    cards = [_card(ctx, u) | {"_ID": to_int(u["ID"])} for u in users]
    cards = [card for card in cards if test is None or test(card | {"ID": card["_ID"]})]
    sort = str(params.get("sort", params.get("SORT")) or "ID").upper()
    down = str(params.get("order", params.get("ORDER")) or "ASC").upper() == "DESC"
    cards.sort(
        key=lambda card: (card["_ID"],) if sort == "ID" else (str(card.get(sort, "")).lower(),), reverse=down
    )
    return _page(cards, params)


_NOT_FILTERS = frozenset({"FILTER", "SORT", "ORDER", "START", "SELECT", "ADMIN_MODE", "AUTH"})


def _kept(data: Json) -> Json:
    """Names a user may be found by; others are ignored."""
    known = {*_BASIC, "XML_ID", "PERSONAL_WWW", "UF_EMPLOYMENT_DATE"}
    return only_known(data, lambda name: name.upper() in known)


def _normal(name: str, value: Any) -> tuple[str, Any]:
    upper = name.upper()
    if upper in ("ID", "UF_DEPARTMENT"):
        return upper, to_int(value)
    if upper == "ACTIVE":
        return upper, value is True or str(value).upper() in ("Y", "1", "TRUE")
    return upper, value


def _page(cards: list[Json], params: Json) -> Answer:
    start = start_of(params)
    names = [str(name).upper() for name in as_list(params.get("select", params.get("SELECT")))]
    begin = max(start, 0)
    rows = [{k: v for k, v in c.items() if k != "_ID" and (not names or k in names)} for c in cards]
    chosen = rows[begin : begin + PAGE]
    if start < 0:
        return Answer(chosen, 0)
    end = begin + len(chosen)
    return Answer(chosen, len(rows), end if end < len(rows) else None)


@method("user.search", *_USER)
def user_search(ctx: Context, params: Json) -> Answer:
    """Users by a piece of their name, position or department."""
    where = as_map(params.get("FILTER", params.get("filter"))) or params
    text = str(where.get("FIND") or where.get("NAME") or where.get("LAST_NAME") or "").lower()
    cards = [
        _card(ctx, user) | {"_ID": to_int(user["ID"])}
        for user in ctx.state.users.values()
        if user.get("ACTIVE", True)
    ]
    fields = ("NAME", "LAST_NAME", "WORK_POSITION")
    return _page(
        [card for card in cards if any(text in str(card.get(f, "")).lower() for f in fields)], params
    )


@method("user.current", *_USER)
def user_current(ctx: Context, params: Json) -> Json:
    """The token's owner."""
    return _card(ctx, ctx.state.users[ctx.user_id])


@method("profile")
def profile(ctx: Context, params: Json) -> Json:
    """The owner in short, with the administrator's mark; needs no scope."""
    user = ctx.state.users.get(ctx.user_id, {})
    return {
        "ID": str(ctx.user_id),
        "ADMIN": ctx.admin,
        "NAME": str(user.get("NAME") or ""),
        "LAST_NAME": str(user.get("LAST_NAME") or ""),
        "PERSONAL_GENDER": str(user.get("PERSONAL_GENDER") or ""),
        "TIME_ZONE": str(user.get("TIME_ZONE") or ""),
        "PERSONAL_PHOTO": "",
    }


@method("user.admin")
def user_admin(ctx: Context, params: Json) -> bool:
    """Whether the owner may manage the application's settings."""
    return ctx.admin


@method("user.access")
def user_access(ctx: Context, params: Json) -> bool:
    """Whether the owner has one of the rights; always true for administrators."""
    if ctx.admin:
        return True
    user = ctx.state.users[ctx.user_id]
    own = {f"U{ctx.user_id}", "AU", *(f"DR{d}" for d in as_list(user.get("UF_DEPARTMENT")))}
    return bool(own & {str(one) for one in as_list(params.get("ACCESS"))})


@method("department.get", "department")
def department_get(ctx: Context, params: Json) -> Answer:
    """Departments; filters and ``sort``/``order`` stand at the top."""
    wanted = {
        k.upper(): v for k, v in params.items() if k.upper() in ("ID", "NAME", "SORT", "PARENT", "UF_HEAD")
    }
    if str(wanted.get("SORT", "")).upper() in ("ID", "NAME", "SORT", "PARENT", "UF_HEAD"):
        del wanted["SORT"]
    rows = [
        row
        for row in (ctx.state.departments.rows[i] for i in ctx.state.departments.ids)
        if all(str(row.get(name) or "") in {str(v) for v in as_list(value)} for name, value in wanted.items())
    ]
    sort = str(params.get("sort") or "ID").upper()
    rows.sort(key=lambda row: to_int(row.get(sort)), reverse=str(params.get("order")).upper() == "DESC")
    shown: list[Json] = [{k: v for k, v in row.items() if v is not None} for row in rows]
    return _page(shown, {k: v for k, v in params.items() if k.lower() == "start"})


@method("im.notify.system.add", "im")
def notify_system(ctx: Context, params: Json) -> int:
    """A notice from the system; the same ``TAG`` replaces the earlier one."""
    return _notify(ctx, params, "system")


@method("im.notify.personal.add", "im")
def notify_personal(ctx: Context, params: Json) -> int:
    """A notice in the name of the token's owner."""
    return _notify(ctx, params, "personal")


def _notify(ctx: Context, params: Json, kind: str) -> int:
    user, text = to_int(params.get("USER_ID")), str(params.get("MESSAGE") or "")
    if user <= 0:
        raise RestError("USER_ID_EMPTY", "User ID can't be empty")
    if not text:
        raise RestError("MESSAGE_EMPTY", "Message can't be empty")
    tag = str(params.get("TAG") or "")
    notices = ctx.state.notifications
    if tag:
        notices[:] = [n for n in notices if (n["TAG"], n["USER_ID"], n["caller"]) != (tag, user, ctx.caller)]
    row: Json = {
        "ID": ctx.state.serial(),
        "USER_ID": user,
        "MESSAGE": text,
        "TAG": tag,
        "TYPE": kind,
        "AUTHOR_ID": ctx.user_id if kind == "personal" else 0,
        "caller": ctx.caller,
        "at": ctx.state.now(),
    }
    notices.append(row)
    return int(row["ID"])
