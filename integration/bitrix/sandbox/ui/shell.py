"""The frame around every page: menu, head, security headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Response, g, make_response, render_template, request

from ..state import App
from ..tasks import DONE
from .formats import bb
from .visit import Desk, Visit, visit
from .words import translate

_ROLE_WORDS = {
    "administrator": "Administrator",
    "director": "Director",
    "manager": "Manager",
    "caller": "Caller",
    "dismissed": "Dismissed",
}


@dataclass(frozen=True)
class Entry:
    """One entry of the left menu."""

    key: str
    url: str
    title: str
    icon: str
    count: int = 0


def menu(who: Visit) -> list[tuple[str, list[Entry]]]:
    """Groups of entries with their headings."""
    t, desk = who.t, who.desk
    crm = [
        Entry("crm/lead", "/crm/lead/", t("Leads"), "lead"),
        Entry("crm/deal", "/crm/deal/", t("Deals"), "deal"),
        Entry("crm/company", "/crm/company/", t("Companies"), "company"),
        Entry("crm/contact", "/crm/contact/", t("Contacts"), "contact"),
    ]
    work = [
        Entry("tasks", f"/company/personal/user/{who.user_id}/tasks/", t("Tasks"), "task", _open_tasks(who)),
        Entry("people", "/company/", t("Employees"), "people"),
        Entry("automation", "/automation/", t("Automation"), "stage"),
    ]
    apps = [
        Entry(f"app/{app.client_id}", f"/marketplace/app/{app.client_id}/", app.title, "app")
        for app in who.state.apps.values() if app.ui and app.state in ("added", "installed")
    ] + _left_menu(who)  # fmt: skip
    apps.append(Entry("market", "/marketplace/", t("Developer applications"), "market"))
    groups = [(t("CRM"), crm), (t("Work"), work), (t("Applications"), apps)]
    if desk.links:
        extra = [Entry(f"desk/{n}", f"/desk/{n}/", row["title"], "link") for n, row in enumerate(desk.links)]
        groups.append((t("Demo"), extra))
    return groups


def _left_menu(who: Visit) -> list[Entry]:
    from .cards import tab_title

    return [
        Entry(f"place/{r['client_id']}/{n}", f"/marketplace/place/{r['client_id']}/{n}/", tab_title(who, r), "app")
        for n, r in enumerate(who.state.placements)
        if r["placement"] == "LEFT_MENU" and who.state.apps[r["client_id"]].state == "installed"
    ]  # fmt: skip


def _open_tasks(who: Visit) -> int:
    rows = who.state.tasks.rows.values()
    return sum(row["RESPONSIBLE_ID"] == who.user_id and row["STATUS"] != DONE for row in rows)


def roles(who: Visit) -> list[tuple[str, int, str]]:
    """The switch "view as": (role, employee, name)."""
    found = who.desk.roles()
    return [(who.t(_ROLE_WORDS.get(role, role)), user, who.name(user)) for role, user in found.items()]


def role_of(who: Visit) -> str:
    """What the viewer is, in a word."""
    for role, user in who.desk.roles().items():
        if user == who.user_id:
            return who.t(_ROLE_WORDS.get(role, role))
    return who.t("Employee")


def page(template: str, status: int = 200, *, current: str = "", **values: Any) -> Response:
    """A page of the portal with its menu, or without it in a slider."""
    who = visit()
    people = sorted(who.state.users, key=lambda n: who.name(n).lower())
    text = render_template(
        template, who=who, current=current, bare=who.bare, menu=[] if who.bare else menu(who),
        roles=roles(who), role=role_of(who), people=people, version=who.desk.version(),
        offset=round(who.desk.portal.clock.offset(), 3), desk=who.desk, root=root_name(who),
        notices=notices(who), **values,
    )  # fmt: skip
    return make_response(text, status)


def root_name(who: Visit) -> str:
    """The agency: the name of the root department."""
    rows = who.state.departments.rows
    return next((str(rows[i]["NAME"]) for i in sorted(rows) if not rows[i].get("PARENT")), "")


def notices(who: Visit) -> int:
    """How many notices the viewer has."""
    return sum(row["USER_ID"] == who.user_id for row in who.state.notifications)


def missing() -> Response:
    """Nothing stands at this address."""
    return page("portal/message.html", 404, heading=visit().t("There is no such page"), line="")


def refused(heading: str, line: str = "") -> Response:
    """The viewer may not."""
    return page("portal/message.html", 403, heading=heading, line=line)


def outside() -> Response:
    """The page of somebody who does not work here any more."""
    return page("portal/outside.html", 403)


def origin_of(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def frame_origins(desk: Desk) -> list[str]:
    """Origins that may stand in a frame of the portal."""
    apps: list[App] = list(desk.state.apps.values())
    urls = [url for app in apps for url in (app.install_url, app.app_url)]
    urls += [row["handler"] for row in desk.state.placements]
    urls += [row["url"] for row in desk.links] + [desk.panel]
    return sorted({origin_of(url) for url in urls} - {""})


def guarded(desk: Desk, answer: Response) -> Response:
    """Headers of every page: nothing from elsewhere, frames and their forms of known origins only."""
    origins = " ".join(frame_origins(desk))
    policy = {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
        "connect-src": "'self'", "frame-src": f"'self' {origins}", "form-action": f"'self' {origins}",
        "frame-ancestors": "'self'", "base-uri": "'none'",
    }  # fmt: skip
    answer.headers["Content-Security-Policy"] = "; ".join(f"{k} {v.strip()}" for k, v in policy.items())
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "same-origin"
    if answer.mimetype == "text/html":
        answer.headers["Cache-Control"] = "no-store"
    return answer


def same_origin() -> bool:
    """Whether a POST comes from a page of this portal."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return False
    origin = request.headers.get("Origin", "")
    return origin.split("://", 1)[-1] == request.host


def vocabulary() -> dict[str, Any]:
    """What every template knows."""
    language = g.visit.language if "visit" in g else "en"
    return {"w": lambda text, **v: translate(text, language).format(**v), "lang": language, "bb": bb}
