"""Settings: after which stages of a deal its client is asked about the project, and how patiently (product.md W16)."""

from __future__ import annotations

from typing import Any

from flask import Response

from integration.i18n import mark
from integration.nps.policy import Policy
from integration.services.frames import Viewer
from integration.web.forms.settings_survey import ProjectsForm
from integration.web.settings.problems import code_words
from integration.web.settings.sections import part, section
from integration.web.settings.sheet import Form, Raw, Sheet, Situation, look, respond

NUMBERS = ("project_delay_days", "project_gap_days", "project_reminder_days", "project_closing_days")


def _filled(policy: Policy, here: Situation) -> Raw:
    return {
        "project_surveys": "1" if policy.project_surveys else "",
        "stages": list(policy.project_stages),
        **{name: str(getattr(policy, name)) for name in NUMBERS},
    }


def _typed(form: Form) -> Raw:
    one = ("project_surveys", *NUMBERS)
    return {**{name: form.get(name, "") for name in one}, "stages": form.getlist("stages")}


def _read(raw: Raw, here: Situation) -> tuple[dict[str, Any], dict[str, str]]:
    form, wrong = ProjectsForm().read(raw)
    problems = {name: code_words(code) for name, code in wrong.items()}
    body = {name: form[name] for name in ("project_surveys", *NUMBERS) if name in form}
    return body | {"project_stages": form["stages"]}, problems


def _more(here: Situation) -> dict[str, Any]:
    """Stages the settings name and the portal has no more are shown too, to be unticked."""
    known = {stage.stage_id for one in here.choices.pipelines for stage in one.stages}
    return {"gone_stages": [one for one in here.raw["stages"] if one not in known]}


SHEET = Sheet(
    "projects", ("project_surveys", "project_stages", *NUMBERS), _filled, _typed, _read,
    place=lambda problem, here: "stages" if problem.field == "project_stages" else problem.field, more=_more,
)  # fmt: skip


@section(
    "projects",
    mark("After a project"),
    mark(
        "One question about the project itself, apart from the yearly survey: after which stages, and how patiently."
    ),
    glyph="check",
)
def show(who: Viewer) -> Response:
    """The page."""
    return respond(who, SHEET)


@part("projects", "live")
def live(who: Viewer) -> Response:
    """What would change."""
    return look(who, SHEET)
