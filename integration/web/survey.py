"""The answer page: ten seconds, no login, works without a script (product.md S1-S4, W12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from flask import Blueprint, Response, jsonify, redirect, request, url_for

from integration import i18n
from integration.current import deps
from integration.nps.people import Channel
from integration.nps.questionnaire import MAX_COMMENT
from integration.services import extra_answers, optouts, survey
from integration.services.survey_types import AnswerResult, SnoozeResult, SurveyPage
from integration.web import extra_words, forms
from integration.web.pages import choose_language, language, say, show
from integration.web.survey_words import ENDED, NO_LETTER, PROBLEMS, THANKS

blueprint = Blueprint("survey", __name__)

VIAS = ("link", "messenger")  # an address given out by people instead of a letter (W17)
SHORT_NAME = 40  # characters; a longer name stands in the page's head only
STATUS = {"expired": 410, "revoked": 410, "unknown": 404}


@blueprint.get("/s/<token>")
def page(token: str) -> Response:
    """Show the page in its state. Changes nothing, whatever the address says (S1)."""
    found = survey.page(deps(), token)
    choose_language(request.args.get("lang"), found.language)
    if found.status == "answered":
        noted = request.args.get("noted") == "1"
        return _thanks(token, found, chosen=_score(request.args.get("score"), found.score), noted=noted)
    if found.status == "open":
        return _question(token, found, chosen=_score(request.args.get("score"), None))
    return _ended(token, found)


@blueprint.post("/s/<token>")
def answer(token: str) -> Response:
    """Take the answer; without a proof that a person gave it, ask for the score once more."""
    form = forms.posted(forms.AnswerForm, forms.ANSWER)
    if form["switch"]:
        return _switched(token, form)
    result = survey.answer(
        deps(), token, {"score": form["score"], "comment": form["comment"]},
        proof=form["proof"], user_agent=_agent(), remote=request.remote_addr or "", channel=_channel(form["via"]),
        language=form["lang"] or "",
    )  # fmt: skip
    choose_language(form["lang"], result.page.language)
    return _answered(token, form, result)


@blueprint.post("/s/<token>/proof")
def prove(token: str) -> Response:
    """Give the page's script a one-time value for a person's gesture."""
    form = forms.posted(forms.GestureForm, forms.SMALL)
    gesture = {name: form[name] for name in ("type", "trusted", "purpose")}
    value = survey.prove(deps(), token, form["nonce"], gesture, user_agent=_agent())
    return jsonify({"proof": value}) if value else _refused()


@blueprint.get("/s/<token>/more")
def back_to_thanks(token: str) -> Response:
    """Whoever comes here by the address alone sees the answer page. Changes nothing."""
    choose_language(request.args.get("lang"), survey.page(deps(), token).language)
    return redirect_to_page(token)


@blueprint.post("/s/<token>/more")
def more(token: str) -> Response:
    """Take answers to extra questions; without a proof that a person gave them, ask once more (W13)."""
    form = forms.posted(forms.ExtraForm, forms.MESSAGE)
    posted = extra_words.posted(request.form)
    found = survey.page(deps(), token)
    choose_language(form["lang"], found.language)
    if found.status != "answered" or not (found.extra.asked or posted):
        return redirect_to_page(token)
    if form["switch"]:
        return _thanks(token, found, chosen=found.score, typed=posted)
    result = extra_answers.give(
        deps(), token, posted, proof=form["sure"] or form["proof"], sure=bool(form["sure"]), user_agent=_agent(),
        remote=request.remote_addr or "", language=language(),
    )  # fmt: skip
    if result.status == "problem":
        return _thanks(token, found, chosen=found.score, typed=posted, wrong=result.problems, status=422)
    if result.status == "needs_confirmation":
        return show(
            "survey/more.html", **_common(token, found), confirm=result.confirm, given=posted,
            fields=extra_words.fields(found.extra, posted),
            back_url=url_for("survey.page", token=token, lang=language()),
        )  # fmt: skip
    noted = 1 if result.status == "done" and any(posted.values()) else None
    return cast(Response, redirect(url_for("survey.page", token=token, lang=language(), noted=noted), 303))


@blueprint.get("/s/<token>/later")
def ask_later(token: str) -> Response:
    """Ask whether the survey shall come back later. Changes nothing."""
    found = survey.page(deps(), token)
    choose_language(request.args.get("lang"), found.language)
    return _later(token, found) if found.status == "open" else redirect_to_page(token)


@blueprint.post("/s/<token>/later")
def later(token: str) -> Response:
    """Postpone the survey (W12)."""
    form = forms.posted(forms.DecisionForm, forms.SMALL)
    result = optouts.snooze(
        deps(), token, proof=form["sure"] or form["proof"], sure=bool(form["sure"]), user_agent=_agent()
    )
    found = survey.page(deps(), token)
    choose_language(form["lang"], found.language)
    if result.status == "needs_confirmation":
        return _later(token, found, confirm=result.confirm)
    return _postponed(token, found, result) if result.status == "done" else redirect_to_page(token)


def redirect_to_page(token: str) -> Response:
    """See the answer page itself, in the language of this request."""
    return cast(Response, redirect(url_for("survey.page", token=token, lang=language()), 303))


def _answered(token: str, form: dict[str, Any], result: AnswerResult) -> Response:
    if result.status == "counted":
        return redirect_to_page(token)
    if result.status == "needs_confirmation":
        return show(
            "survey/confirm.html", **_common(token, result.page), proof=result.confirm, comment=result.comment,
            problems={},
        )  # fmt: skip
    if result.status == "closed":
        return _ended(token, result.page)
    problems = {field: say(PROBLEMS.get(field, PROBLEMS["score"])) for field, _code in result.problems}
    view = _thanks if result.page.status == "answered" else _question
    chosen, comment = _score(form["score"], None), form["comment"]
    return view(token, result.page, chosen=chosen, comment=comment, problems=problems, status=422)


def _switched(token: str, form: dict[str, Any]) -> Response:
    """Another language: nothing is sent, and what was chosen and written stays."""
    found = survey.page(deps(), token)
    choose_language(form["lang"], found.language)
    view = {"open": _question, "answered": _thanks}.get(found.status)
    if view is None:
        return _ended(token, found)
    return view(token, found, chosen=_score(form["score"], None), comment=form["comment"])


def _question(
    token: str, found: SurveyPage, *, chosen: int | None, comment: str = "",
    problems: dict[str, str] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    return show(
        "survey/question.html", status, **_common(token, found), chosen=chosen, comment=comment, proof="",
        problems=problems or {},
    )  # fmt: skip


def _thanks(
    token: str, found: SurveyPage, *, chosen: int | None, comment: str | None = None,
    problems: dict[str, str] | None = None, status: int = 200, noted: bool = False,
    typed: Mapping[str, str] | None = None, wrong: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    heading, words = THANKS[found.group or "passive"]
    until = i18n.day(language(), found.edit_until.date()) if found.edit_until else ""
    return show(
        "survey/thanks.html", status, **_common(token, found), chosen=chosen,
        thanks={"heading": say(heading), "words": say(words)}, problems=problems or {},
        comment=found.comment if comment is None else comment, edit_until=until,
        extra=extra_words.shown(found.extra, typed, wrong or {}), noted=noted and bool(found.extra.said),
        opened=bool(chosen != found.score or comment or problems or not (found.comment or found.extra.asked)),
    )  # fmt: skip


def _later(token: str, found: SurveyPage, *, confirm: str = "") -> Response:
    lines = [
        say(
            "We will not write to you for a while and will then ask once more. Your answer is worth the wait."
        )
    ]
    if not optouts.comes_back(deps(), token):
        lines = [say(line) for line in NO_LETTER]
    return show(
        "survey/ask.html", **_common(token, found), heading=say("Shall we ask you later?"), lines=lines,
        action=url_for("survey.later", token=token), purpose="snooze", confirm=confirm, tone="primary",
        button=say("Ask me later"), back=url_for("survey.page", token=token, lang=language()),
    )  # fmt: skip


def _postponed(token: str, found: SurveyPage, result: SnoozeResult) -> Response:
    if result.day:
        day = i18n.day(language(), result.day)
        lines = [say("We will ask you once more after {day}. Until then you hear nothing about it.", day=day)]
    else:
        lines = [say(line) for line in NO_LETTER]
    heading = say("All right, later") if result.day else say("All right")
    return show(
        "survey/message.html", **_common(token, found), heading=heading, lines=lines,
        link={"href": url_for("survey.page", token=token, lang=language()), "text": say("Answer now after all")},
    )  # fmt: skip


def _ended(token: str, found: SurveyPage) -> Response:
    heading, lines = ENDED.get(found.status, ENDED["unknown"])
    return show(
        "survey/message.html", STATUS.get(found.status, 200), **_common(token, found),
        heading=say(heading), lines=[say(line) for line in lines], link=None,
    )  # fmt: skip


def _common(token: str, found: SurveyPage) -> dict[str, Any]:
    code = language()
    return {
        "page": found,
        "question": _wording(found),
        "about": _about(found),
        "via": request.values.get("via") if request.values.get("via") in VIAS else "",
        "address": lambda other: url_for(
            "survey.page", token=token, lang=other, score=request.args.get("score")
        ),
        "answer_url": url_for("survey.answer", token=token),
        "prove_url": url_for("survey.prove", token=token),
        "more_url": url_for("survey.more", token=token),
        "later_url": url_for("survey.ask_later", token=token, lang=code),
        "colleague_url": url_for("colleague.page", token=token, lang=code),
        "never_url": url_for("unsubscribe.page", token=token, lang=code),
        "comment_limit": MAX_COMMENT,
        "direct_url": url_for("direct.page", token=found.direct, lang=code) if found.direct else "",
    }


def _wording(found: SurveyPage) -> str:
    """The one question, in the words of the letters (product.md W13; `mail/templates/shared/<language>/words.txt`)."""
    if found.agency and len(found.agency) <= SHORT_NAME:
        return say(
            "How likely are you to recommend {agency} to a colleague or friend?", agency=_called(found.agency)
        )
    return say("How likely are you to recommend us to a colleague or friend?")


def _called(agency: str) -> str:
    """The agency as the letters call it: in quotes where the language wants them, unless it brings its own."""
    own = any(mark in agency for mark in '«»"„“”')
    return agency if own or language() == "en" else f"«{agency}»"


def _about(found: SurveyPage) -> str:
    """What and who is judged (W20)."""
    team = ", ".join(found.people)
    if found.service and team:
        return say("This is about: {service}. Your team: {team}.", service=found.service, team=team)
    if found.service:
        return say("This is about: {service}.", service=found.service)
    return say("Your team: {team}.", team=team) if team else ""


def _score(text: str | None, default: int | None) -> int | None:
    """A score from an address or a form; anything else is the default."""
    if text and text.isascii() and text.isdigit() and len(text) <= 2 and int(text) <= 10:
        return int(text)
    return default


def _channel(via: str) -> Channel:
    return cast(Channel, via) if via in VIAS else "email"


def _agent() -> str:
    return request.headers.get("User-Agent", "")[:500]


def _refused() -> Response:
    answer = jsonify({"proof": None})
    answer.status_code = 403
    return answer
