"""Settings: who is a client and who is asked, with a live count (product.md E, P7)."""

from __future__ import annotations

import json
import re
from datetime import date
from hashlib import sha256
from typing import Any

from flask import Response, request

from integration.current import deps
from integration.i18n import mark
from integration.nps.eligibility import REASONS
from integration.nps.errors import NoWorkingDay
from integration.nps.policy import Policy
from integration.nps.policy_json import to_json
from integration.services import forecast
from integration.services.forecast import Forecast
from integration.services.frames import Viewer
from integration.services.wave_preview import NextList, next_list
from integration.web.forms.settings_survey import ClientsForm
from integration.web.pages import say
from integration.web.settings.problems import code_words
from integration.web.settings.sections import part, section
from integration.web.settings.sheet import Form, Raw, Sheet, Situation, look, respond

FIRST_LOOK = (
    0.0  # the first few hundred clients are counted before a page is shown, the rest follows on the page
)
NUMBERS = ("current_months", "min_age_months", "min_gap_days", "max_respondents")
REASON_WORDS = {
    "not_current": mark("no running work, and none that has ended lately"),
    "too_new": mark("with us for too short a time"),
    "asked_recently": mark("asked not long ago"),
    "opted_out": mark("never want to be asked again"),
    "on_hold": mark("not to be asked for now"),
    "no_respondent": mark("no contact on the card"),
    "no_channel": mark("no address to write to"),
    "excluded_by_hand": mark("left out by hand"),
}
NO_PIPELINES = "no_pipelines"  # what is ticked by an agency that works without running deals
LISTS = ("pipelines", "stages", "trouble")
FIELDS = ("end_field", "city_field", "manager_field", "sales_field", "revenue_field", "zone_field")


def _filled(policy: Policy, here: Situation) -> Raw:
    working = [
        s.stage_id for p in here.choices.pipelines if p.number in policy.service_pipelines for s in p.working
    ]
    return {
        "pipelines": [str(number) for number in policy.service_pipelines],
        "stages": list(policy.service_stages) or working,
        "trouble": list(policy.trouble_stages),
        "since": f"{policy.since_field_on}:{policy.since_field}" if policy.since_field else "",
        "critical_tasks": "1" if policy.critical_tasks else "",
        **{name: getattr(policy, name) for name in FIELDS},
        "shared_mailboxes": ", ".join(policy.shared_mailboxes),
        "as_of": "today",
        **{name: str(getattr(policy, name)) for name in NUMBERS},
    }  # fmt: skip


def _typed(form: Form) -> Raw:
    return {name: form.getlist(name) if name in LISTS else form.get(name, "") for name in (
        *LISTS, *NUMBERS, *FIELDS, "since", "critical_tasks", "shared_mailboxes", "as_of",
    )}  # fmt: skip


def _read(raw: Raw, here: Situation) -> tuple[dict[str, Any], dict[str, str]]:
    """All stages of the chosen pipelines ticked: whichever stages they have, also those made later."""
    form, wrong = ClientsForm().read(raw)
    problems = {name: code_words(code) for name, code in wrong.items()}
    pipelines = [int(one) for one in form["pipelines"] if one.isascii() and one.isdigit() and len(one) < 10]
    body: dict[str, Any] = {
        name: form[name] for name in (*NUMBERS, *FIELDS, "critical_tasks", "shared_mailboxes") if name in form
    }
    body["service_pipelines"] = pipelines
    body["service_stages"] = _stages(form["stages"], pipelines, here)
    body["trouble_stages"] = form["trouble"]
    kind, _, code = form.get("since", "").partition(":")
    body["since_field"] = code
    body["since_field_on"] = kind if code and kind in ("deal", "company") else "deal"
    return body, problems


def _check(here: Situation) -> dict[str, str]:
    """No pipeline ticked: nobody's work is running, and only deals won lately count. Saved only if that is meant."""
    if not here.choices.pipelines or here.wanted.service_pipelines or NO_PIPELINES in here.confirmed:
        return {}
    return {"pipelines": code_words("no_pipelines", months=here.wanted.current_months)}


def _stages(ticked: list[str], pipelines: list[int], here: Situation) -> list[str]:
    mine = [stage for one in here.choices.pipelines if one.number in pipelines for stage in one.working]
    others = {stage.stage_id for one in here.choices.pipelines for stage in one.working} - {
        s.stage_id for s in mine
    }
    kept = [stage for stage in ticked if stage not in others]
    if {stage.stage_id for stage in mine} <= set(kept) and len(kept) == len(mine):
        return []
    return kept


def _more(here: Situation) -> dict[str, Any]:
    """Stages and pipelines the settings name and the portal has no more are shown too, to be unticked."""
    known = {stage.stage_id for one in here.choices.pipelines for stage in one.stages}
    numbers = {one.number for one in here.choices.pipelines}
    return {
        "sure": here.confirmed,
        "gone_stages": [stage for stage in here.raw["stages"] if stage not in known],
        "gone_trouble": [stage for stage in here.raw["trouble"] if stage not in known],
        "gone_pipelines": [
            one
            for one in here.raw["pipelines"]
            if one.isascii() and one.isdigit() and len(one) < 10 and int(one) not in numbers
        ],
    }  # fmt: skip


def _live(here: Situation) -> dict[str, Any]:
    counted, unfinished = _counted(here)
    total = max(counted.total, counted.judged)
    return {
        "count": counted,
        "reasons": [(say(REASON_WORDS[one]), counted.reasons[one]) for one in REASONS if counted.reasons.get(one)],
        "so_far": unfinished,
        "percent": round(100 * counted.judged / total) if total else 100,
        "next_list": _next_list(here),
    }  # fmt: skip


def _counted(here: Situation) -> tuple[Forecast, str]:
    """The count of these settings, gone on with if the same were being counted, and what to go on from."""
    day = _next_list(here).day if here.raw.get("as_of") == "next" else None
    key = sha256(json.dumps([to_json(here.wanted), str(day)], sort_keys=True).encode()).hexdigest()[:16]
    live = request.path.endswith("/live")
    so_far = _so_far(request.form.get("so_far", ""), key)
    counted = forecast.count(
        deps(), here.who.portal_id, here.wanted, day=day, so_far=so_far, in_passing=not live,
        seconds=forecast.SECONDS if live else FIRST_LOOK,
    )  # fmt: skip
    if counted.done:
        return counted, ""
    left = [key, counted.day.isoformat(), counted.asked, counted.people, dict(counted.reasons), counted.after]
    return counted, json.dumps(left)


def _so_far(text: str, key: str) -> Forecast | None:
    """An unfinished count as the page sends it back; nothing if it is of other settings or makes no sense."""
    try:
        known, day, asked, people, reasons, after = json.loads(text[:2000])
        if known != key or not after:
            return None
        counts = {reason: int(reasons[reason]) for reason in REASONS if reason in reasons}
        kind, _, number = str(after).partition(":")
        if kind not in ("company", "contact") or not re.fullmatch(r"[0-9]{1,9}", number):
            return None
        return Forecast(date.fromisoformat(day), int(asked), int(people), counts, str(after))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _next_list(here: Situation) -> NextList:
    try:
        return next_list(deps(), here.who.portal_id, here.wanted)
    except (NoWorkingDay, ValueError):
        return NextList(None, False)


SHEET = Sheet(
    "clients",
    (
        "service_pipelines", "service_stages", "trouble_stages", "since_field", "since_field_on", *FIELDS,
        "critical_tasks", "shared_mailboxes", *NUMBERS,
    ),
    _filled, _typed, _read,
    place=lambda problem, _: {
        "service_pipelines": "pipelines", "service_stages": "stages", "trouble_stages": "trouble",
        "since_field": "since", "since_field_on": "since",
    }.get(problem.field, problem.field),
    check=_check, more=_more, live=_live, titled=True,
)  # fmt: skip


@section(
    "clients",
    mark("Who is asked"),
    mark("Which clients are asked, and whom at the client. Beside it you see how many that would be."),
    glyph="people",
)
def show(who: Viewer) -> Response:
    """The page."""
    return respond(who, SHEET)


@part("clients", "live")
def live(who: Viewer) -> Response:
    """How many would be asked with these settings."""
    return look(who, SHEET)
