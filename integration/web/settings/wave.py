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
from integration.nps.policy import LANGUAGES, Policy
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
        "reminder_days": ", ".join(map(str, policy.reminder_days)),
        "languages": list(policy.languages),
        "wave_owner": people.shown(here.choices, policy.wave_owner),
    }


def _typed(form: Form) -> Raw:
    one = (*NUMBERS, *TEXTS, *SWITCHES, "reminder_days", "wave_owner")
    return {**{name: form.get(name, "") for name in one}, "languages": form.getlist("languages")}


def _read(raw: Raw, here: Situation) -> tuple[dict[str, Any], dict[str, str]]:
    body, wrong = WaveForm().read(raw)
    problems = {name: code_words(code) for name, code in wrong.items()}
    try:
        body["wave_owner"] = people.chosen(here.choices, raw["wave_owner"])
    except ValueError:
        problems["wave_owner"] = code_words("unread_person")
    body["languages"] = [one for one in LANGUAGES if one in body["languages"]]
    return body, problems


def _more(here: Situation) -> dict[str, Any]:
    hours = [[str(hour), f"{hour}:00"] for hour in range(25)]
    return {
        "months": [["0", say("do not plan surveys by itself")], *([str(n), words.month(n)] for n in range(1, 13))],
        "hours_from": hours[:-1], "hours_to": hours[1:],
        "countries": _countries(here), "zones": _zones(),
        "tongues": [[code, i18n.NAMES[code]] for code in LANGUAGES],
        "readiness": [[code, say(text)] for code, text in words.READINESS.items()],
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
    "wave", (*NUMBERS, *TEXTS, *SWITCHES, "reminder_days", "languages", "wave_owner"), _filled, _typed, _read,
    more=_more, live=_live,
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
