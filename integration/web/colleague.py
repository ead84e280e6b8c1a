""" "Ask my colleague instead": the page on which a client names somebody else (product.md W12, S1)."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, Response, redirect, request, url_for

from integration.current import deps
from integration.i18n import mark
from integration.services import colleagues, survey
from integration.services.survey_types import SurveyPage
from integration.web import forms
from integration.web.pages import choose_language, language, say, show

blueprint = Blueprint("colleague", __name__)

PROBLEMS = {
    ("name", "empty"): mark("Please name your colleague."),
    ("name", "too_long"): mark("This name is too long."),
    ("reach", "empty"): mark(
        "Please say how we find them: a phone number, an e-mail or the position is enough."
    ),
    ("reach", "too_long"): mark("This is too long: one phone number or e-mail is enough."),
    ("words", "too_long"): mark("This is too long. Please shorten it."),
}


@blueprint.get("/s/<token>/colleague")
def page(token: str) -> Response:
    """Ask whom we should ask instead. Changes nothing."""
    found = survey.page(deps(), token)
    choose_language(request.args.get("lang"), found.language)
    if found.status == "open" and request.args.get("sent"):
        return _thanks(token, found)
    return _form(token, found, {}) if found.colleagues else back(token)


@blueprint.post("/s/<token>/colleague")
def name(token: str) -> Response:
    """Keep the proposal for staff; without a proof that a person made it, ask once more."""
    form = forms.posted(forms.ColleagueForm, forms.MESSAGE)
    found = survey.page(deps(), token)
    choose_language(form["lang"], found.language)
    if form["switch"]:
        return _form(token, found, form) if found.colleagues else back(token)
    result = colleagues.propose(
        deps(), token, {name: form[name] for name in ("name", "reach", "words")},
        proof=form["sure"] or form["proof"], sure=bool(form["sure"]),
        user_agent=request.headers.get("User-Agent", "")[:500],
    )  # fmt: skip
    match result.status:
        case "done":
            target = url_for("colleague.page", token=token, sent=1, lang=language())
            return cast(Response, redirect(target, 303))
        case "needs_confirmation":
            return _form(token, found, form, confirm=result.confirm)
        case "problem":
            told = {field: say(PROBLEMS[field, code]) for field, code in result.problems}
            return _form(token, found, form, problems=told, status=422)
        case "too_many":
            return _message(
                token, found, say("Thank you, that is enough"),
                [say("You have named several people already. Our team decides whom to ask.")], 429,
            )  # fmt: skip
    return back(token)


def back(token: str) -> Response:
    """The answer page says what is the matter."""
    return cast(Response, redirect(url_for("survey.page", token=token, lang=language()), 303))


def _form(
    token: str, found: SurveyPage, form: dict[str, Any], *, confirm: str = "", problems: dict[str, str] | None = None,
    status: int = 200,
) -> Response:  # fmt: skip
    return show(
        "survey/colleague.html", status, **_common(token, found), confirm=confirm, problems=problems or {},
        given={name: form.get(name, "") for name in ("name", "reach", "words")},
        most=colleagues.LONGEST["words"],
    )  # fmt: skip


def _thanks(token: str, found: SurveyPage) -> Response:
    lines = [
        say(
            "Our team sees whom you named and decides. Nobody gets a letter just because the name was typed here."
        ),
        say("We will not remind you any more. Your own answer is still welcome."),
    ]
    return _message(token, found, say("Thank you"), lines)


def _message(token: str, found: SurveyPage, heading: str, lines: list[str], status: int = 200) -> Response:
    link = {"href": url_for("survey.page", token=token, lang=language()), "text": say("Answer now after all")}
    return show(
        "survey/message.html", status, **_common(token, found), heading=heading, lines=lines, link=link
    )


def _common(token: str, found: SurveyPage) -> dict[str, Any]:
    return {
        "page": found,
        "address": lambda other: url_for(
            "colleague.page", token=token, lang=other, sent=request.args.get("sent")
        ),
        "name_url": url_for("colleague.name", token=token),
        "prove_url": url_for("survey.prove", token=token),
        "back_url": url_for("survey.page", token=token, lang=language()),
        "direct_url": url_for("direct.page", token=found.direct, lang=language()) if found.direct else "",
    }
