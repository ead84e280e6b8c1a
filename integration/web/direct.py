"""The direct line: a client writes to the head of the agency, past its manager, without a login (product.md S5)."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, Response, jsonify, redirect, request, url_for

from integration.current import deps
from integration.i18n import mark
from integration.services import direct_line
from integration.services.direct_line import DirectPage
from integration.web import forms
from integration.web.pages import choose_language, language, say, show

blueprint = Blueprint("direct", __name__)

CLOSED = {
    "revoked": (
        mark("This address no longer works"),
        mark(
            "It was withdrawn. Please reply to our last letter or call us: the address in a newer letter works."
        ),
    ),
    "off": (
        mark("This page is closed"),
        mark("The agency reads no messages here at the moment. Please reply to our last letter or call us."),
    ),
    "unknown": (
        mark("We cannot find this page"),
        mark(
            "The address may have been cut off by the mail program. Please copy the whole address from the letter."
        ),
    ),
}
STATUS = {"revoked": 410, "off": 410, "unknown": 404}
PROBLEMS = {
    ("words", "empty"): mark("Please write at least a few words."),
    ("words", "too_long"): mark("This message is too long. Please shorten it."),
    ("person", "too_long"): mark("This name is too long."),
    ("back", "too_long"): mark("This is too long: one phone number or e-mail is enough."),
}


@blueprint.get("/d/<token>")
def page(token: str) -> Response:
    """The page in its state. Changes nothing, whatever the address says (product.md S1)."""
    found = direct_line.page(deps(), token)
    choose_language(request.args.get("lang"), found.language)
    if found.status == "open" and request.args.get("sent"):
        return _thanks(token, found)
    return _form(token, found, {}) if found.status == "open" else _closed(token, found)


@blueprint.post("/d/<token>")
def write(token: str) -> Response:
    """Take a message; without a proof that a person wrote it, ask once more."""
    form = forms.posted(forms.MessageForm, forms.MESSAGE)
    if form["switch"]:
        found = direct_line.page(deps(), token)
        choose_language(form["lang"], found.language)
        return _form(token, found, form) if found.status == "open" else _closed(token, found)
    result = direct_line.say(
        deps(), token, {name: form[name] for name in ("words", "person", "back")},
        proof=form["sure"] or form["proof"], sure=bool(form["sure"]), user_agent=_agent(),
    )  # fmt: skip
    choose_language(form["lang"], result.page.language)
    match result.status:
        case "done":
            return cast(Response, redirect(url_for("direct.page", token=token, sent=1, lang=language()), 303))
        case "needs_confirmation":
            return _form(token, result.page, form, confirm=result.confirm)
        case "problem":
            told = {field: say(PROBLEMS[field, code]) for field, code in result.problems}
            return _form(token, result.page, form, problems=told, status=422)
        case "too_many":
            return _too_many(token, result.page)
    return _closed(token, result.page)


@blueprint.post("/d/<token>/proof")
def prove(token: str) -> Response:
    """Give the page's script a one-time value for a person's gesture."""
    form = forms.posted(forms.GestureForm, forms.SMALL)
    gesture = {name: form[name] for name in ("type", "trusted")}
    value = direct_line.prove(deps(), token, form["nonce"], gesture, user_agent=_agent())
    answer = jsonify({"proof": value})
    answer.status_code = 200 if value else 403
    return answer


def _form(
    token: str, found: DirectPage, form: dict[str, Any], *, confirm: str = "", problems: dict[str, str] | None = None,
    status: int = 200,
) -> Response:  # fmt: skip
    return show(
        "survey/direct.html", status, **_common(token, found), heading=_heading(found), lines=_lines(found),
        given={name: form.get(name, "") for name in ("words", "person", "back")}, confirm=confirm,
        problems=problems or {}, most=direct_line.MOST_WORDS,
    )  # fmt: skip


def _heading(found: DirectPage) -> str:
    return (
        say("Write to {name}", name=found.reader) if found.reader else say("Write to the head of the agency")
    )


def _lines(found: DirectPage) -> list[str]:
    if found.reader and found.position:
        who = say(
            "{name} ({position}) reads this page in person.", name=found.reader, position=found.position
        )
    elif found.reader:
        who = say("{name} reads this page in person.", name=found.reader)
    else:
        who = say("The head of the agency reads this page in person.")
    return [who, say("Your account manager does not get what you write here.")]


def _thanks(token: str, found: DirectPage) -> Response:
    line = (
        say("{name} has your message and will see to it that you get an answer.", name=found.reader)
        if found.reader
        else say("The head of the agency has your message and will see to it that you get an answer.")
    )
    more = {"href": url_for("direct.page", token=token, lang=language()), "text": say("Write something else")}
    return show(
        "survey/message.html", **_common(token, found), heading=say("Thank you"),
        lines=[line, say("You can come back to this address at any time.")], link=more,
    )  # fmt: skip


def _too_many(token: str, found: DirectPage) -> Response:
    return show(
        "survey/message.html", 429, **_common(token, found), heading=say("That is a lot for one day"),
        lines=[
            say("This message has not been sent. Please reply to our last letter or call us, or write tomorrow."),
        ],
        link=None,
    )  # fmt: skip


def _closed(token: str, found: DirectPage) -> Response:
    heading, line = CLOSED.get(found.status, CLOSED["unknown"])
    return show(
        "survey/message.html", STATUS.get(found.status, 404), **_common(token, found), heading=say(heading),
        lines=[say(line)], link=None,
    )  # fmt: skip


def _common(token: str, found: DirectPage) -> dict[str, Any]:
    return {
        "page": found,
        "address": lambda other: url_for(
            "direct.page", token=token, lang=other, sent=request.args.get("sent")
        ),
        "write_url": url_for("direct.write", token=token),
        "prove_url": url_for("direct.prove", token=token),
    }


def _agent() -> str:
    return request.headers.get("User-Agent", "")[:500]
