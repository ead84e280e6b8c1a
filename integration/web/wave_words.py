"""What is said about one survey: its stage, its days, how far its people are (product.md W1, W14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.nps.wave_dates import DateProblem, steps_of, wished
from integration.services.report_types import Funnel, WaveView
from integration.services.wave_page import Watch, WavePage
from integration.services.wave_watching import LetterState
from integration.web.card_words import REASONS
from integration.web.pages import language, moment_text, number_text, say, zone

STAGES = {
    "draft": mark("It is planned. Nothing is sent before it has been approved."),
    "rehearsed": mark("Its list is ready and waits for approval. Nothing is sent before."),
    "approved": mark("It is approved. The announcement leaves on the day named below."),
    "announced": mark("The clients have been told that it is coming."),
    "calling": mark("Clients are being called."),
    "mailing": mark("The question is on its way to the clients."),
    "reminders": mark("Those who have not answered get a reminder."),
    "closing": mark("The last answers are coming in."),
    "closed": mark("It is over. The results are in the cards."),
    "cancelled": mark("It was cancelled. Nothing more is sent."),
    "paused": mark("It has been paused. Nothing is sent until somebody resumes it."),
}
BADGES = {
    "draft": (mark("planned"), "neutral"),
    "rehearsed": (mark("waits for approval"), "warn"),
    "approved": (mark("approved"), "good"),
    "announced": (mark("announced"), "brand"),
    "calling": (mark("calls"), "brand"),
    "mailing": (mark("question sent"), "brand"),
    "reminders": (mark("reminders"), "brand"),
    "closing": (mark("last answers"), "brand"),
    "closed": (mark("over"), "neutral"),
    "cancelled": (mark("cancelled"), "neutral"),
    "paused": (mark("paused"), "warn"),
}
STEPS = {
    "announced": mark("Announcement letter"),
    "calling": mark("Calls"),
    "mailing": mark("Letter with the question"),
    "reminders": mark("Reminder"),
    "closing": mark("End of the survey"),
    "frozen": mark("Results become final"),
}


def wave(found: WaveView, standing: Mapping[str, int], funnel: Funnel, now: datetime) -> dict[str, Any]:
    """Where a survey stands, how far its people are, and its days."""
    stage = _stage(found)
    return {
        "id": found.id,
        "name": found.name,
        "stage": say(STAGES.get(stage, STAGES["draft"])),
        "badge": badge(found),
        "funnel": _funnel(standing, funnel) if found.listed and not found.imported else [],
        "days": days(found, now.astimezone(zone()).date()),
    }


def badge(found: WaveView) -> dict[str, str]:
    """The stage in a word or two, with the tone of its badge."""
    text, tone = BADGES.get(_stage(found), BADGES["draft"])
    return {"text": say(text), "tone": tone}


def _stage(found: WaveView) -> str:
    """The stage in words: a survey with its list that nobody has approved waits for exactly that."""
    if found.stage not in ("draft", "rehearsed"):
        return found.stage
    if found.approved_by:
        return "approved"
    return "rehearsed" if found.listed else "draft"


def _said_nothing(people: Funnel) -> str:
    """Who is still silent, apart from who has answered but is not counted yet and who asked to be asked later."""
    said = [say("{n} still silent", n=number_text(people.silent))] if people.silent else []
    if gone := people.outcomes.get("no_answer", 0):
        said.append(say("{n} did not answer", n=number_text(gone)))
    if people.held:
        said.append(say("{n} to be confirmed", n=number_text(people.held)))
    if people.later:
        said.append(say("{n} asked for later", n=number_text(people.later)))
    return " · ".join(said) or say("nobody is silent any more")


def _funnel(standing: Mapping[str, int], people: Funnel) -> list[dict[str, Any]]:
    """First clients, then the people of those who are asked: each number with what it counts."""
    listed, asked = sum(standing.values()), standing.get("", 0)
    answered = people.outcomes.get("answered", 0)
    rows = [
        _row(say("On the list"), _clients(listed), listed, listed),
        _row(say("To be asked"), _clients(asked), asked, listed),
        _row(say("Whom we write to"), _people(people.people), people.people, people.people),
    ]
    if people.announced and not people.asked:
        rows.append(_row(say("Told in advance"), _people(people.announced), people.announced, people.people))
    if people.asked:
        rows.append(_row(say("Got the question"), _people(people.asked), people.asked, people.people))
    if people.asked or answered:
        note = _said_nothing(people)
        rows.append(_row(say("Answered"), _people(answered), answered, people.people, note))
    return rows


def _row(label: str, value: str, count: int, whole: int, note: str = "") -> dict[str, Any]:
    return {"label": label, "value": value, "share": count / whole if whole else 0.0, "note": note}


def _clients(count: int) -> str:
    return i18n.plural(language(), "{n} client", "{n} clients", count)


def _people(count: int) -> str:
    return i18n.plural(language(), "{n} person", "{n} people", count)


def days(found: WaveView, today: date) -> list[dict[str, Any]]:
    """The steps with their days; `state`: past, next, or later."""
    if found.stage == "cancelled":
        return []
    coming = next((day for _, day in found.days if day >= today), None)
    return [
        {
            "day": day,
            "what": say(STEPS[name]),
            "state": "past" if day < today else "next" if day == coming else "later",
            "today": day == today,
        }
        for name, day in found.days
        if name in STEPS
    ]


DATE_FIELDS = {
    "announce": mark("Announcement letter"),
    "start": mark("Letter with the question"),
    "closing": mark("End of the survey"),
}
DATE_PROBLEMS = {
    "begun": mark("{step}: this has begun, its day cannot be changed any more."),
    "not_ahead": mark("{step}: choose a day after today."),
    "too_far": mark("{step}: at most a year ahead."),
    "other_year": mark("{step}: it has to stay in the year of the survey."),
}


def step_name(step: str) -> str:
    """A step whose day can be changed."""
    if step in DATE_FIELDS:
        return say(DATE_FIELDS[step])
    return say("Reminder {number}", number=step.rpartition("_")[2])


def dates(problems: Sequence[DateProblem]) -> str:
    """Why days cannot be taken, one sentence each."""
    return " ".join(_date_problem(one) for one in problems)


def _date_problem(one: DateProblem) -> str:
    if one.code == "too_close":
        return i18n.plural(
            language(), "{step}: at least {n} day after the step before it.",
            "{step}: at least {n} days after the step before it.", one.days, step=step_name(one.step),
        )  # fmt: skip
    return say(DATE_PROBLEMS[one.code], step=step_name(one.step))


def steps(found: WavePage) -> list[dict[str, Any]]:
    """The days that can still be changed, for their form."""
    if found.plan is None:
        return []
    days = steps_of(wished(found.plan))
    return [
        {
            "name": "reminders" if step.startswith("reminder_") else step, "id": step, "label": step_name(step),
            "day": day.isoformat(), "free": step in found.movable, "shown": day,
        }
        for step, day in days.items()
    ]  # fmt: skip


LETTERS: dict[LetterState, tuple[str, str]] = {
    "waiting": (mark("Wait to leave"), ""),
    "sent": (mark("Sent"), ""),
    "late": (mark("Left late"), "warn"),
    "unknown": (mark("Fate unknown"), "warn"),
    "refused": (mark("Not accepted"), "danger"),
    "bounced": (mark("Came back"), "danger"),
}
_ALWAYS = ("waiting", "sent")  # shown also where there are none


def watch(found: Watch) -> dict[str, Any]:
    """Letters by state, and when those that wait will have left."""
    shown = [
        {"code": code, "label": say(words), "count": found.letters[code], "tone": tone}
        for code, (words, tone) in LETTERS.items()
        if found.letters[code] or code in _ALWAYS
    ]
    moving = found.due > 0
    return {
        "total": found.total, "states": shown, "moving": moving,
        "percent": round(100 * (found.total - found.letters["waiting"]) / found.total) if found.total else 0,
        "ends": say("At this pace the last of them leaves about {moment}.", moment=moment_text(found.ends))
        if moving and found.ends else "",
    }  # fmt: skip


def left_out(standing: Mapping[str, int]) -> list[dict[str, Any]]:
    """Who is not asked, by reason, most first."""
    found = sorted(((number, code) for code, number in standing.items() if code in REASONS), reverse=True)
    return [{"code": code, "reason": say(REASONS[code]), "count": number} for number, code in found]
