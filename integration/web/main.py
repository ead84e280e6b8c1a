"""The main page in the portal: is everything in place, when is the next survey, what needs a person (product.md P1)."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Blueprint, Response, request

from integration import i18n
from integration.current import deps
from integration.i18n import mark
from integration.services import frames
from integration.services.frames import FrameRefused, PortalState
from integration.web import frame, progress
from integration.web.pages import choose_language, language, say, show

blueprint = Blueprint("main", __name__)

STAGES = {
    "draft": mark("It is planned. Nothing is sent before it has been approved."),
    "rehearsed": mark("It has been rehearsed. The announcement leaves on the day named below."),
    "announced": mark("The clients have been told that it is coming."),
    "calling": mark("Clients are being called."),
    "mailing": mark("The question is on its way to the clients."),
    "reminders": mark("Those who have not answered get a reminder."),
    "closing": mark("The last answers are coming in."),
    "closed": mark("It is over. The results are in the cards."),
    "paused": mark("It has been paused. Nothing is sent until somebody resumes it."),
}
STEPS = {
    "announced": mark("Announcement letter"),
    "calling": mark("Calls"),
    "mailing": mark("Letter with the question"),
    "reminders": mark("Reminder"),
    "closing": mark("End of the survey"),
}


@blueprint.get("/bitrix/app")
def about() -> Response:
    """What a browser sees here; portals check the address with HEAD (bitrix24.md 1.4)."""
    choose_language(request.args.get("lang"))
    return show("frame/about.html")


@blueprint.post("/bitrix/app")
def page() -> Response:
    """The page behind the left menu, for whoever the portal says has opened it."""
    opened = frame.opened()
    if opened is None:
        return frame.refusal("no_frame")
    try:
        who = frames.open_frame(deps(), opened)
    except FrameRefused as refused:
        return frame.refusal(refused.code, opened)
    state = frames.state(deps(), who.portal_id)
    if state is None:
        return frame.refusal("not_installed", opened)
    choose_language(who.language)
    shown = progress.described(state, deps().clock.now())
    return frame.page(
        "frame/main.html", who, state=state, progress=shown, settled=shown["settled"],
        wave=_wave(state), figures=_figures(state), notices=_notices(state), synced=_synced(state),
    )  # fmt: skip


def _wave(state: PortalState) -> dict[str, Any]:
    if not state.wave:
        line = (
            say(
                "Molva plans the yearly survey by itself and tells you in a task. Nothing is sent "
                "without your approval."
            )
            if state.synced_at
            else say(
                "First your clients and deals are read. Then Molva plans the yearly survey and tells you in a task."
            )
        )
        return {"heading": say("No survey is planned yet"), "line": line, "days": []}
    today = deps().clock.now().astimezone(_zone(state)).date()
    days = [
        {"when": i18n.day(language(), day), "what": say(STEPS[name]), "past": day < today}
        for name, day in state.wave_days.items()
        if name in STEPS
    ]
    line = say(STAGES.get(state.wave_stage, STAGES["draft"]))
    return {"heading": say("Survey {wave}", wave=state.wave), "line": line, "days": days}


def _figures(state: PortalState) -> dict[str, str]:
    code = language()
    rate = state.answered / state.invited if state.invited else 0.0
    return {
        "invited": i18n.number(code, state.invited),
        "answered": i18n.number(code, state.answered),
        "rate": f"{i18n.number(code, 100 * rate)} %",
        **{name: i18n.number(code, count) for name, count in state.cards.items()},
    }


def _synced(state: PortalState) -> str:
    if state.synced_at is None:
        return ""
    return say("Read for the first time on {moment}, and kept up to date since.",
               moment=i18n.moment(language(), state.synced_at, _zone(state), "short"))  # fmt: skip


def _notices(state: PortalState) -> list[dict[str, str]]:
    """What needs a person, the most urgent first."""
    code = language()
    notices = []
    trouble = progress.trouble(state, deps().clock.now())
    if trouble and state.synced_at:
        notices.append({"tone": "danger", "heading": say("Molva stands still."), "line": trouble})
    if state.stuck["letters"]:
        line = i18n.plural(
            code, "{n} letter has not gone and needs a decision.", "{n} letters have not gone and need a decision.",
            state.stuck["letters"],
        )  # fmt: skip
        notices.append({"tone": "danger", "heading": say("Letters wait for you."), "line": line})
    if state.stuck["outbox"]:
        line = i18n.plural(
            code, "{n} entry could not be written to the cards.", "{n} entries could not be written to the cards.",
            state.stuck["outbox"],
        )  # fmt: skip
        notices.append({"tone": "warn", "heading": say("Bitrix24 refused something."), "line": line})
    if state.synced_at and not state.has_sender:
        line = say("Name the person who signs the letters. Until then the survey cannot be announced.")
        notices.append({"tone": "warn", "heading": say("Nobody signs yet."), "line": line})
    return notices


def _zone(state: PortalState) -> ZoneInfo:
    try:
        return ZoneInfo(state.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
