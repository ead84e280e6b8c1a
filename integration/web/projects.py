"""Surveys after projects: runs with their state, numbers apart, asking by hand: `POST /app/projects` (W16)."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, abort

from integration.current import deps
from integration.services.frames import Viewer
from integration.services.projects import acts, page
from integration.services.workbooks import Sheet, available
from integration.web import forms, frame, project_words, question_projects, table_files
from integration.web.forms.projects import LARGEST, ProjectsFile, ProjectsForm
from integration.web.pages import say

blueprint = Blueprint("projects", __name__)

PATH = "/app/projects"
NUMBER = re.compile(r"(?:.*/deal/details/)?\s*(\d{1,10})\s*/?(?:[?#].*)?")


@blueprint.post(PATH)
def shown() -> Response:
    """Show the runs, after doing what was decided."""
    who = frame.entered()
    form = forms.posted(ProjectsForm, forms.PAGE)
    notices = [done(who, form)] if form["do"] else []
    try:
        found = page.read(deps(), who, state=form["state"], page=form["page"], by=form["by"])
    except LookupError:
        raise frame.Refusal("no_survey", who) from None
    failed = any(one["tone"] == "warn" for one in notices)
    return frame.page(
        "app/projects/page.html", who, current="projects", found=found, notices=notices, path=PATH,
        runs=[project_words.run(one, found.names, found.stages, found.extra) for one in found.runs],
        states=[(key, say(label), found.counts[key]) for key, label in project_words.STATES.items()],
        by=[(key, say(label)) for key, label in project_words.BY.items()],
        whole=project_words.headline(found.whole), periods=project_words.periods(found),
        tables=project_words.tables(found),
        questions=question_projects.told(found, lambda day: project_words.period_name(day, found.by)),
        on=project_words.on(found), once=deps().dice.token(),
        typed=form["deal"] if failed else "", workbooks=available(), status=422 if failed else 200,
    )  # fmt: skip


@blueprint.post(f"{PATH}/file")
def saved() -> Response:
    """All that the viewer sees as a workbook, or one table of it as CSV."""
    who = frame.entered()
    form = forms.posted(ProjectsFile, forms.PAGE)
    made = project_words.tables_of(page.everything(deps(), who, by=form["by"]))
    if form["kind"] == "xlsx":
        return table_files.workbook([Sheet(*one) for one in made.values()], "molva-projects")
    if form["sheet"] not in made:
        abort(404)
    title, rows, _ = made[form["sheet"]]
    name = "molva-projects" if form["sheet"] == "runs" else f"molva-projects-{form['sheet']}"
    return table_files.answer(rows, "csv", name, title)


def done(who: Viewer, form: dict[str, Any]) -> dict[str, str]:
    """Do what somebody has decided, and say what came of it. Raises `Refusal` for who may not."""
    verb = form["do"]
    did, reason = "nothing", ""
    if verb == "start":
        did, reason = acts.ask_now(deps(), who, deal_of(form["deal"]), form["once"])
    elif verb in ("let_through", "drop"):
        did = acts.settle_many(deps(), who, let_through=verb == "let_through")[0]
    elif verb == "cancel":
        did = acts.cancel(deps(), who, form["run"])
    elif verb in ("confirm", "reject"):
        did = acts.judge(deps(), who, form["run"], counts=verb == "confirm", seen=form["seen"])
    if did == "not_yours":
        raise frame.Refusal("wave_owners", who)
    return project_words.came_of(did, reason)


def deal_of(written: str) -> int:
    """The deal's number from what people paste: the number, or the address of its card; 0 for neither."""
    found = NUMBER.fullmatch(written.strip())
    number = int(found[1]) if found else 0
    return number if number <= LARGEST else 0
