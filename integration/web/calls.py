"""The desk of a partner call centre: `GET, POST /calls/<token>`, by a personal link, without a login (product.md W9).

The same page as inside the portal (`web.desk`), about one survey, with only what a call needs. Every client it shows
is written down with link, time and network address.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, g, jsonify, render_template, request

from integration.current import deps
from integration.i18n import mark
from integration.services.calling import desk as calls
from integration.services.calling import partner_log, partners
from integration.services.calling.partners import Opened
from integration.services.calling.types import Caller
from integration.web import desk, desk_words, forms, frame, partner_words
from integration.web.desk_card import OUTCOMES
from integration.web.desk_words import DeskTold, Said
from integration.web.pages import choose_language, say, show

blueprint = Blueprint("calls", __name__)

PATH = "/calls/<token>"
TAKING = ("take", "next")
CLOSED = {
    "unknown": (
        mark("We cannot find this page"),
        mark(
            "The address may have been cut off. Copy the whole of it, or ask whoever sent it to you for a new one."
        ),
    ),
    "revoked": (
        mark("This link no longer works"),
        mark("It was withdrawn. If that is a mistake, ask whoever sent it to you for a new one."),
    ),
    "expired": (
        mark("This link has ended"),
        mark(
            "It was made for a certain time. If there are calls left, ask whoever sent it to you for a new one."
        ),
    ),
    "over": (mark("The survey is over"), mark("Nobody is called any more. Thank you for your work.")),
}
LOST = mark("The last call was not recorded: nothing more is recorded under this link.")
LOST_LINE = mark("Write down what you need and pass it on to whoever sent you the link.")


@blueprint.get(PATH)
def page(token: str) -> Response:
    """The desk as it is. Changes nothing but the log of who looked at whom."""
    found = _found(token)
    if found.caller is None:
        return _closed(found)
    told = desk_words.told(calls.page(deps(), found.caller), deps().clock.now(), Said())
    return _desk(found, found.caller, token, told, 200)


@blueprint.post(PATH)
def work(token: str) -> Response:
    """Take a client, keep or give it back, save what came of a call; then the desk."""
    frame.limit(forms.ANSWER)
    forms.storable()
    form = desk.posted()
    found = _found(token)
    caller = found.caller
    if caller is None:
        return _nothing_kept() if form["do"] == "keep" else _closed(found, form)
    if form["do"] == "keep":
        return desk.kept(caller, form)
    wants = form["do"] in TAKING or (form["do"] == "save" and form["auto"])
    if not wants or not partner_log.too_many(deps(), caller):
        done = desk.act(caller, form)
        return _desk(found, caller, token, done.told, done.status)
    form |= {"do": ""} if form["do"] in TAKING else {"auto": False}
    done = desk.act(caller, form)
    told = replace(done.told, notices=(*done.told.notices, _too_many()))
    return _desk(found, caller, token, told, done.status if form["do"] else 429)


def _found(token: str) -> Opened:
    found = partners.look(deps(), token, _remote())
    choose_language(found.language or None)
    g.time_zone = found.time_zone
    return found


def _desk(found: Opened, caller: Caller, token: str, told: DeskTold, status: int) -> Response:
    """The desk, after the client it shows has been written down."""
    taken = calls.taken(deps(), caller) if told.card else None
    if taken is not None:
        partner_log.saw(deps(), caller, taken.invitation_id, _remote())
    values: dict[str, Any] = {
        "desk": told, "post_url": f"/calls/{token}", "place": {"telephony": False},
        "link": found, "until": partner_words.through(found.until) if found.until else "",
    }  # fmt: skip
    if frame.for_script():
        body = render_template("calls/_part.html", **values)
        return Response(body, status, mimetype="text/html")
    return show("calls/page.html", status, **values)


def _closed(found: Opened, form: dict[str, Any] | None = None) -> Response:
    """Why there is nothing here; what somebody had typed meanwhile stays readable."""
    heading, line = CLOSED[found.status if found.status in CLOSED else "unknown"]
    typed = _typed(form) if form and form["do"] == "save" else []
    return show(
        "calls/closed.html", 404 if found.status == "unknown" else 410, heading=say(heading), line=say(line),
        typed=typed, lost=say(LOST), lost_line=say(LOST_LINE), agency=found.agency,
    )  # fmt: skip


def _typed(form: dict[str, Any]) -> list[tuple[str, str]]:
    outcome = form["values"].get("outcome", "")
    labels = {
        "score": say("Score"), "comment": say("The client’s words"), "call_back_at": say("Call back at"),
        "note": say("Note"),
    }  # fmt: skip
    found = [(say("Outcome"), say(OUTCOMES[outcome]))] if outcome in OUTCOMES else []
    return found + [(label, str(form[name])) for name, label in labels.items() if str(form[name]).strip()]


def _nothing_kept() -> Response:
    answer = jsonify({"mine": False})
    answer.status_code = 410
    return answer


def _too_many() -> dict[str, object]:
    return {
        "tone": "warn", "heading": say("That is a lot of clients for one hour"),
        "line": say("You get the next one in a while. What you have saved is kept."),
    }  # fmt: skip


def _remote() -> str:
    return request.remote_addr or ""
