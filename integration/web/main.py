"""The main page in the portal: the index, what it rests on, the survey under way, what needs a person (product.md P1).

`POST /bitrix/app` is the entry behind the left menu, for callers the desk; `POST /app/main` the way back from inside.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, request

from integration.current import deps
from integration.services import main_page, portal_state
from integration.services.frames import Viewer
from integration.services.main_page import MainPage
from integration.web import desk, frame, main_words, progress, wave_words
from integration.web.pages import choose_language, show

blueprint = Blueprint("main", __name__)


@blueprint.get("/bitrix/app")
def about() -> Response:
    """What a browser sees here; portals check the address with HEAD (bitrix24.md 1.4)."""
    choose_language(request.args.get("lang"))
    return show("frame/about.html")


@blueprint.post("/bitrix/app")
def entry() -> Response:
    """The page behind the left menu, for whoever the portal says has opened it."""
    who, _ = frame.arrived(callers=True)
    if not g.admitted.rights.sees_clients:
        return desk.entry(who)
    return overview(who)


@blueprint.post("/app/main")
def page() -> Response:
    """The same page, for somebody who comes back to it; `part=progress` asks for the first reading's progress."""
    who = frame.entered()
    if request.form.get("part") == "progress":
        return frame.fragment("app/main/_progress.html", who, **_progress(who))
    return overview(who)


def overview(who: Viewer) -> Response:
    """The page for somebody proven: figures, or how far the first reading is."""
    found = main_page.read(deps(), who)
    if found.synced_at is None:
        return frame.page("app/main/reading.html", who, found=found, **_progress(who))
    return frame.page("app/main/page.html", who, found=found, **_told(found))


def _progress(who: Viewer) -> dict[str, Any]:
    """How far the first reading of clients and deals is (product.md P4)."""
    state = portal_state.state(deps(), who.portal_id)
    shown = progress.described(state, deps().clock.now()) if state else {}
    return {"progress": shown, "settled": bool(shown.get("settled"))}


def _told(found: MainPage) -> dict[str, Any]:
    """The page's sentences."""
    seen = found.overview
    today = deps().clock.now()
    return {
        "hero": main_words.hero(seen.figures, found.min_group) if seen.figures else None,
        "nothing": main_words.nothing(found, today) if seen.figures is None else None,
        "wave": wave_words.wave(seen.wave, seen.standing, seen.funnel, today) if seen.wave else None,
        "trend": main_words.trend(seen.history) if len(seen.history) > 1 else None,
        "decisions": main_words.decisions(found.todo, found.rights),
        "tasks": main_words.tasks(found.todo, today),
        "first_run": main_words.first_run(found),
        "lead": main_words.lead(found.rights),
    }
