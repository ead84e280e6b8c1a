"""Settings: when the survey is and how it runs, with the days of the next one (product.md W1 to W3, W7, W11, S4)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from flask import Response

from integration import i18n
from integration.current import deps
from integration.i18n import mark
from integration.nps.errors import NoWorkingDay, UnknownZone
from integration.nps.policy import LANGUAGES, Policy, PolicyProblem
from integration.services import calendars
from integration.services.frames import Viewer
from integration.services.wave_preview import Preview, preview
from integration.web.forms.settings_survey import WaveForm
from integration.web.pages import language, say
from integration.web.settings import people, words
from integration.web.settings.months import months_of
from integration.web.settings.problems import code_words
from integration.web.settings.sections import part, section
from integration.web.settings.sheet import Form, Raw, Sheet, Situation, look, respond

NUMBERS = (
    "wave_month", "wave_day", "plan_days_before", "announce_days", "letter_gap_days", "calling_days",
    "attempts_per_day", "max_attempts", "closing_days", "edit_days", "snooze_days", "hours_from", "hours_to",
    "letters_per_hour", "letters_per_day", "thanks_after_hours",
)  # fmt: skip
# Waits between calls: form field -> outcome, minutes of the unit it is typed in, the most of them (W7).
WAITS: dict[str, tuple[str, int, int]] = {
    "wait_no_answer": ("no_answer", 60, 240), "wait_busy": ("busy", 1, 600), "wait_not_now": ("not_now", 1440, 60),
    "wait_out_of_service": ("out_of_service", 60, 240),
}  # fmt: skip
UNITS = {1: mark("minutes"), 60: mark("hours"), 1440: mark("days")}
SWITCHES = ("calling", "thanks_letters", "offer_colleague", "direct_line")
TEXTS = ("country", "time_zone", "language", "readiness")
OVERDUE = mark("It is time to make the list")
STEPS = {
    "drafted": mark("The list is made, the owner gets a task"),
    "announced": mark("Announcement letter"),
    "calling": mark("Calls begin"),
    "mailing": mark("Letter with the question"),
    "reminder": mark("Reminder"),
    "closing": mark("The survey is closed"),
    "frozen": mark("The result stands"),
}
SOURCES = {
    "portal": mark("Days off come from the calendar of your Bitrix24."),
    "library": mark("Days off are the public holidays of the country."),
    "weekends": mark("Public holidays of this country are not known: only weekends are off."),
}
REGIONS = ("Europe/", "Asia/", "America/", "Africa/", "Australia/", "Pacific/", "Atlantic/", "Indian/")


def _filled(policy: Policy, here: Situation) -> Raw:
    return {
        **{name: str(getattr(policy, name)) for name in (*NUMBERS, *TEXTS)},
        **{name: "1" if getattr(policy, name) else "" for name in SWITCHES},
        **{name: _wait(policy, name) for name in WAITS},
        "reminder_days": ", ".join(map(str, policy.reminder_days)),
        "languages": list(policy.languages),
        "wave_owner": people.shown(here.choices, policy.wave_owner),
    }


def _typed(form: Form) -> Raw:
    one = (*NUMBERS, *TEXTS, *SWITCHES, *WAITS, "reminder_days", "wave_owner")
    return {**{name: form.get(name, "") for name in one}, "languages": form.getlist("languages")}


def _read(raw: Raw, here: Situation) -> tuple[dict[str, Any], dict[str, str]]:
    body, wrong = WaveForm().read(raw)
    problems = {name: code_words(code) for name, code in wrong.items()}
    try:
        body["wave_owner"] = people.chosen(here.choices, raw["wave_owner"])
    except ValueError:
        problems["wave_owner"] = code_words("unread_person")
    body["languages"] = [one for one in LANGUAGES if one in body["languages"]]
    body["call_waits"] = _waits(body, raw, here.policy, problems)
    return body, problems


def _wait(policy: Policy, name: str) -> str:
    """A wait in the unit of its field; what is no whole number of it is shown as the next one."""
    outcome, unit, _ = WAITS[name]
    return str(-(-int(policy.wait_after(outcome).total_seconds()) // (60 * unit)))


def _waits(body: dict[str, Any], raw: Raw, policy: Policy, problems: dict[str, str]) -> dict[str, int]:
    """The waits in minutes; a field that says what was shown keeps the stored minutes."""
    found = dict(policy.call_waits)
    for name, (outcome, unit, most) in WAITS.items():
        typed = body.pop(name, None)
        if typed is None:
            continue
        if not 1 <= typed <= most:
            problems.setdefault(name, code_words("out_of_range", least=1, most=most))
        elif raw[name].strip() != _wait(policy, name):
            found[outcome] = typed * unit
    return found


def _place(problem: PolicyProblem, _: Situation) -> str:
    if problem.field == "call_waits":
        return f"wait_{problem.params.get('outcome', 'no_answer')}"
    return problem.field


def _more(here: Situation) -> dict[str, Any]:
    hours = [[str(hour), f"{hour}:00"] for hour in range(25)]
    return {
        "months": [["0", say("do not plan surveys by itself")], *([str(n), words.month(n)] for n in range(1, 13))],
        "hours_from": hours[:-1], "hours_to": hours[1:],
        "countries": _countries(here), "zones": _zones(),
        "tongues": [[code, i18n.NAMES[code]] for code in LANGUAGES],
        "readiness": [[code, say(text)] for code, text in words.READINESS.items()],
        "waits": [
            (name, say(words.CALL_WAITS[outcome]), say(UNITS[unit]), most)
            for name, (outcome, unit, most) in WAITS.items()
        ],
        "callers": [here.names.person(user) for user in here.policy.callers],
        "picker": people.picker(here.choices, [here.wanted.wave_owner]),
    }  # fmt: skip


def _countries(here: Situation) -> list[list[str]]:
    """Countries whose holidays are known, and the one that is set, by name."""
    codes = set(calendars.countries()) | {here.wanted.country} - {""}
    named = sorted(([code, words.country(code)] for code in codes), key=lambda pair: pair[1].casefold())
    return [["", say("not set: weekends only")], *named]


@lru_cache(maxsize=1)
def _zones() -> list[str]:
    """Zone names to suggest; any other can be typed."""
    return [*sorted(name for name in available_timezones() if name.startswith(REGIONS)), "UTC"]


def _live(here: Situation) -> dict[str, Any]:
    try:
        found = preview(deps(), here.who.portal_id, here.wanted)
    except (NoWorkingDay, UnknownZone, ValueError):
        return {"preview": None, "unplanned": False}
    if found is None:
        return {"preview": None, "unplanned": True}
    return {"preview": found, "unplanned": False, "steps": _steps(found), "sheets": months_of(found, language()),
            "source_line": say(SOURCES[found.source])}  # fmt: skip


def _steps(found: Preview) -> list[dict[str, Any]]:
    steps = []
    for step in found.steps:
        moved = ""
        if step.moved:
            moved = say("moved from {day}", day=i18n.day(language(), step.wished, "medium"))
        if step.day < found.today:
            moved = say("this day has passed")
        overdue = step.name == "drafted" and step.day < found.today and not found.taken
        what = OVERDUE if overdue else STEPS[step.name]
        steps.append({"what": say(what), "day": step.day, "moved": moved, "name": step.name,
                      "weekday": words.weekday(step.day)})  # fmt: skip
    return steps


SHEET = Sheet(
    "wave", (*NUMBERS, *TEXTS, *SWITCHES, "call_waits", "reminder_days", "languages", "wave_owner"), _filled, _typed,
    _read, place=_place, more=_more, live=_live,
)  # fmt: skip


@section(
    "wave",
    mark("When and how"),
    mark(
        "The yearly survey: its day, its letters and calls, and the hours in which clients may hear from you."
    ),
    glyph="calendar",
)
def show(who: Viewer) -> Response:
    """The page."""
    return respond(who, SHEET)


@part("wave", "live")
def live(who: Viewer) -> Response:
    """The days of the next survey with these settings."""
    return look(who, SHEET)
