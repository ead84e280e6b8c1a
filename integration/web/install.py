"""Installation in the portal's frame: prove, order the set-up, show it, finish (architecture.md 1, flow 1).

The page polls with the signed value it carries; no cookie is used, and the value is renewed by the page's script
when it runs out (`web.session`). Repeating it all changes nothing.
"""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, jsonify, request

from integration.bitrix import protocol
from integration.bitrix.form_keys import ProtocolError
from integration.bitrix.protocol import Frame
from integration.current import deps
from integration.logs import log
from integration.services import erasure, frames, inbox, portal_state
from integration.services.frames import FrameRefused, Viewer
from integration.services.portal_state import PortalState
from integration.web import forms, frame, main, progress
from integration.web.pages import choose_language, show

blueprint = Blueprint("install", __name__)


@blueprint.get("/bitrix/install")
def about() -> Response:
    """What a browser sees here; portals check the address with HEAD (bitrix24.md 1.4)."""
    choose_language(request.args.get("lang"))
    return show("frame/about.html")


@blueprint.post("/bitrix/install")
def install() -> Response:
    """The installer's frame, or `ONAPPINSTALL` sent to the same address."""
    request.max_content_length = forms.FRAME
    request.max_form_memory_size = forms.FRAME
    if "event" in request.form:
        return _event()
    opened = frame.opened()
    if opened is None:
        raise frame.Refusal("no_frame")
    try:
        who = frames.installed(deps(), opened)
    except FrameRefused as refused:
        raise frame.Refusal(refused.code, frame=opened) from None
    choose_language(who.language)
    return _shown(who, opened)


def _shown(who: Viewer, opened: Frame | None = None) -> Response:
    """How far the set-up is, or the question that comes before it."""
    state = portal_state.state(deps(), who.portal_id)
    if state is None:
        raise frame.Refusal("not_installed", who, opened)
    if state.status == "undecided":
        return frame.earlier(who, "install")
    shown = progress.described(state, deps().clock.now())
    return frame.page("frame/install.html", who, progress=shown)


@blueprint.post("/bitrix/install/earlier")
def earlier() -> Response:
    """What an administrator says about the data of an earlier installation (product.md T1): keep them, or start anew.

    Harmless to repeat: what has been decided stays so.
    """
    who = frame.proven(2 * forms.SMALL)
    if not who.administrator:
        raise frame.Refusal("administrators", who)
    said, back = request.form.get("do"), "app" if request.form.get("back") == "app" else "install"
    if said == "keep":
        erasure.keep(deps(), who.portal_id)
    elif said == "anew":
        if not request.form.get("sure"):
            return frame.earlier(who, back, unsure=True)
        who = replace(who, portal_id=erasure.start_anew(deps(), who.portal_id) or who.portal_id)
    return main.overview(who) if back == "app" else _shown(who)


@blueprint.get("/bitrix/install/status")
def status() -> Response:
    """The progress as JSON; 401 without a valid session, which asking does not prolong (product.md P2)."""
    who = frame.viewer()
    state: PortalState | None = portal_state.state(deps(), who.portal_id) if who else None
    if who is None or state is None:
        answer = jsonify({"error": "session"})
        answer.status_code = 401
        return answer
    return jsonify(progress.described(state, deps().clock.now()))


def _event() -> Response:
    try:
        event = protocol.parse_event(list(request.form.items(multi=True)))
    except ProtocolError:
        return _refused("unreadable", 400)
    verdict = inbox.accept(deps(), event)
    if verdict.outcome != "rejected":
        return Response(f"{verdict.outcome}\n", 200, mimetype="text/plain")
    return _refused(verdict.reason, 503 if verdict.reason == "unreachable" else 403, event.name)


def _refused(reason: str, status: int, event: str = "") -> Response:
    """One line of log, as for every event that is not believed (`webhooks.events`)."""
    log(__name__).warning("event.refused", reason=reason, event_name=event, remote=request.remote_addr)
    return Response("refused\n", status, mimetype="text/plain")
