"""The first run: four steps after installation, each with defaults that work (product.md P7).

The first three are sections of the settings with fewer fields; they save through the same rules, versions and
conflicts. Every step can be left and come back to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, abort

from integration.current import deps
from integration.i18n import mark
from integration.nps.policy import Policy
from integration.services import first_run, letter_samples, letter_tests
from integration.services.first_run import STEPS, FirstRun, StepName
from integration.services.frames import Viewer
from integration.services.letter_samples import MissingFact
from integration.services.letter_tests import Fate, NotSent
from integration.web import forms, frame
from integration.web.forms.letters import StartForm
from integration.web.pages import say
from integration.web.settings import clients, letter_words, people, senders, sheet, wave
from integration.web.settings.sheet import Raw, Sheet, Situation

blueprint = Blueprint("start", __name__)

TITLES: dict[str, tuple[str, str]] = {
    "senders": (
        mark("Who signs the letters"),
        mark("A client answers a person, not a robot. These people were found in your Bitrix24: check them."),
    ),
    "clients": (
        mark("Who is a client"),
        mark("Molva asks clients you work with now. Say by which deals it can tell."),
    ),
    "calendar": (
        mark("When to ask"),
        mark("Once a year, on working days. Nothing leaves before somebody has approved it."),
    ),
    "test": (
        mark("A letter to yourself"),
        mark("See the announcement in your own mailbox before any client does."),
    ),
}
SHORT = {
    "senders": mark("Who signs"),
    "clients": mark("Who is asked"),
    "calendar": mark("When"),
    "test": mark("Test letter"),
}
SHOWN = {  # the fields a step shows of its section; the others keep what they have
    "clients": ("pipelines", "stages", "since", "current_months", "min_age_months", "as_of"),
    "calendar": ("wave_month", "wave_day", "announce_days", "hours_from", "hours_to"),
}


@blueprint.post("/app/start", defaults={"step": ""})
@blueprint.post("/app/start/<step>")
def show(step: str) -> Response:
    """One step: shown, saved, passed by; the last one sends the test letter and ends the first run."""
    who = frame.entered(administrator=True)
    form = forms.posted(StartForm, forms.PAGE)
    run = first_run.read(deps(), who.portal_id)
    name = run.at if not step else _named(step)
    if form["do"] == "skip":
        run = first_run.settle(deps(), who.portal_id, name, "skipped")
        return _next(who, name, run)
    if name == "test":
        return _test(who, run, form)
    return sheet.respond(who, _sheet(name))


@blueprint.post("/app/start/<step>/live")
def live(step: str) -> Response:
    """What the settings typed so far would mean: how many are asked, which days."""
    who = frame.entered(administrator=True)
    name = _named(step)
    if name == "test":
        abort(404)
    return sheet.look(who, _sheet(name), "app/start/live.html")


def _named(step: str) -> StepName:
    name = next((known for known in STEPS if known == step), None)
    if name is None:
        abort(404)
    return name


def _sheet(step: StepName) -> Sheet:
    """The section of a step with the step's fields and its page."""
    sections: dict[str, Sheet] = {"senders": senders.SHEET, "clients": clients.SHEET, "calendar": wave.SHEET}
    whole = sections[step]
    found = _part(whole, SHOWN[step]) if step in SHOWN else replace(whole, filled=_people(whole.filled))
    return replace(found, show=lambda here, status, values: _answer(step, here, status, values))


def _part(whole: Sheet, names: tuple[str, ...]) -> Sheet:
    """A section of which a page shows some fields only."""

    def read(raw: Raw, here: Situation) -> tuple[dict[str, Any], dict[str, str]]:
        kept = {name: value for name, value in whole.filled(here.policy, here).items() if name not in names}
        raw.update(kept)
        return whole.read(raw, here)

    return replace(whole, read=read)


def _people(filled: Callable[[Policy, Situation], Raw]) -> Callable[[Policy, Situation], Raw]:
    """Where nobody signs yet, the heads of departments stand in the form, to be completed."""

    def found(policy: Policy, here: Situation) -> Raw:
        raw = filled(policy, here)
        heads = [one for one in here.choices.staff if one.active and one.heads]
        heads = sorted(heads, key=lambda one: one.user_id != policy.head_user_id)[:2]
        if policy.senders or not heads:
            return raw
        rows = [
            dict.fromkeys(senders.ROW, "")
            | {
                "person": people.shown(here.choices, one.user_id), "name": one.name, "position": one.position,
                "email": one.email, "phone": one.phone,
            }
            for one in heads
        ]  # fmt: skip
        return {**raw, "rows": rows, "head": "0", "default": str(len(rows) - 1)}

    return found


def _answer(step: StepName, here: Situation, status: int, values: dict[str, Any]) -> Response:
    if values.get("saved") is not None:
        run = first_run.settle(deps(), here.who.portal_id, step, "done")
        return _next(here.who, step, run)
    run = first_run.read(deps(), here.who.portal_id)
    return _page(here.who, step, run, status, **values)


def _next(who: Viewer, step: StepName, run: FirstRun) -> Response:
    """The step after this one; after the last, the end."""
    place = STEPS.index(step) + 1
    if place == len(STEPS):
        return _finished(who)
    following = STEPS[place]
    if following == "test":
        return _test(who, run, {"do": "", "address": "", "once": "", "test_letter": 0})
    return sheet.respond(who, _sheet(following), "")


def _test(who: Viewer, run: FirstRun, form: dict[str, Any]) -> Response:
    if form["do"] == "finish":
        return _finished(who)
    address = form["address"] or letter_tests.own_address(deps(), who.portal_id, who.user_id)
    problem, fate, status = "", _fate(who, form["test_letter"]), 200
    if form["do"] == "test":
        ordered = letter_tests.order(
            deps(), who.portal_id, "announcement", _letters_language(who), address, once=form["once"]
        )
        if isinstance(ordered, NotSent):
            problem, status = letter_words.test_refused(ordered), 422
        else:
            run = first_run.settle(deps(), who.portal_id, "test", "done")
            fate = _fate(who, ordered)
    made = letter_samples.sample(deps(), who.portal_id, "announcement", _letters_language(who))
    try:
        written = letter_samples.written(deps(), made)
    except MissingFact:
        written = None
    unsigned = letter_words.unsigned(made.problem) if made.problem else ""
    return _page(
        who, "test", run, status, address=address, test_problem=problem, fate=fate, sample=made, written=written,
        unsigned=unsigned, once=deps().dice.token(),
    )  # fmt: skip


def _letters_language(who: Viewer) -> str:
    """The main language of the agency's letters."""
    return letter_samples.languages(deps(), who.portal_id)[0]


def _fate(who: Viewer, letter_id: int) -> Fate | None:
    return letter_tests.fate(deps(), who.portal_id, letter_id) if letter_id else None


def _finished(who: Viewer) -> Response:
    run = first_run.finish(deps(), who.portal_id)
    return frame.page(
        "app/start/finished.html",
        who,
        current="main",
        run=run,
        short={name: say(text) for name, text in SHORT.items()},
    )


def _page(who: Viewer, step: StepName, run: FirstRun, status: int, **values: Any) -> Response:
    title, line = TITLES[step]
    steps = [
        {"name": one.name, "label": say(SHORT[one.name]), "status": one.status, "current": one.name == step}
        for one in run.steps
    ]
    return frame.page(
        f"app/start/{step}.html", who, status=status, current="main",
        **{
            "run": run, "step": step, "path": steps, "title": say(title), "line": say(line),
            "place": STEPS.index(step) + 1, "before": STEPS[STEPS.index(step) - 1] if step != STEPS[0] else "",
            **values,
        },
    )  # fmt: skip
