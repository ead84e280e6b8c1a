"""What happened to a card: comments, records, plans, stages; and the tasks that hang on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from ..agency import DEAL, LEAD, Json
from ..methods.mails import EMAIL
from ..schema import Kind
from ..tasks import DONE, may_see, sub_status
from ..values import to_int
from .cells import stages_of
from .formats import bb, moment
from .visit import Visit

_HIDDEN = re.compile(r"<(style|head|script)\b.*?</\1>", re.IGNORECASE | re.DOTALL)
_TAGS = re.compile(r"<[^>]+>")
#: Statuses of tasks for people.
TASK_WORDS = {2: "Waiting", 3: "In progress", 4: "Awaiting control", 5: "Done", 6: "Deferred", -1: "Overdue"}


@dataclass(frozen=True)
class Entry:
    """One thing in the timeline: ``kind`` comment, log, todo, task, stage or made."""

    kind: str
    at: int
    when: str
    who: str
    title: str
    body: Markup | None = None
    tone: str = ""
    url: str = ""


@dataclass(frozen=True)
class TaskLine:
    """One task in a list."""

    id: int
    url: str
    title: str
    status: str
    tone: str
    deadline: str
    responsible: str


def timeline(visit: Visit, kind: Kind, row: Json) -> list[Entry]:
    """Everything, the newest first."""
    found = _comments(visit, kind, row) + _records(visit, kind, row) + _plans(visit, kind, row)
    if kind.id in (LEAD, DEAL):
        found += _stages(visit, kind, row)
    made = to_int(row.get("createdTime"))
    who = visit.name(row["createdBy"]) if row.get("createdBy") else ""
    found.append(Entry("made", made, _when(visit, made), who, visit.t("The card was created")))
    return sorted(found, key=lambda entry: (entry.at, entry.kind != "made"), reverse=True)


def _when(visit: Visit, at: int) -> str:
    state = visit.state
    return moment(at, state.zone_now(), visit.language, state.now())


def _comments(visit: Visit, kind: Kind, row: Json) -> list[Entry]:
    table = visit.state.comments
    rows = [table.rows[i] for i in table.equal("ENTITY_ID", row["id"])]
    return [
        Entry(
            "comment", r["CREATED"], _when(visit, r["CREATED"]), visit.name(r["AUTHOR_ID"]),
            visit.t("Comment"), bb(str(r["COMMENT"])),
        )
        for r in rows if r["ENTITY_TYPE"] == kind.code
    ]  # fmt: skip


def _records(visit: Visit, kind: Kind, row: Json) -> list[Entry]:
    rows = visit.state.log_messages.rows.values()
    mine = [r for r in rows if (r["entityTypeId"], r["entityId"]) == (kind.id, row["id"])]
    return [
        Entry(
            "log", at := visit.state.zone.epoch(r["created"]), _when(visit, at), visit.name(r["authorId"]),
            str(r["title"]), escape(str(r["text"])),
        )
        for r in mine
    ]  # fmt: skip


def _plans(visit: Visit, kind: Kind, row: Json) -> list[Entry]:
    table = visit.state.activities
    found = []
    for number in table.equal("OWNER_ID", row["id"]):
        r = table.rows[number]
        if r["OWNER_TYPE_ID"] != kind.id or r["TYPE_ID"] == 3:
            continue
        due = visit.t("until {when}", when=_when(visit, r["DEADLINE"])) if r["DEADLINE"] else ""
        title = str(r["SUBJECT"] or visit.t("To do"))
        told = str(r["DESCRIPTION"] or "")
        if r["TYPE_ID"] == EMAIL:
            title = visit.t("E-mail: {subject}", subject=title)
            told = _TAGS.sub(" ", _HIDDEN.sub("", told)) if r["DESCRIPTION_TYPE"] == "3" else told
        body = Markup("{} {}").format(bb(told), due)
        tone = "done" if r["COMPLETED"] == "Y" else ""
        who = visit.name(r["RESPONSIBLE_ID"])
        found.append(Entry("todo", r["CREATED"], _when(visit, r["CREATED"]), who, title, body, tone))
    return found


def _stages(visit: Visit, kind: Kind, row: Json) -> list[Entry]:
    table = visit.state.history[kind.id]
    found = []
    for number in table.equal("OWNER_ID", row["id"]):
        r: Json = table.rows[number]
        if to_int(r["TYPE_ID"]) == 1:
            continue
        code = r.get("STAGE_ID", r.get("STATUS_ID"))
        stages = stages_of(visit.state, kind, {"categoryId": r.get("CATEGORY_ID")})
        name = next((s["NAME"] for s in stages if s["STATUS_ID"] == code), str(code))
        text = visit.t("Stage: {name}", name=name)
        found.append(Entry("stage", r["CREATED_TIME"], _when(visit, r["CREATED_TIME"]), "", text))
    return found


def tasks_of(visit: Visit, kind: Kind, row: Json) -> list[TaskLine]:
    """Tasks bound to the card that the viewer may see, open ones first."""
    table = visit.state.tasks
    rows = [table.rows[i] for i in table.equal("UF_CRM_TASK", f"{kind.abbr}_{row['id']}")]
    return task_lines(visit, [r for r in rows if may_see(visit.state, r, visit.user_id)])


def task_lines(visit: Visit, rows: list[Json]) -> list[TaskLine]:
    """Tasks as lines, open ones first, then by deadline."""
    rows = sorted(rows, key=lambda r: (r["STATUS"] == DONE, r["DEADLINE"] or 10**11, -r["ID"]))
    return [task_line(visit, row) for row in rows]


def task_line(visit: Visit, row: Json) -> TaskLine:
    """One task as a line."""
    status = sub_status(visit.state, row)
    tone = {-1: "bad", DONE: "good", 4: "warn"}.get(status, "plain")
    return TaskLine(
        row["ID"], task_url(row), str(row["TITLE"]), visit.t(TASK_WORDS.get(status, "Waiting")), tone,
        _when(visit, row["DEADLINE"]) if row["DEADLINE"] else "", visit.name(row["RESPONSIBLE_ID"]),
    )  # fmt: skip


def task_url(row: Any) -> str:
    """Address of a task's page."""
    return f"/company/personal/user/{row['RESPONSIBLE_ID']}/tasks/task/view/{row['ID']}/"
