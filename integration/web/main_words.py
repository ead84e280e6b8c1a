"""What the main page says about numbers, a survey and the things to do, in words (product.md N, P1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.nps.rights import Rights
from integration.services.decisions import Decision, Task, Todo
from integration.services.main_page import MainPage
from integration.services.report_types import Ahead, Figures, Point
from integration.web import decision_words, figure_words
from integration.web.pages import day_text, language, number_text, say, zone

KINDS = {
    "detractor_meeting": mark("Meet and sort it out"),
    "passive_call": mark("Call and ask what was missing"),
    "promoter_thanks": mark("Thank, and ask for a recommendation"),
    "silent_check": mark("Check in: no answer"),
    "disagreement": mark("Hear both sides"),
    "direct_line": mark("Answer personally"),
}


def lead(rights: Rights) -> str:
    """Whose clients the page is about."""
    if rights.sees_all:
        return ""
    if rights.role == "director":
        return say("The clients of your branch or department.")
    return say("Your own clients.")


def first_run(found: MainPage) -> dict[str, Any] | None:
    """The invitation to go through the first steps, for who may; it leads to the step where they stand."""
    run = found.first_run
    if run is None or not found.rights.may_set_up:
        return None
    begun = any(step.status != "open" for step in run.steps)
    heading = say("Four steps, and Molva is yours")
    if begun:
        heading = say("{done} of {of} first steps are done", done=run.done, of=len(run.steps))
    return {
        "heading": heading,
        "label": say("Continue") if begun else say("Begin"),
        "path": f"/app/start/{run.at}",
    }


def hero(figures: Figures, least: int) -> dict[str, Any]:
    """The index with its interval, what it rests on, and how it moved, as text and as numbers for drawing."""
    head = figures.headline
    value, interval, limits = figures.final or (head.nps, head.interval, head.limits)
    told: dict[str, Any] = {
        "wave": figures.wave.name,
        "badge": figure_words.badge(figures.wave),
        "value": None if value is None else round(value),
        "scores": list(head.scores),
        "groups": [
            {"label": say("Promoters"), "value": head.counts.p, "tone": "promoter"},
            {"label": say("Passives"), "value": head.counts.a, "tone": "passive"},
            {"label": say("Detractors"), "value": head.counts.d, "tone": "detractor"},
        ],
        "coverage": figure_words.coverage(figures.coverage),
        "n": head.n,
    }
    if value is None or interval is None:
        told["few"] = figure_words.few(head.n, least)
        return told
    told["interval"] = (interval.low, value, interval.high, limits)
    told["range"] = figure_words.lies(interval, limits, head.n, head.base)
    told["moved"] = figure_words.moved(figures.moved, figures.since) if figures.moved else ""
    told["tone"] = figure_words.direction(figures.moved)
    told["corrected"] = (
        say("With the corrections made since, it would be {value}.", value=number_text(round(head.nps or 0)))
        if figures.corrected
        else ""
    )
    return told


def nothing(found: MainPage, now: datetime) -> dict[str, str]:
    """What stands where the index would: why there is none yet, and what comes next."""
    seen = found.overview.wave
    if seen is None or not seen.open:
        heading = say("No survey is planned yet") if seen is None else say("Nobody answered the last survey")
        return {"heading": heading, "line": _ahead(found.overview.ahead, now), "glyph": "calendar"}
    asked = seen.day("mailing")
    today = now.astimezone(zone()).date()
    if seen.stage in ("draft", "rehearsed"):
        line = say(
            "As soon as the survey is approved, its letters leave by themselves. The first answers come on the day of "
            "the question."
        )
        if asked:
            line = say(
                "The question leaves on {day}, if the survey has been approved by then.", day=day_text(asked)
            )
        return {
            "heading": say("The survey {wave} is planned", wave=seen.name),
            "line": line,
            "glyph": "calendar",
        }
    if asked and asked > today and seen.stage in ("announced", "calling", "paused"):
        line = say("The question leaves on {day}. From then on the NPS appears here.", day=day_text(asked))
    else:
        line = say("The question is with the clients. The first answers usually come on the same day.")
    return {"heading": say("No answers yet"), "line": line, "glyph": "letter"}


def _ahead(ahead: Ahead | None, now: datetime) -> str:
    if ahead is None:
        return say(
            "Surveys are not planned by themselves at the moment. An administrator can set their date."
        )
    days = {"announce": day_text(ahead.announce), "start": day_text(ahead.start)}
    if (
        ahead.drafted <= now.astimezone(zone()).date()
    ):  # e.g. installed after that day: the worker is about to
        return say(
            "Molva is about to plan it and gives a task to whoever approves it. The announcement would leave on "
            "{announce}, the question on {start}. Nothing is sent without approval.",
            **days,
        )
    return say(
        "Molva plans it on {drafted} and gives a task to whoever approves it. The announcement would leave on "
        "{announce}, the question on {start}. Nothing is sent without approval.",
        drafted=day_text(ahead.drafted), **days,
    )  # fmt: skip


def trend(history: Sequence[Point]) -> dict[str, Any]:
    """The index over the years, with places in per cent of the height for drawing."""
    ends = [end for point in history if point.interval for end in point.interval]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    bottom, top = 20 * (low // 20), 20 * -(-high // 20)
    height = max(20.0, top - bottom)
    points = []
    for point in history:
        row: dict[str, Any] = {
            "name": point.name,
            "n": point.n,
            "base": None if point.imported else point.base,
            "imported": point.imported,
        }
        row["nps"] = None if point.nps is None else round(point.nps)
        if point.interval is not None and point.nps is not None:
            row["low"], row["high"] = round(point.interval.low), round(point.interval.high)
            row["y"] = [
                round(100 * (top - one) / height, 1)
                for one in (point.nps, point.interval.low, point.interval.high)
            ]
        points.append(row)
    return {"points": points, "zero": round(100 * top / height, 1)}


def decisions(found: Todo, rights: Rights) -> list[dict[str, Any]]:
    """What has to be settled: heading, line, and the one way out where this viewer may take it."""
    return [_decision(one, rights) for one in found.decisions]


def _decision(one: Decision, rights: Rights) -> dict[str, Any]:
    values = {
        name: day_text(value) if isinstance(value, date) else value for name, value in one.params.items()
    }
    words, heading, line = decision_words.told(one.kind, one.count, values)
    path = words.path.format(wave=one.wave_id)
    if one.settings and not rights.may_set_up:
        path, line = "", f"{line} " + say("An administrator can settle it.")
    return {
        "tone": one.tone, "glyph": words.glyph, "heading": heading, "line": line, "path": path,
        "label": say(words.label) if path else "",
    }  # fmt: skip


def tasks(found: Todo, now: datetime) -> list[dict[str, Any]]:
    """Follow-ups that are late or due soon."""
    return [
        {"task": one, "what": say(KINDS.get(one.kind, one.kind)), **_due(one, now)} for one in found.tasks
    ]


def _due(one: Task, now: datetime) -> dict[str, str]:
    day = one.deadline.astimezone(zone()).date()
    days = (now.astimezone(zone()).date() - day).days
    if one.overdue:
        late = (
            i18n.plural(language(), "overdue by {n} day", "overdue by {n} days", days)
            if days
            else say("overdue")
        )
        return {"due": late, "tone": "danger"}
    if days == 0:
        return {"due": say("today"), "tone": "warn"}
    return {"due": say("by {day}", day=i18n.day(language(), day, "medium")), "tone": "neutral"}
