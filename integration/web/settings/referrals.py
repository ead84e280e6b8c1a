"""Settings: where clients come from, what of it is a recommendation, how it is followed (product.md R1, R2, R5)."""

from __future__ import annotations

from typing import Any

from flask import Response

from integration.current import deps
from integration.i18n import mark
from integration.nps.policy import REFERRAL_SOURCES, THANKABLE, Policy, PolicyProblem
from integration.nps.policy_checks import SIZES, SOURCE_NAME
from integration.nps.policy_sources import source_code
from integration.services import choices
from integration.services.frames import Viewer
from integration.web.forms.settings_people import SourcesForm
from integration.web.pages import say
from integration.web.referral_words import STEPS
from integration.web.settings import words
from integration.web.settings.problems import code_words
from integration.web.settings.sections import part, section
from integration.web.settings.sheet import Form, Raw, Sheet, Situation, look, respond

# Columns of the table of stages: what is ticked there -> setting.
LADDER = {"introduced": "introduced_stages", "talks": "talks_stages", "paid": "paid_stages"}


def _filled(policy: Policy, here: Situation) -> Raw:
    own = [
        {"code": code, "name": policy.referral_source_names.get(code, code), "gone": "",
         "recommends": "1" if code in policy.recommending_sources else ""}
        for code in policy.own_sources
    ]  # fmt: skip
    return {
        "recommending": [code for code in policy.recommending_sources if code in REFERRAL_SOURCES],
        "recommendation_id": policy.recommendation_id,
        "own": own,
        **{name: list(getattr(policy, field)) for name, field in LADDER.items()},
        "thanked": list(policy.thanked_steps),
        "thanks_days": str(policy.thanks_days),
    }


def _typed(form: Form) -> Raw:
    own: list[dict[str, str]] = []
    while len(own) <= SIZES["referral_sources"] and f"own-{len(own)}-name" in form:
        at = f"own-{len(own)}-"
        own.append({name: form.get(at + name, "") for name in ("code", "name", "recommends", "gone")})
    if form.getlist("do")[-1:] == ["add"]:
        own.append({"code": "", "name": "", "recommends": "1", "gone": ""})
    return {
        "recommending": form.getlist("recommending"), "own": own,
        "recommendation_id": form.get("recommendation_id", ""),
        **{name: form.getlist(name) for name in (*LADDER, "thanked")},
        "thanks_days": form.get("thanks_days", ""),
    }  # fmt: skip


def _read(raw: Raw, here: Situation) -> tuple[dict[str, Any], dict[str, str]]:
    """Sources as typed; a name that is changed keeps its code, a new one gets one of its own."""
    form, wrong = SourcesForm().read(raw)
    problems = {name: code_words(code) for name, code in wrong.items()}
    names: dict[str, str] = {}
    recommending = [code for code in REFERRAL_SOURCES if code in form["recommending"]]
    raw["places"] = {}
    for place, row in enumerate(raw["own"]):
        name = " ".join(row["name"].split())
        known = row["code"] in here.policy.own_sources
        if row["gone"] or (not name and not known):
            continue
        if len(name) > SOURCE_NAME:
            problems[f"own-{place}-name"] = code_words("too_long", most=SOURCE_NAME)
            continue
        code = row["code"] if known else source_code(name)
        taken = {one.casefold() for one in names.values()} | _usual()
        if code in names or name.casefold() in taken:
            problems[f"own-{place}-name"] = code_words("names_not_unique")
            continue
        names[code] = name
        raw["places"][code] = place
        if row["recommends"]:
            recommending.append(code)
    body = {
        "referral_sources": [*REFERRAL_SOURCES, *names], "referral_source_names": names,
        "recommending_sources": recommending, "recommendation_id": form.get("recommendation_id", ""),
        **{field: form[name] for name, field in LADDER.items()}, "thanked_steps": form["thanked"],
    }  # fmt: skip
    if "thanks_days" in form:
        body["thanks_days"] = form["thanks_days"]
    return body, problems


def _usual() -> set[str]:
    return {words.source(code, {}).casefold() for code in REFERRAL_SOURCES}


def _check(here: Situation) -> dict[str, str]:
    """A source that stands on cards goes only if that was said expressly."""
    gone = set(here.policy.own_sources) - set(here.wanted.own_sources) - here.confirmed
    if not gone:
        return {}
    used = choices.sources_in_use(deps(), here.who.portal_id)
    found = {}
    for place, row in enumerate(here.raw["own"]):
        if row["code"] in gone and used.get(row["code"]):
            name = here.policy.referral_source_names.get(row["code"], row["code"])
            found[f"own-{place}-name"] = code_words("source_in_use", source=name, cards=used[row["code"]])
    return found


def _place(problem: PolicyProblem, here: Situation) -> str:
    if problem.field.endswith("_stages"):
        return "ladder"
    if problem.field in ("thanked_steps", "thanks_days"):
        return {"thanked_steps": "thanked"}.get(problem.field, problem.field)
    place = here.raw.get("places", {}).get(problem.params.get("source"))
    return f"own-{place}-name" if place is not None else "referral_sources"


def _more(here: Situation) -> dict[str, Any]:
    """Stages the settings name and the portal has no more are shown too, to be unticked."""
    used = choices.sources_in_use(deps(), here.who.portal_id)
    known = {stage.stage_id for one in here.choices.pipelines for stage in one.stages}
    return {
        "used": used,
        "usual": [(code, words.source(code, {}), used.get(code, 0)) for code in REFERRAL_SOURCES],
        "sure": here.confirmed,
        "in_use": {row["code"] for row in here.raw["own"] if used.get(row["code"])},
        "ladder": (
            ("introduced", say(STEPS["introduced"])), ("talks", say(STEPS["in_talks"])), ("paid", say(STEPS["paid"])),
        ),
        "gone_stages": [(name, one) for name in LADDER for one in here.raw[name] if one not in known],
        "steps": [(step, say(STEPS[step])) for step in THANKABLE],
    }  # fmt: skip


SHEET = Sheet(
    "referrals",
    (
        "referral_sources", "recommending_sources", "referral_source_names", "recommendation_id", *LADDER.values(),
        "thanked_steps", "thanks_days",
    ),
    _filled, _typed, _read, place=_place, check=_check, more=_more, titled=True,
)  # fmt: skip


@section(
    "referrals",
    mark("Recommendations"),
    mark(
        "Where clients come from, which of it is a recommendation, how far it has come, and when to say thank you."
    ),
    glyph="heart",
)
def show(who: Viewer) -> Response:
    """The page."""
    return respond(who, SHEET)


@part("referrals", "live")
def live(who: Viewer) -> Response:
    """What would change."""
    return look(who, SHEET)
