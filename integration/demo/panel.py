"""The panel's server: the shared clock, what just happened, faults; and the mail room beside it."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, abort, g, redirect, render_template, request

from .conductor import STEPS, TROUBLES
from .mail_pages import mail_pages
from .on_the_phone import Talk
from .switches import SWITCHES
from .words import LANGUAGES, moment, say, sentence

if TYPE_CHECKING:
    from .live import Live

COOKIE = "demo_language"
SHOWN = 60
JUMPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
#: Stage of a survey -> its word and the badge's tone.
STAGES = {
    "draft": ("waits for approval", "warn"), "rehearsed": ("waits for approval", "warn"),
    "approved": ("approved", "good"), "announced": ("announced", "good"),
    "calling": ("calls", "good"), "mailing": ("mailing", "good"),
    "reminders": ("reminders", "good"), "closing": ("closing", "good"), "closed": ("closed", "plain"),
    "paused": ("paused", "warn"), "cancelled": ("cancelled", "plain"),
}  # fmt: skip


@dataclass(frozen=True)
class Survey:
    """The youngest survey as the panel shows it."""

    name: str
    stage: str
    tone: str
    invited: int
    answered: int
    nps: float | None


def create_panel(live: Live) -> Flask:
    """The panel's application. Every order carries the token of the page: other sites cannot give any."""
    app = Flask("integration.demo", static_folder="static", template_folder="templates")
    app.register_blueprint(mail_pages(live.world.mail, live.world.public_url))
    _common(app, live)
    _views(app, live)
    _orders(app, live)
    return app


def _views(app: Flask, live: Live) -> None:
    """The page, and the part of it that is fetched anew."""

    @app.get("/")
    def panel() -> str:
        docked = request.args.get("docked") == "1"
        return render_template("demo/panel.html", docked=docked, **_shown(live))

    @app.get("/live")
    def parts() -> str:
        return render_template("demo/parts.html", **_shown(live))


def _orders(app: Flask, live: Live) -> None:
    """What the buttons do."""

    @app.post("/clock")
    def clock() -> Any:
        done = _order(live, request.form.get("do", ""))
        return _answer(done)

    @app.post("/switch/<name>")
    def switch(name: str) -> Any:
        on = request.form.get("on") == "1"
        try:
            if name == "alone":
                live.life.alone = on
            else:
                live.turn(name, on)
        except LookupError:
            abort(404)
        return _answer(True)

    @app.post("/do/<name>")
    def job(name: str) -> Any:
        works = {
            "settings": live.life.fill_in,
            "past": live.life.bring_past,
            "token": live.switches.spoil_token,
            "damage": live.damage,
        }
        if name not in works:
            abort(404)
        live.conductor.job("Getting the agency ready", works[name])
        return _answer(True)

    @app.post("/again")
    def again() -> Any:
        live.start_over()
        if request.headers.get("X-Requested-With") == "fetch":
            return Response(status=204)
        return Response(render_template("demo/again.html"), 202, {"Refresh": "25; url=/"})


def _common(app: Flask, live: Live) -> None:
    """Language, token and headers of every page."""

    @app.before_request
    def enter() -> None:
        wanted = request.args.get("lang") or request.cookies.get(COOKIE, "")
        best = request.accept_languages.best_match(LANGUAGES) or "ru"
        g.language = wanted if wanted in LANGUAGES else best
        given = request.form.get("token", "")
        if request.method == "POST" and not hmac.compare_digest(given, live.token):
            abort(403)

    @app.context_processor
    def words() -> dict[str, Any]:
        return {
            "t": partial(say, g.language), "language": g.language, "languages": LANGUAGES, "token": live.token,
            "portal_url": live.portal_url, "when": partial(moment, g.language), "tell": partial(sentence, g.language),
        }  # fmt: skip

    @app.after_request
    def headers(response: Response) -> Response:
        if request.args.get("lang") in LANGUAGES:
            response.set_cookie(COOKIE, g.language, samesite="Lax", max_age=86400)
        policy = (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
            f"frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self' {live.portal_url}"
        )
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        if not request.path.startswith("/static/"):
            response.headers["Cache-Control"] = "no-store"
        return response


def _answer(done: bool) -> Any:
    """A script gets a status, a plain form the panel again."""
    if request.headers.get("X-Requested-With") == "fetch":
        return Response(status=204 if done else 409)
    docked = "?docked=1" if request.form.get("docked") else ""
    return redirect(f"/{docked}", 303)


def _order(live: Live, do: str) -> bool:
    conductor = live.conductor
    if do == "stop":
        conductor.stop()
        return True
    if do == "play":
        speed = request.form.get("speed", "even")
        return conductor.play(speed if speed in STEPS else "even")
    now = live.world.now()
    if do == "next":
        coming = live.life.next_event()
        return conductor.move(coming[1] if coming else now + JUMPS["week"])
    if do not in JUMPS:
        abort(400)
    return conductor.move(now + JUMPS[do])


def _shown(live: Live) -> dict[str, Any]:
    """Everything the panel's parts show."""
    state = live.conductor.state
    rows, coming, installed, on, talks = _of_molva(live)
    first = rows[0] if rows else None
    return {
        "now": live.world.now(), "state": state, "survey": _survey(first) if first else None, "coming": coming,
        "installed": installed, "news": live.chronicle.newest(SHOWN), "number": live.chronicle.number,
        "talks": talks, "calls": any(row["stage"] == "calling" for row in rows[:1]),
        "alone": live.life.alone, "switches": SWITCHES, "on": on, "speeds": list(STEPS),
        "mail_url": "/mail", "today": _day(live.world.now()),
    }  # fmt: skip


_OfMolva = tuple[list[dict[str, Any]], tuple[str, datetime] | None, bool, set[str], list[Talk]]


def _of_molva(live: Live) -> _OfMolva:
    try:
        installed = bool(live.life.portal_id())
        talks = live.life.on_the_phone()
        return live.life.surveys(), live.life.next_event(), installed, live.switches.on(), talks
    except TROUBLES:
        return [], None, True, set(), []


def _survey(row: dict[str, Any]) -> Survey:
    stage = "approved" if row["approved_by"] and row["stage"] in ("draft", "rehearsed") else row["stage"]
    word, tone = STAGES.get(stage, (stage, "plain"))
    counts = row["counts"]
    nps = (row.get("result") or {}).get("clients", {}).get("nps")
    return Survey(row["name"], word, tone, counts["invited"], counts["answered"], nps)


def _day(now: datetime) -> str:
    return now.date().isoformat()
