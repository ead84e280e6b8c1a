"""Pages inside the portal's frame: who opened them, the signed value they carry, their headers (product.md P2, P3).

An entry page proves its opener; every page behind it is a POST that carries the signed value in its body or
in `Authorization`, and is checked anew: no cookie, nothing secret in an address.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, current_app, g, jsonify, render_template, request
from werkzeug.exceptions import RequestEntityTooLarge

from integration.bitrix import protocol
from integration.bitrix.form_keys import ProtocolError
from integration.bitrix.protocol import Frame
from integration.current import deps
from integration.i18n import language_of
from integration.services import admission, erasure, frames
from integration.services.admission import Admitted
from integration.services.frames import FrameRefused, Viewer
from integration.web import forms
from integration.web.pages import choose_language, frame_policy, say, show
from integration.web.refusals import REFUSALS

PROVEN = ("not_admin", "not_installed", "suspended", "unreachable", "busy", "already_connected")
SCRIPTED = "molva"  # what our script says in `X-Requested-With`
LONGEST_SESSION = 4000  # characters
ORIGIN_SECONDS = 400 * 86_400  # a value that old still names the portal whose frame may show "open again"
OWN_FIELDS = ("session", "renewed")


class Refusal(Exception):
    """Somebody is not let in; the application answers with the page for `code`, one of `REFUSALS`."""

    def __init__(self, code: str, who: Viewer | None = None, frame: Frame | None = None) -> None:
        super().__init__(code)
        self.code, self.who, self.frame = code, who, frame


def opened() -> Frame | None:
    """The frame's fields as posted, unproven; nothing if this is no frame. The language becomes this request's."""
    limit(forms.FRAME)
    try:
        frame = protocol.parse_frame(request.args.to_dict(), request.form.to_dict())
    except ProtocolError:
        choose_language()
        return None
    choose_language(language_of(frame.language, ""))
    return frame


def limit(size: int) -> None:
    """Refuse a longer body with 413; to be called before the form is read. `size` in bytes."""
    request.max_content_length = request.max_form_memory_size = size


def arrived(*, callers: bool = False, prove: Callable[[Frame], Viewer] | None = None) -> tuple[Viewer, Frame]:
    """Prove who opened an entry page, and let them in; raises `Refusal`. The frame holds the placement's context.

    `prove`: instead of `frames.open_frame`, where more must be proven than the person; raises `FrameRefused`.
    """
    frame = opened()
    if frame is None:
        raise Refusal("no_frame")
    try:
        who = prove(frame) if prove else frames.open_frame(deps(), frame)
    except FrameRefused as refused:
        raise Refusal(refused.code, frame=frame) from None
    choose_language(who.language)
    _let_in(who)
    if not callers:
        _no_callers()
    return who, frame


def viewer() -> Viewer | None:
    """Who sends a request of a page of ours, by the signed value in `Authorization: Bearer` or in the field
    `session`; nothing if it is forged, too old, or the portal is gone. Sets the language."""
    who = frames.unseal(deps(), session_text())
    if who is not None:
        choose_language(who.language)
    return who


def entered(*, administrator: bool = False, callers: bool = False, size: int = forms.PAGE) -> Viewer:
    """Who sends a request to a page behind the entry. Raises `Refusal`: the session has run out, the portal or the
    person is gone, or the page is for administrators (callers are let in where `callers` says so).

    `size`: the longest body in bytes. Call it before anything reads the form.
    """
    who = proven(size)
    rights = _let_in(who).rights
    if administrator and not rights.may_set_up:
        raise Refusal("administrators", who)
    if not callers:
        _no_callers()
    return who


def proven(size: int = forms.PAGE) -> Viewer:
    """Who sends a request, by the signed value alone, though the portal lets nobody in yet. Raises `Refusal`."""
    limit(size)
    who = frames.opened(deps(), session_text(), frames.SESSION_SECONDS)
    if who is None:
        old = _old_viewer()
        choose_language(old.language if old else None)
        raise Refusal("expired" if old else "no_session", old)
    choose_language(who.language)
    forms.storable()
    return who


def session_text() -> str:
    """The signed value that came with the request, unopened; empty if there is none of a plausible length."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    text = value.strip() if scheme.lower() == "bearer" else request.form.get("session", "")
    return text if len(text) <= LONGEST_SESSION else ""


def page(template: str, who: Viewer, *, status: int = 200, **values: Any) -> Response:
    """A page for a proven viewer, to be shown in that portal's frame only. It carries the signed value.

    Templates get `session`, `seconds_left`, `viewer`, `rights`, `nav`, `current` (name of the section) and
    `notices` (list of {tone, heading, line}) besides `values`. Raises `Refusal` for somebody not yet let in who
    may not be.
    """
    bx24 = str(current_app.config["BX24_SCRIPT_URL"])
    answer = show(
        template,
        status,
        **{"notices": [], **_common(who, values.get("current")), "bx24_script": bx24, **values},
    )
    answer.headers["Content-Security-Policy"] = frame_policy(who.origin, bx24)
    return answer


def fragment(template: str, who: Viewer, *, status: int = 200, **values: Any) -> Response:
    """A part of a page for a live update, with the headers of a page."""
    body = render_template(template, **{"notices": [], **_common(who, values.get("current")), **values})
    answer = Response(body, status, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = frame_policy(who.origin)
    return answer


def refusal(code: str, frame: Frame | None = None) -> Response:
    """The page for somebody who was not let in. It holds nothing but words.

    It may be framed by the portal the grant was proven for, by one we know, or, where nobody could be asked,
    by the one that was named; a forged frame gets a page that no site can frame.
    """
    origin = ""
    if frame is not None and (code in PROVEN or frames.is_known(deps(), frame.domain)):
        origin = f"{'https' if frame.https else 'http'}://{frame.domain}"
    return _words(code, origin)


def refused(error: Refusal) -> Response:
    """The answer to a `Refusal`: for our script a word, for people a page in their portal's frame; a page whose
    session has run out carries what was typed, renews by script and sends it again."""
    status = REFUSALS.get(error.code, REFUSALS["dead_token"])[2]
    if for_script():
        answer = jsonify({"error": "session" if status == 401 else "forbidden", "code": error.code})
        answer.status_code = status
        return answer
    if error.frame is not None or error.who is None:
        return refusal(error.code, error.frame)
    if error.code == "undecided" and error.who.administrator:
        return earlier(error.who, "app")
    if error.code == "expired" and frames.renewable(deps(), error.who) and not request.form.get("renewed"):
        return _expired(error.who)
    return _words(error.code, error.who.origin)


def origin() -> str:
    """The portal whose frame may show an answer to this request, by the signed value however old; empty if none."""
    try:
        who = _old_viewer()
    except RequestEntityTooLarge:
        return ""
    return who.origin if who else ""


def for_script() -> bool:
    """Whether our script or a program asks, and so wants a word instead of a page."""
    wanted = request.accept_mimetypes
    return (
        request.headers.get("X-Requested-With") == SCRIPTED
        or wanted["application/json"] > wanted["text/html"]
    )


def _common(who: Viewer, section: str | None) -> dict[str, Any]:
    inside = _let_in(who)
    current = section or _current()
    return {
        "session": g.session_text, "seconds_left": _seconds_left(who), "viewer": who,
        "rights": inside.rights, "nav": _sections(inside, current), "current": current, "domain": inside.domain,
    }  # fmt: skip


def _seconds_left(who: Viewer) -> int:
    age = (deps().clock.now() - who.proved_at).total_seconds()
    return max(0, round(frames.SESSION_SECONDS - age))


def _let_in(who: Viewer) -> Admitted:
    """Once in a request: the person is let in or refused, and the session is the one that came, or a new one."""
    known: Admitted | None = g.get("admitted")
    if known is not None and known.viewer == who:
        return known
    try:
        known = admission.admit(deps(), who)
    except FrameRefused as refused:
        raise Refusal(refused.code, who) from None
    text = session_text()
    g.session_text = text if text and frames.opened(deps(), text, frames.SESSION_SECONDS) == who else ""
    g.session_text = g.session_text or frames.seal(deps(), who)
    g.admitted, g.time_zone = known, known.time_zone
    return known


def _no_callers() -> None:
    inside: Admitted = g.admitted
    if not inside.rights.sees_clients:
        raise Refusal("callers", inside.viewer)


def _sections(inside: Admitted, current: str) -> list[dict[str, Any]]:
    """Where this viewer may go; callers have their desk and need no menu."""
    rights = inside.rights
    found = []
    if rights.sees_clients:
        found.append(("main", say("Overview"), "/app/main"))
        path = f"/app/wave/{inside.wave_id}" if inside.wave_id else "/app/waves"
        found.append(("wave", say("Survey"), path))
        if inside.calls:
            found.append(("desk", say("Calls"), "/app/desk"))
        if inside.projects:
            found.append(("projects", say("After projects"), "/app/projects"))
        found.append(("referrals", say("Recommendations"), "/app/referrals"))
    if rights.may_set_up:
        found.append(("settings", say("Settings"), "/app/settings/senders"))
    return [
        {"name": name, "label": label, "path": path, "current": name == current}
        for name, label, path in found
    ]


def _current() -> str:
    parts = request.path.strip("/").split("/")
    if parts[0] != "app" or len(parts) < 2:
        return "main"
    return "main" if parts[1] == "start" else parts[1]


def earlier(who: Viewer, back: str, *, unsure: bool = False) -> Response:
    """The page that asks an administrator what becomes of the data of an earlier installation (product.md T1).

    `back`: where it goes afterwards, `install` for the installer or `app`. `unsure`: erasing was not confirmed.
    """
    found = erasure.earlier(deps(), who.portal_id)
    if found is None or not who.administrator:
        return _words("undecided" if found else "not_installed", who.origin)
    bx24 = str(current_app.config["BX24_SCRIPT_URL"])
    answer = show(
        "frame/earlier.html", 422 if unsure else 200, found=found, back=back, unsure=unsure, bx24_script=bx24,
        session=frames.seal(deps(), who), seconds_left=_seconds_left(who),
    )  # fmt: skip
    answer.headers["Content-Security-Policy"] = frame_policy(who.origin, bx24)
    return answer


def _old_viewer() -> Viewer | None:
    return frames.opened(deps(), session_text(), ORIGIN_SECONDS)


def _words(code: str, origin: str) -> Response:
    heading, line, status = REFUSALS.get(code, REFUSALS["dead_token"])
    answer = show("app/refused.html", status, heading=say(heading), line=say(line), code=code)
    if origin:
        answer.headers["Content-Security-Policy"] = frame_policy(origin)
    if status == 503:
        answer.headers["Retry-After"] = "60"
    return answer


def _expired(who: Viewer) -> Response:
    """The page that renews the session by script and sends on what had been posted, once."""
    bx24 = str(current_app.config["BX24_SCRIPT_URL"])
    carried = [(name, value) for name, value in request.form.items(multi=True) if name not in OWN_FIELDS]
    answer = show(
        "app/expired.html", 401, action=request.full_path.rstrip("?"), carried=carried, session=session_text(),
        bx24_script=bx24,
    )  # fmt: skip
    answer.headers["Content-Security-Policy"] = frame_policy(who.origin, bx24)
    return answer
