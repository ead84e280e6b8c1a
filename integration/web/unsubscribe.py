"""The page behind the unsubscribe link: it asks, and acts only for a person (product.md W12, S1, S6).

Mail providers post to the same address without the page; `webhooks.unsubscribe` answers them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from flask import Blueprint, Response, redirect, request, url_for

from integration.current import deps
from integration.services import optouts
from integration.web import forms
from integration.web.pages import choose_language, language, say, show

blueprint = Blueprint("unsubscribe", __name__)


@blueprint.get("/u/<token>")
def page(token: str) -> Response:
    """Ask, or say that it is done. Changes nothing."""
    found = optouts.page(deps(), token)
    choose_language(request.args.get("lang"), found.language)
    if found.status == "unknown":
        return _message(
            token, "", say("We cannot find this address"),
            say(
                "It may have been cut off by the mail program. Please copy the whole address, or "
                "reply to the letter with “stop”."
            ),
            404,
        )  # fmt: skip
    if found.status == "done":
        return _done(token, found.agency)
    return _ask(token, found.agency, found.nonce)


@blueprint.post("/u/<token>/page")
def act(token: str) -> Response:
    """Never ask this person again, if it is a person who says so."""
    form = forms.posted(forms.DecisionForm, forms.SMALL)
    result = optouts.opt_out(
        deps(), token, proof=form["sure"] or form["proof"], sure=bool(form["sure"]),
        user_agent=request.headers.get("User-Agent", "")[:500],
    )  # fmt: skip
    choose_language(form["lang"], result.language)
    if result.status == "needs_confirmation":
        return _ask(token, result.agency, form["nonce"], confirm=result.confirm)
    return cast(Response, redirect(url_for("unsubscribe.page", token=token, lang=language()), 303))


def _ask(token: str, agency: str, nonce: str, *, confirm: str = "") -> Response:
    line = (
        say("We will send you no more surveys of {agency}, this year or later.", agency=agency)
        if agency
        else say("We will send you no more surveys, this year or later.")
    )
    return show(
        "survey/ask.html", page={"agency": agency, "nonce": nonce}, address=_address(token),
        heading=say("Shall we never ask you again?"),
        lines=(line, say("Letters about your projects are not affected.")),
        action=url_for("unsubscribe.act", token=token), prove_url=url_for("survey.prove", token=token),
        purpose="unsubscribe", confirm=confirm, tone="primary", button=say("Never ask me again"),
        back=url_for("survey.page", token=token, lang=language()),
    )  # fmt: skip


def _done(token: str, agency: str) -> Response:
    line = say("You will get no more surveys from us. Letters about your projects are not affected.")
    return _message(token, agency, say("Done: we will not ask you again"), line)


def _message(token: str, agency: str, heading: str, line: str, status: int = 200) -> Response:
    return show(
        "survey/message.html", status, page={"agency": agency}, address=_address(token), heading=heading,
        lines=(line,), link=None,
    )  # fmt: skip


def _address(token: str) -> Callable[[str], str]:
    return lambda other: url_for("unsubscribe.page", token=token, lang=other)
