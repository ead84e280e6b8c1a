"""Pages of tasks and employees."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, request

from ..agency import Json
from ..errors import RestError
from ..events import task_data
from ..forms import as_list
from ..portal import Context, method
from ..schema import KIND_BY_ABBR
from ..tasks import DONE, may_see, needs_result, sub_status
from ..values import to_int
from .cells import Link, link_to
from .formats import bb, moment
from .shell import missing, page, refused
from .timeline import TASK_WORDS, task_lines, task_url
from .visit import Refused, Visit, visit

_USER = "/company/personal/user/<int:user>"


@method("ui.checklist.tick", control_only=True)
def tick(ctx: Context, params: Json) -> bool:
    """An employee ticks a line of a checklist, or takes the tick away (``id``, ``done``)."""
    item = ctx.state.checklists.get(to_int(params.get("id")))
    row = ctx.state.tasks.get(item["TASK_ID"]) if item else None
    if item is None or row is None or not may_see(ctx.state, row, ctx.user_id):
        raise RestError("NOT_FOUND", "Not found")
    done = "Y" if params.get("done") else "N"
    changes = {"IS_COMPLETE": done, "TOGGLED_BY": ctx.user_id}
    ctx.state.checklists.change(item["ID"], changes)
    ctx.fire("ONTASKUPDATE", task_data(row["ID"], row["ID"]))
    return True


def work_pages(views: Blueprint) -> None:
    """``/company/…``."""

    @views.get(f"{_USER}/tasks/")
    def tasks(user: int) -> Response:
        who = visit()
        with who.state.lock:
            wanted = request.args.get("show", "mine")
            found = _tasks(who, user, wanted)
            return page("portal/tasks.html", current="tasks", owner=user, wanted=wanted, lines=found[:200])

    @views.get(f"{_USER}/tasks/task/view/<int:number>/")
    def task(user: int, number: int) -> Response:
        who = visit()
        with who.state.lock:
            row = who.state.tasks.get(number)
            return _task(who, row)

    @views.post(f"{_USER}/tasks/task/view/<int:number>/")
    def change(user: int, number: int) -> Any:
        who = visit()
        with who.state.lock:
            row = who.state.tasks.get(number)
            if row is None or not may_see(who.state, row, who.user_id):
                return _task(who, row)
            try:
                _deed(who, row)
            except Refused as problem:
                return _task(who, row, str(problem))
            return redirect(task_url(row) + ("?IFRAME=Y" if who.bare else ""), 303)

    _people(views)


def _tasks(who: Visit, user: int, wanted: str) -> list[Any]:
    rows = [r for r in who.state.tasks.rows.values() if may_see(who.state, r, who.user_id)]
    if wanted == "mine":
        rows = [r for r in rows if r["RESPONSIBLE_ID"] == user and r["STATUS"] != DONE]
    elif wanted == "watched":
        rows = [r for r in rows if user in (r["CREATED_BY"], *r["AUDITORS"]) and r["STATUS"] != DONE]
    return task_lines(who, rows)


def _deed(who: Visit, row: Json) -> None:
    do, form = request.form.get("do", ""), request.form
    if do in ("complete", "renew", "start"):
        who.act(f"tasks.task.{do}", {"taskId": row["ID"]})
    elif do == "tick":
        who.act("ui.checklist.tick", {"id": form.get("item"), "done": form.get("done")})
    elif do == "result":
        text = form.get("text", "").strip()
        if not text:
            raise Refused(who.t("The result is empty"))
        who.act("ui.task.result", {"taskId": row["ID"], "text": text})


def _task(who: Visit, row: Json | None, problem: str = "") -> Response:
    if row is None:
        return missing()
    if not may_see(who.state, row, who.user_id):
        return refused(who.t("You have no access to this task"))
    state, zone, now = who.state, who.state.zone_now(), who.state.now()
    bound = [link for code in row["UF_CRM_TASK"] if (link := _bound(who, str(code)))]
    results = state.task_results
    found = [results.rows[i] for i in sorted(results.equal("taskId", row["ID"]), reverse=True)]
    status = sub_status(state, row)
    return page(
        "portal/task.html", 422 if problem else 200, current="tasks", row=row, problem=problem,
        description=bb(str(row["DESCRIPTION"] or "")), bound=bound, lists=_checklists(who, row),
        results=[(who.name(r["createdBy"]), moment(zone.epoch(r["createdAt"]), zone, who.language, now),
                  bb(str(r["text"]))) for r in found],
        state_word=who.t(TASK_WORDS.get(status, "Waiting")), tone={-1: "bad", DONE: "good"}.get(status, "plain"),
        done=row["STATUS"] == DONE, asks_result=needs_result(row) and not found,
        deadline=moment(row["DEADLINE"], zone, who.language) if row["DEADLINE"] else "",
        created=moment(row["CREATED_DATE"], zone, who.language, now),
        observers=[to_int(n) for n in as_list(row["AUDITORS"])],
        helpers=[to_int(n) for n in as_list(row["ACCOMPLICES"])],
    )  # fmt: skip


def _bound(who: Visit, code: str) -> Link | None:
    abbr, _, number = code.rpartition("_")
    return link_to(who.state, KIND_BY_ABBR[abbr], to_int(number))


def _checklists(who: Visit, row: Json) -> list[tuple[str, list[Json]]]:
    table = who.state.checklists
    items = [table.rows[i] for i in sorted(table.equal("TASK_ID", row["ID"]))]
    children: dict[int, list[Json]] = {}
    for item in items:
        children.setdefault(item["PARENT_ID"], []).append(item)
    roots = children.get(0, [])
    found = [(str(root["TITLE"]), children[root["ID"]]) for root in roots if root["ID"] in children]
    loose = [root for root in roots if root["ID"] not in children]
    return [*found, (who.t("Checklist"), loose)] if loose else found


def _people(views: Blueprint) -> None:
    @views.get("/company/")
    def people() -> Response:
        who = visit()
        with who.state.lock:
            wanted = request.args.get("show", "active")
            return page("portal/people.html", current="people", wanted=wanted, groups=_groups(who, wanted))

    @views.get(f"{_USER}/")
    def person(user: int) -> Response:
        who = visit()
        found = who.state.users.get(user)
        if found is None:
            return missing()
        return page("portal/person.html", current="people", user=found, places=_places(who, found))


def _groups(who: Visit, wanted: str) -> list[tuple[str, str, list[Json]]]:
    """Departments with their heads' names and people."""
    active = wanted != "dismissed"
    users = [u for u in who.state.users.values() if bool(u.get("ACTIVE", True)) == active]
    found = []
    for number, row in sorted(who.state.departments.rows.items()):
        mine = [u for u in users if number in map(to_int, as_list(u.get("UF_DEPARTMENT")))]
        head = to_int(row.get("UF_HEAD"))
        mine.sort(key=lambda u: (to_int(u["ID"]) != head, who.name(u["ID"])))
        if mine:
            found.append((str(row["NAME"]), who.name(head) if head else "", mine))
    return found


def _places(who: Visit, user: Json) -> list[str]:
    rows = who.state.departments.rows
    return [str(rows[n]["NAME"]) for n in map(to_int, as_list(user.get("UF_DEPARTMENT"))) if n in rows]
