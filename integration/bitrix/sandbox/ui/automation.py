"""The agency's automation: triggers and robots of applications on the stages of deals, and what has become of them.

Where a portal has a designer, the sandbox has one short form: a trigger moves deals to a stage, a robot works on one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, redirect, request

from ..agency import DEAL, Json
from ..forms import as_map
from ..schema import KINDS
from .cells import card_title
from .formats import moment
from .shell import page, refused
from .visit import Visit, visit

_PAGE = "/automation/"
_SHOWN = 100
STATES = {
    "waiting": ("Waits for the answer", "plain"),
    "called": ("Called, does not wait", "good"),
    "done": ("Answered", "good"),
    "over": ("Ended with its stage", "plain"),
    "failed": ("The application is not there", "bad"),
}


@dataclass(frozen=True)
class Rule:
    """One thing on one stage. ``place``: how the form takes it away again."""

    stage: str
    kind: str
    name: str
    waits: bool
    place: str


@dataclass(frozen=True)
class Line:
    """Something that has happened to a deal."""

    number: int
    when: str
    url: str
    deal: str
    name: str
    state: str = ""
    tone: str = ""
    told: str = ""


def automation_pages(views: Blueprint) -> None:
    """``/automation/``."""

    @views.get(_PAGE)
    def automation() -> Response:
        who = visit()
        with who.state.lock:
            return page(
                "portal/automation.html", current="automation", rules=_rules(who), stages=_stages(who),
                offered=_offered(who), runs=_runs(who), fired=_fired(who), admin=who.admin,
            )  # fmt: skip

    @views.post(_PAGE)
    def automate() -> Any:
        who = visit()
        if not who.admin:
            return refused(who.t("Only an administrator may do this"))
        with who.state.lock:
            _change(who)
        return redirect(_PAGE, 303)


def _change(who: Visit) -> None:
    settings, form = who.state.settings, request.form
    kind, _, code = form.get("what", "").partition(":")
    stage = form.get("stage", "")
    if form.get("do") == "remove":
        if kind == "trigger":
            settings.trigger_moves.pop(code, None)
        elif code.isdigit() and int(code) < len(settings.automation):
            del settings.automation[int(code)]
    elif stage in {one for _, many in _stages(who) for one, _ in many}:
        if kind == "trigger" and code in _triggers(who):
            settings.trigger_moves[code] = stage
        if kind == "robot" and code in _robots(who):
            settings.automation.append({"stage": stage, "code": code, "wait": form.get("waits") == "1"})


def _triggers(who: Visit) -> dict[str, str]:
    """Names of the registered triggers by code."""
    return {code: name for app in who.state.apps.values() for code, name in app.triggers.items()}


def _robots(who: Visit) -> dict[str, str]:
    """Names of the registered robots by code, in the portal's language."""
    return {
        code: _said(who, robot.get("NAME"), code)
        for app in who.state.apps.values()
        for code, robot in app.robots.items()
    }


def _said(who: Visit, name: Any, code: str) -> str:
    """A text given as it is, or by language."""
    if not isinstance(name, dict):
        return str(name or code)
    texts = as_map(name)
    own = "ua" if who.language == "uk" else who.language
    return str(texts.get(own) or texts.get("en") or next(iter(texts.values()), code))


def _offered(who: Visit) -> list[tuple[str, str, str]]:
    """What may be put on a stage: value, kind, name."""
    found = [(f"trigger:{code}", who.t("Trigger"), name) for code, name in _triggers(who).items()]
    return found + [(f"robot:{code}", who.t("Robot"), name) for code, name in _robots(who).items()]


def _stages(who: Visit) -> list[tuple[str, list[tuple[str, str]]]]:
    """Stages of deals by pipeline."""
    return [
        (
            str(one["name"]),
            [(str(row["STATUS_ID"]), str(row["NAME"])) for row in who.state.category_stages(int(one["id"]))],
        )
        for one in who.state.categories
    ]


def _stage_name(who: Visit, wanted: str) -> str:
    for pipeline, many in _stages(who):
        for stage, name in many:
            if stage == wanted:
                return f"{pipeline}: {name}"
    return wanted


def _rules(who: Visit) -> list[Rule]:
    settings, triggers, robots = who.state.settings, _triggers(who), _robots(who)
    found = [
        Rule(_stage_name(who, stage), "trigger", triggers.get(code, code), False, f"trigger:{code}")
        for code, stage in settings.trigger_moves.items()
    ]
    return found + [
        Rule(
            _stage_name(who, str(one.get("stage"))), "robot", robots.get(str(one["code"]), str(one["code"])),
            one.get("wait") is not False, f"robot:{number}",
        )
        for number, one in enumerate(settings.automation)
    ]  # fmt: skip


def _runs(who: Visit) -> list[Line]:
    robots, found = _robots(who), []
    for run in reversed(who.state.robot_runs[-_SHOWN:]):
        word, tone = STATES[run["status"]]
        told = ", ".join(f"{key} = {value}" for key, value in run["returned"].items() if value != "")
        name = robots.get(str(run["code"])) or str(run["code"])
        found.append(_line(who, run["id"], run["at"], run["card"], name, who.t(word), tone, told))
    return found


def _fired(who: Visit) -> list[Line]:
    names, moves, found = _triggers(who), who.state.settings.trigger_moves, []
    rows = list(enumerate(who.state.trigger_log))[-_SHOWN:]
    for number, row in reversed(rows):
        stage = moves.get(row["CODE"])
        state = _stage_name(who, stage) if stage else who.t("Stands on no stage")
        name = names.get(str(row["CODE"])) or str(row["CODE"])
        found.append(
            _line(who, number, row["at"], row["OWNER_ID"], name, state, "good" if stage else "plain")
        )
    return found


def _line(
    who: Visit, number: int, at: int, deal: int, name: str, state: str, tone: str, told: str = ""
) -> Line:
    row: Json | None = who.state.items[DEAL].get(deal)
    title = card_title(who.state, KINDS[DEAL], row) if row else f"#{deal}"
    when = moment(at, who.state.zone_now(), who.language, who.state.now())
    return Line(number, when, f"/crm/deal/details/{deal}/", title, name, state, tone, told)
