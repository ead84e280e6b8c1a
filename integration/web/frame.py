"""Pages inside the portal's frame: who opened them, the signed value they carry, their headers (product.md P2, P3)."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, request

from integration.bitrix import protocol
from integration.bitrix.protocol import Frame, ProtocolError
from integration.current import deps
from integration.i18n import language_of, mark
from integration.services import frames
from integration.services.frames import Viewer
from integration.web import forms
from integration.web.pages import choose_language, frame_policy, say, show

REFUSALS = {
    "not_admin": (
        mark("Only an administrator can install Molva"),
        mark(
            "Ask an administrator of your Bitrix24 to open this application once. After that it "
            "works for everybody."
        ),
        403,
    ),
    "not_installed": (
        mark("Molva is not set up yet"),
        mark(
            "Ask an administrator of your Bitrix24 to open this application once. After that it "
            "works for everybody."
        ),
        403,
    ),
    "not_allowed": (
        mark("This Bitrix24 is not on the list"),
        mark("Whoever runs this Molva has limited it to certain portals. Ask them to add yours."),
        403,
    ),
    "dead_token": (
        mark("Bitrix24 has not confirmed who you are"),
        mark("The page may have been open for too long. Close it and open the application again."),
        403,
    ),
    "not_ours": (
        mark("This application is not known here"),
        mark(
            "Check the application’s key in Bitrix24 and in the settings of Molva: they belong to "
            "different applications."
        ),
        403,
    ),
    "wrong_portal": (
        mark("Bitrix24 has not confirmed this portal"),
        mark("Close the page and open the application again from the menu of your Bitrix24."),
        403,
    ),
    "insecure": (
        mark("Your portal has no secure address"),
        mark(
            "Molva talks to portals by https only. Whoever runs this Molva can allow plain http for "
            "a portal in the company network."
        ),
        403,
    ),
    "suspended": (
        mark("Your Bitrix24 does not allow applications at the moment"),
        mark(
            "The subscription for applications has ended. Nothing is lost: when it is renewed, "
            "Molva goes on by itself."
        ),
        403,
    ),
    "unreachable": (
        mark("Bitrix24 does not answer"),
        mark("Nothing has been changed. Wait a minute and open the application again."),
        503,
    ),
    "no_frame": (
        mark("Please open Molva in your Bitrix24"),
        mark("This address works inside the portal: open the application from its menu."),
        400,
    ),
}  # fmt: skip

PROVEN = ("not_admin", "not_installed", "suspended", "unreachable")


def opened() -> Frame | None:
    """The frame's fields as posted, unproven; nothing if this is no frame. The language becomes this request's."""
    request.max_content_length = forms.FRAME
    request.max_form_memory_size = forms.FRAME
    try:
        frame = protocol.parse_frame(request.args.to_dict(), request.form.to_dict())
    except ProtocolError:
        choose_language()
        return None
    choose_language(language_of(frame.language, ""))
    return frame


def refusal(code: str, frame: Frame | None = None) -> Response:
    """The page for somebody who was not let in. It holds nothing but words.

    It may be framed by the portal the grant was proven for, by one we know, or, where nobody could be asked,
    by the one that was named; a forged frame gets a page that no site can frame.
    """
    heading, line, status = REFUSALS.get(code, REFUSALS["dead_token"])
    answer = show("frame/message.html", status, heading=say(heading), line=say(line), code=code)
    if frame is not None and (code in PROVEN or frames.is_known(deps(), frame.domain)):
        scheme = "https" if frame.https else "http"
        answer.headers["Content-Security-Policy"] = frame_policy(f"{scheme}://{frame.domain}")
    if status == 503:
        answer.headers["Retry-After"] = "60"
    return answer


def page(template: str, who: Viewer, **values: Any) -> Response:
    """A page for a proven viewer, to be shown in that portal's frame only. It carries the signed value."""
    bx24 = str(current_app.config["BX24_SCRIPT_URL"])
    answer = show(template, viewer=who, session=frames.seal(deps(), who), bx24_script=bx24, **values)
    answer.headers["Content-Security-Policy"] = frame_policy(who.origin, bx24)
    return answer


def viewer() -> Viewer | None:
    """Who sends a request of a page of ours: the signed value in `Authorization: Bearer`."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    who = frames.unseal(deps(), value.strip()) if scheme.lower() == "bearer" and len(value) <= 4000 else None
    if who is not None:
        choose_language(who.language)
    return who
