"""Settings: who acts on an answer and by when, and how answers are counted (product.md F, N1, N7)."""

from __future__ import annotations

from typing import Any

from flask import Response

from integration.i18n import mark
from integration.nps.policy import Policy, PolicyProblem
from integration.nps.policy_checks import SIZES
from integration.services.frames import Viewer
from integration.web.forms.settings import apart
from integration.web.forms.settings_people import FollowupsForm
from integration.web.pages import say
from integration.web.settings import people, words
from integration.web.settings.problems import code_words
from integration.web.settings.sections import part, section
from integration.web.settings.sheet import Form, Raw, Sheet, Situation, look, respond

GROUPS = ("detractor", "passive", "promoter")
ROLES = ("decides", "daily", "other")
NUMBERS = (
    "silent_days", "direct_line_days", "disagreement_days", "disagreement_spread", "escalate_days",
    "systemic_share", "min_group",
)  # fmt: skip
PEOPLE = ("head_user_id", "default_owner")
SPARE = 1  # empty rows behind those that are filled


def _filled(policy: Policy, here: Situation) -> Raw:
    by_director: dict[int, list[str]] = {}
    for city, user in policy.director_by_city.items():
        by_director.setdefault(user, []).append(city)
    return {
        **{name: str(getattr(policy, name)) for name in (*NUMBERS, "account_rule")},
        **{f"{group}_days": str(policy.deadline_days.get(group, "")) for group in GROUPS},
        **{f"weight_{role}": str(policy.role_weights.get(role, "")) for role in ROLES},
        **{name: people.shown(here.choices, getattr(policy, name)) for name in PEOPLE},
        "silent_check": "1" if policy.silent_check else "",
        "triggers": "1" if policy.triggers else "",
        "directors": [
            {"person": people.shown(here.choices, user), "cities": ", ".join(cities)}
            for user, cities in by_director.items()
        ] + [{"person": "", "cities": ""}] * SPARE,
        "callers": [people.shown(here.choices, user) for user in policy.callers] + [""] * SPARE,
    }  # fmt: skip


def _typed(form: Form) -> Raw:
    one = (
        *NUMBERS, *PEOPLE, "account_rule", "silent_check", "triggers", *(f"{group}_days" for group in GROUPS),
        *(f"weight_{role}" for role in ROLES),
    )  # fmt: skip
    directors: list[dict[str, str]] = []
    while len(directors) <= SIZES["director_by_city"] and f"director-{len(directors)}-person" in form:
        at = f"director-{len(directors)}-"
        directors.append({"person": form.get(f"{at}person", ""), "cities": form.get(f"{at}cities", "")})
    callers: list[str] = []
    while len(callers) <= SIZES["callers"] and f"caller-{len(callers)}" in form:
        callers.append(form.get(f"caller-{len(callers)}", ""))
    added = form.getlist("do")[-1:]
    if added == ["add-director"]:
        directors.append({"person": "", "cities": ""})
    if added == ["add-caller"]:
        callers.append("")
    return {**{name: form.get(name, "") for name in one}, "directors": directors, "callers": callers}


def _read(raw: Raw, here: Situation) -> tuple[dict[str, Any], dict[str, str]]:
    form, wrong = FollowupsForm().read(raw)
    problems = {name: code_words(code) for name, code in wrong.items()}
    body: dict[str, Any] = {
        name: form[name] for name in (*NUMBERS, "account_rule", "silent_check", "triggers") if name in form
    }
    body["deadline_days"] = {
        **here.policy.deadline_days,
        **{group: form[f"{group}_days"] for group in GROUPS if f"{group}_days" in form},
    }
    body["role_weights"] = {
        **here.policy.role_weights,
        **{role: form[f"weight_{role}"] for role in ROLES if f"weight_{role}" in form},
    }
    for name in PEOPLE:
        try:
            body[name] = people.chosen(here.choices, raw[name])
        except ValueError:
            problems[name] = code_words("unread_person")
    body["director_by_city"] = _directors(raw, here, problems)
    body["callers"] = _callers(raw, here, problems)
    return body, problems


def _directors(raw: Raw, here: Situation, problems: dict[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, row in enumerate(raw["directors"]):
        cities = apart(row["cities"][:2000])
        try:
            user = people.chosen(here.choices, row["person"])
        except ValueError:
            problems[f"director-{place}-person"] = code_words("unread_person")
            continue
        if user is None and not cities:
            continue
        if user is None or not cities:
            problems[f"director-{place}-{'cities' if user else 'person'}"] = code_words("missing")
            continue
        for city in cities:
            if city.casefold() in (known.casefold() for known in found):
                problems[f"director-{place}-cities"] = code_words("twice_city", city=city)
            found[city] = user
    return found


def _callers(raw: Raw, here: Situation, problems: dict[str, str]) -> list[int]:
    found: list[int] = []
    for place, typed in enumerate(raw["callers"]):
        try:
            user = people.chosen(here.choices, typed)
        except ValueError:
            problems[f"caller-{place}"] = code_words("unread_person")
            continue
        if user is not None:
            found.append(user)
    return list(dict.fromkeys(found))


def _place(problem: PolicyProblem, here: Situation) -> str:
    """The form has a field for each group and role, and a row for each director and caller."""
    params = problem.params
    if problem.field == "deadline_days" and params.get("group") in GROUPS:
        return f"{params['group']}_days"
    if problem.field == "role_weights" and params.get("role") in ROLES:
        return f"weight_{params['role']}"
    if "user" in params and problem.field in ("director_by_city", "callers"):
        rows = (
            here.raw["callers"]
            if problem.field == "callers"
            else [row["person"] for row in here.raw["directors"]]
        )
        for place, typed in enumerate(rows):
            if _same(here, typed, params["user"]):
                return f"caller-{place}" if problem.field == "callers" else f"director-{place}-person"
    return problem.field


def _same(here: Situation, typed: str, user: str | int) -> bool:
    try:
        return people.chosen(here.choices, typed) == user
    except ValueError:
        return False


def _more(here: Situation) -> dict[str, Any]:
    policy = here.wanted
    named = [policy.head_user_id, policy.default_owner, *policy.director_by_city.values(), *policy.callers]
    return {
        "picker": people.picker(here.choices, named),
        "rules": [[code, say(text), say(RULE_HINTS[code])] for code, text in words.RULES.items()],
        "groups": [(f"{group}_days", say(words.GROUPS[group])) for group in GROUPS],
        "roles": [(f"weight_{role}", say(words.ROLES[role])) for role in ROLES],
        "cities": [city for city, _ in here.choices.cities[:100]],
    }  # fmt: skip


RULE_HINTS = {
    "worst_decision_maker": mark(
        "If nobody who decides has answered: the lowest of all. Shows trouble first."
    ),
    "weighted": mark("Whoever decides weighs more; halves are rounded down."),
    "equal": mark("Everybody counts alike; halves are rounded down."),
}
SHEET = Sheet(
    "followups",
    (*NUMBERS, *PEOPLE, "account_rule", "silent_check", "triggers", "deadline_days", "role_weights", "director_by_city",
     "callers"),
    _filled, _typed, _read, place=_place, more=_more,
)  # fmt: skip


@section(
    "followups",
    mark("Follow-ups"),
    mark("Whoever answers gets a reaction: who takes care of it, by when, and who is told if nobody does."),
    glyph="task",
)
def show(who: Viewer) -> Response:
    """The page."""
    return respond(who, SHEET)


@part("followups", "live")
def live(who: Viewer) -> Response:
    """What would change."""
    return look(who, SHEET)
