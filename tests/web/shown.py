"""Every page inside the portal with its states, as a table; the worlds they stand in; one window that looks at them.

A page has a row here or `test_every_page` fails: the addresses are compared with those the application answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Flask

from integration.bitrix.sandbox.server import running
from integration.services import frames
from integration.services.frames import Viewer
from integration.store.base import Sessions, make_engine, make_sessions
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave, WaveClient
from integration.web import frame
from tests.bitrix.sandbox.agencies import small_agency
from tests.conftest import HandClock
from tests.services import import_world, report_world, tab_world, wave_world, yearly_world
from tests.services.calling import desk_world
from tests.services.wave_world import DIRECTOR, MANAGER, World, make_world
from tests.web import (
    call_states,
    main_states,
    project_states,
    referral_world,
    rehearsal_states,
    reply_world,
    request_world,
    said_states,
    setup_world,
)
from tests.web.conftest import served
from tests.web.portal_site import CLIENT_ID, portal_site
from tests.web.settings_world import PortalOfFields

CALLER = 77
SCRIPT = "http://portal.example/bx24.js"
#: Parts of pages and answers for scripts: tested with their pages.
PARTS = {
    "partners.out", "partners.report", "referrals.export", "referral_import.report", "wave_report.export",
    "rehearsal.letter", "rehearsal.people",
    "settings.clients_live", "settings.followups_live", "settings.referrals_live", "settings.senders_live",
    "projects.saved", "settings.projects_live",
    "settings.questions_live",
    "settings.wave_live", "settings.letter_look", "settings.letter_shown", "settings.letters_fate",
    "settings.script_look",
    "settings.letters_clients", "settings.requests_export", "start.live", "session.renew", "card_referrer.found",
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A page in a state: the world it stands in, its address, what is posted, who looks, what comes."""

    name: str
    world: str
    path: str
    fields: Mapping[str, str] = field(default_factory=dict)
    who: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    late: bool = False  # the session has run out meanwhile


@dataclass
class Place:
    """A world being served: `post` gives address and fields of a page for somebody who speaks a language."""

    site: str
    app: Flask
    post: Callable[[Shown, str], tuple[str, dict[str, str]]]


def _inside(site: str, app: Flask, deps: Any, viewer: Callable[..., Viewer], **places: Any) -> Place:
    def post(shown: Shown, language: str) -> tuple[str, dict[str, str]]:
        who = viewer(language=language, **shown.who)
        now = deps.clock.now().replace(microsecond=0)
        late = timedelta(minutes=20 if shown.late else 0)
        values = {name: getattr(who, name) for name in Viewer.__dataclass_fields__}
        session = frames.seal(deps, Viewer(**{**values, "proved_at": now - late}))
        return shown.path.format(**places), {"session": session, **shown.fields}

    return Place(site, app, post)


@contextmanager
def _desk(sessions: Sessions, state: main_states.State) -> Iterator[Place]:
    """Main page, survey, first run and settings of an agency in a state."""
    world = make_world(sessions, HandClock())
    state(world)
    report_world.hire(world, CALLER)
    world.policy(callers=[CALLER])
    world.deps = replace(world.deps, rest=PortalOfFields())
    app = setup_world.make_app(world.deps)

    @app.post("/app/broken")
    def broken() -> None:
        frame.entered()
        raise RuntimeError("a fault of ours")

    def viewer(language: str, **more: Any) -> Viewer:
        values = {"user_id": 1, "administrator": True, **more}
        return report_world.viewer(world, values.pop("user_id"), language=language, **values)

    waves = world.rows(Wave)
    for site in served(app):
        lines = world.rows(WaveClient, wave_id=waves[-1].id) if waves else []
        line = next((row.id for row in lines if row.reason == ""), 0)
        yield _inside(site, app, world.deps, viewer, wave=waves[-1].id if waves else 0, line=line)


def _undecided(world: World) -> Viewer:
    """Installed again before the data were erased."""
    who = main_states.full(world)
    now = world.clock.now()
    world.set(
        Portal, world.portal_id, status="undecided", removed_at=now, erase_after=now + timedelta(days=5)
    )
    return who


def _referrals(world: World) -> Viewer:
    """Two years of recommendations, and a chain of fifty."""
    referral_world.agency(world)
    referral_world.chain(world)
    return report_world.viewer(world, 1, administrator=True)


def _years(world: World) -> Viewer:
    """Two surveys over the same clients, the result of the second final and corrected since."""
    report_world.beat(world)
    yearly_world.two_years(world, after=True)
    return report_world.viewer(world, 1, administrator=True)


def _many_referrals(world: World) -> Viewer:
    """Three thousand of them."""
    report_world.beat(world)
    referral_world.crowd(world, 3000)
    return report_world.viewer(world, 1, administrator=True)


def _lists(world: World) -> Viewer:
    """Lists of past referrals in every state."""
    report_world.beat(world)
    import_world.lists(import_world.fill(world))
    return report_world.viewer(world, 1, administrator=True)


@contextmanager
def _call_centre(sessions: Sessions) -> Iterator[Place]:
    """A survey that a call centre calls for."""
    made = call_states.centre(sessions, HandClock())
    world = made.world
    world.deps = replace(world.deps, rest=PortalOfFields())
    app = setup_world.make_app(world.deps)

    def viewer(language: str, **more: Any) -> Viewer:
        values = {"user_id": 1, "administrator": True, **more}
        return report_world.viewer(world, values.pop("user_id"), language=language, **values)

    for site in served(app):
        yield _inside(site, app, world.deps, viewer, wave=made.wave_id)


@contextmanager
def _set_up(sessions: Sessions, many: int) -> Iterator[Place]:
    """Set-up and outbox of a portal that answers, with things that got stuck."""
    with setup_world.desk(sessions) as desk:
        setup_world.arrange(desk.place, 2, 2, setup_world.LAYOUT)
        setup_world.stuck(desk.place, many=many)
        request_world.busy_day(desk.place.deps, desk.place.portal_id)

        def viewer(language: str, **more: Any) -> Viewer:
            return replace(desk.who(**more), language=language)

        for site in served(desk.app):
            yield _inside(site, desk.app, desk.place.deps, viewer)


@contextmanager
def _card(sessions: Sessions, full: bool) -> Iterator[Place]:
    """The tab of a client with years behind it, or of one never asked."""
    world = tab_world.tab_world(sessions, HandClock(), language="ru")
    if full:
        tab_world.history(world, comment="Отвечают быстро.", name=report_world.LONG)
        tab_world.held(world)
        tab_world.a_task(world)
    app = setup_world.make_app(world.deps)

    def viewer(language: str, card: tuple[str, int], **more: Any) -> Viewer:
        return tab_world.viewer(world, more.pop("user_id", tab_world.HEAD), card, language=language, **more)

    for site in served(app):
        yield _inside(site, app, world.deps, viewer)


@contextmanager
def _calls(sessions: Sessions) -> Iterator[Place]:
    """The call desk of a survey in which three people are to be called, the first with a call behind them."""
    desk = desk_world.make(sessions, HandClock(), people={11: 1, 12: 1, 13: 1})
    desk.world.policy(**{**wave_world.POLICY, **desk_world.POLICY, "callers": [desk_world.ADA]})
    for row in desk.world.rows(WaveClient):
        name = report_world.LONG if row.client_id == 11 else f"Ромашка-{row.client_id}"
        desk.world.set(WaveClient, row.id, name=name)
    for number in desk.ids.values():
        desk.world.set(Invitation, number, name="Анастасия Константинопольская-Преображенская")
    desk.call("call_back", call_back_at="2026-03-02T10:01", note=report_world.LONG)
    desk.clock.advance(minutes=1)
    app = setup_world.make_app(desk.deps)

    def viewer(language: str, **more: Any) -> Viewer:
        values = {
            "user_id": desk_world.ADA,
            "administrator": False,
            "origin": "https://portal.example",
            **more,
        }
        return Viewer(
            portal_id=desk.world.portal_id, language=language,
            proved_at=desk.clock.now().replace(microsecond=0), **values,
        )  # fmt: skip

    for site in served(app):
        yield _inside(site, app, desk.deps, viewer)


@contextmanager
def _portal(url: str, installed: bool) -> Iterator[Place]:
    """The whole application and a portal that opens its pages; `installed` or not yet."""
    with running(small_agency()) as box, portal_site(box, url) as site:
        if installed:
            site.post("/bitrix/install")
            box.control(f"/apps/{CLIENT_ID}/finish", {})
            site.set_up()

        def post(shown: Shown, language: str) -> tuple[str, dict[str, str]]:
            who = {"lang": {"uk": "ua"}.get(language, language), **shown.who}
            query, form = site.frame(who.pop("user_id", 1), **who)
            return f"{shown.path}?{urlencode(query)}", form

        yield Place(site.url, site.app, post)


@contextmanager
def place(name: str, url: str) -> Iterator[Place]:
    """A world by its name in the table, on an empty database."""
    if name in ("no Molva yet", "installing", "portal"):
        with _portal(url, name == "portal") as made:
            yield made
        return
    engine = make_engine(url)
    sessions = make_sessions(engine)
    worlds: dict[str, Any] = {
        "new": lambda: _desk(sessions, main_states.installed), "agency": lambda: _desk(sessions, main_states.full),
        "planned": lambda: _desk(sessions, main_states.planned), "crowd": lambda: _desk(sessions, main_states.large),
        "stuck": lambda: _set_up(sessions, 0), "very stuck": lambda: _set_up(sessions, 10_000),
        "referrals": lambda: _desk(sessions, _referrals), "many referrals": lambda: _desk(sessions, _many_referrals),
        "nothing wrong": lambda: _desk(sessions, rehearsal_states.clean),
        "much wrong": lambda: _desk(sessions, rehearsal_states.many),
        "being rehearsed": lambda: _desk(sessions, rehearsal_states.running),
        "rehearsed in vain": lambda: _desk(sessions, rehearsal_states.given_up),
        "years": lambda: _desk(sessions, _years), "lists": lambda: _desk(sessions, _lists),
        "undecided": lambda: _desk(sessions, _undecided),
        "projects": lambda: _desk(sessions, project_states.asked_more),
        "replies": lambda: _desk(sessions, reply_world.replied), "said": lambda: _desk(sessions, said_states.said),
        "calls": lambda: _calls(sessions),
        "call centre": lambda: _call_centre(sessions),
        "client": lambda: _card(sessions, True), "never asked": lambda: _card(sessions, False),
    }  # fmt: skip
    with worlds[name]() as made:
        yield made
    engine.dispose()


MANAGES = {"user_id": MANAGER, "administrator": False}
SETTINGS = (
    "senders",
    "clients",
    "wave",
    "questions",
    "projects",
    "letters",
    "followups",
    "referrals",
    "privacy",
    "history",
)
PAGES = (
    Shown("installer", "installing", "/bitrix/install"),
    Shown("installer, no administrator", "no Molva yet", "/bitrix/install", who={"user_id": 6}, status=403),
    Shown("not installed yet", "no Molva yet", "/bitrix/app", who={"user_id": 6}, status=403),
    Shown("entry", "portal", "/bitrix/app"),
    Shown("entry by the card", "portal", "/bitrix/placement/crm_deal_detail_tab",
          who={"placement": "CRM_DEAL_DETAIL_TAB", "options": {"ID": "10"}}),
    Shown("main, just installed", "new", "/app/main"),
    Shown("main, busy", "agency", "/app/main"),
    Shown("main, a director", "agency", "/app/main", who={"user_id": DIRECTOR, "administrator": False}),
    Shown("main, a manager", "agency", "/app/main", who=MANAGES),
    Shown("main, nobody's manager", "agency", "/app/main", who={"user_id": 404, "administrator": False}),
    Shown("survey to approve", "planned", "/app/wave/{wave}"),
    Shown("survey under way", "agency", "/app/wave/{wave}"),
    Shown("survey, a manager", "agency", "/app/wave/{wave}", who=MANAGES),
    Shown("survey of ten thousand", "crowd", "/app/wave/{wave}"),
    Shown("survey, nothing typed", "agency", "/app/wave/{wave}", {"do": "cancel", "why": ""}, status=422),
    Shown("survey, nobody fits", "agency", "/app/wave/{wave}", {"q": "zzz", "letters": "late"}),
    Shown("survey, days that cannot be", "planned", "/app/wave/{wave}", {"do": "move", "closing": "2026-02-01"},
          status=422),
    *(Shown(f"rehearsal: {name}", name, "/app/wave/{wave}/rehearsal")
      for name in ("nothing wrong", "being rehearsed", "rehearsed in vain")),
    Shown("rehearsal: much wrong", "much wrong", "/app/wave/{wave}/rehearsal", who={"user_id": MANAGER}),
    Shown("rehearsal: nobody found", "nothing wrong", "/app/wave/{wave}/rehearsal", {"q": "zzz"}),
    Shown("rehearsal: a wrong selector", "nothing wrong", "/app/wave/{wave}/rehearsal",
          {"do": "selector", "sender": "head", "selector": "two words"}, status=422),
    Shown("rehearsal of a survey under way", "agency", "/app/wave/{wave}/rehearsal"),
    Shown("survey, who did what", "agency", "/app/wave/{wave}/trail"),
    Shown("client of a survey", "agency", "/app/wave/{wave}/client/{line}"),
    Shown("client of a survey, nothing typed", "agency", "/app/wave/{wave}/client/{line}", {"do": "exclude"},
          status=422),
    Shown("colleagues named", "said", "/app/wave/{wave}/colleagues"),
    Shown("colleagues named, no reason", "said", "/app/wave/{wave}/colleagues",
          {"do": "dismiss", "proposal": "1", "why": ""}, status=422),
    Shown("colleagues named, none yet", "agency", "/app/wave/{wave}/colleagues"),
    Shown("call centre", "call centre", "/app/wave/{wave}/partners"),
    Shown("call centre: made before", "call centre", "/app/wave/{wave}/partners",
          {"do": "make", "name": "Olga", "firm": "Calls Ltd"}, status=422),
    Shown("call centre: no name", "call centre", "/app/wave/{wave}/partners", {"do": "make"}, status=422),
    Shown("call centre: no file", "call centre", "/app/wave/{wave}/partners", {"do": "upload"}, status=422),
    Shown("call centre: nobody calls", "agency", "/app/wave/{wave}/partners"),
    Shown("call centre: looks", "call centre", "/app/wave/{wave}/partners/log"),
    Shown("call centre: no looks yet", "agency", "/app/wave/{wave}/partners/log"),
    Shown("call centre: sheet taken in", "call centre", "/app/wave/{wave}/partners/sheet/2"),
    Shown("call centre: sheet to look at", "call centre", "/app/wave/{wave}/partners/sheet/3", {"view": "new"}),
    Shown("call centre: sheet being taken in", "call centre", "/app/wave/{wave}/partners/sheet/4"),
    Shown("call centre: too late", "call centre", "/app/wave/{wave}/partners/sheet/2", {"do": "start"}, status=409),
    Shown("call centre: no such sheet", "call centre", "/app/wave/{wave}/partners/sheet/99", status=404),
    Shown("direct line", "said", "/app/direct"),
    Shown("direct line, nothing waits", "new", "/app/direct"),
    Shown("desk: somebody waits", "calls", "/app/desk"),
    Shown("desk: a client in hand", "calls", "/app/desk", {"do": "take"}),
    Shown("desk: elsewhere by now", "calls", "/app/desk", {"do": "save:answered", "score": "9", "comment": "x"},
          status=409),
    Shown("desk: a manager", "calls", "/app/desk", who={"user_id": MANAGER}, status=403),
    Shown("desk: nobody is called", "new", "/app/desk"),
    Shown("extra question begun", "agency", "/app/settings/questions", {"do": "add:speed"}),
    Shown("surveys", "agency", "/app/waves"),
    Shown("replies, all", "replies", "/app/replies", {"show": "all"}),
    Shown("replies that wait", "replies", "/app/replies"),
    Shown("replies, none yet", "new", "/app/replies"),
    Shown("reply, no score chosen", "replies", "/app/replies/1", {"do": "record", "score": ""}, status=422),
    Shown("reply to read", "replies", "/app/replies/2"),
    Shown("surveys, none yet", "new", "/app/waves", {"do": "plan", "start": "2026-01-01"}, status=422),
    Shown("report", "years", "/app/wave/{wave}/report"),
    Shown("report, a manager", "years", "/app/wave/{wave}/report", who=MANAGES),
    Shown("report before the survey", "planned", "/app/wave/{wave}/report"),
    *(Shown(f"first run: {step}", "new", f"/app/start/{step}") for step in ("senders", "clients", "calendar", "test")),
    Shown("first run, where one stands", "new", "/app/start"),
    Shown("first run: a letter to nobody", "new", "/app/start/test", {"do": "test", "address": "x"}, status=422),
    Shown("first run: finished", "agency", "/app/start/test", {"do": "finish"}),
    *(Shown(f"settings: {section}", "agency", f"/app/settings/{section}") for section in SETTINGS),
    Shown("settings: nobody signs", "agency", "/app/settings/senders", {"do": "save", "version": "0"}, status=409),
    Shown("settings: way of a sender", "agency", "/app/settings/senders/way", {"sender": "head"}),
    Shown("settings: way of a sender, refused", "agency", "/app/settings/senders/way",
          {"sender": "head", "do": "save", "way": "own", "host": "", "port": "465"}, status=422),
    Shown("settings: letter", "agency", "/app/settings/letters/invitation/ru"),
    Shown("settings: a call's words", "agency", "/app/settings/letters/call/ru"),
    Shown("settings: a call's words, wrong", "agency", "/app/settings/letters/call/ru",
          {"do": "save", "started": "1", "hello": "{x}", "about": "—"}, status=422),
    Shown("settings: set-up", "stuck", "/app/settings/setup"),
    Shown("settings: outbox", "stuck", "/app/settings/outbox"),
    Shown("settings: outbox, letters", "stuck", "/app/settings/outbox", {"view": "letters"}),
    Shown("settings: requests", "stuck", "/app/settings/requests"),
    Shown("settings: no requests yet", "agency", "/app/settings/requests", {"errors": "1", "slower": "x"}, status=422),
    Shown("settings: is all well", "stuck", "/app/settings/health"),
    Shown("settings: outbox of ten thousand", "very stuck", "/app/settings/outbox"),
    Shown("tab: company", "client", "/app/card/company/12", who={"card": ("company", 12)}),
    Shown("tab: contact", "client", "/app/card/contact/7", who={"card": ("contact", 7)}),
    Shown("tab: deal", "client", "/app/card/deal/351", who={"card": ("deal", 351)}),
    Shown("tab: lead without a client", "client", "/app/card/lead/99", who={"card": ("lead", 99)}),
    Shown("tab: own client", "client", "/app/card/company/12",
          who={"card": ("company", 12), "user_id": tab_world.MANAGER}),
    Shown("tab: never asked", "never asked", "/app/card/company/12", who={"card": ("company", 12)}),
    Shown("tab: who recommended", "client", "/app/card/company/12/referrer", {"do": "clear", "note": ""},
          who={"card": ("company", 12)}, status=422),
    Shown("tab: another card", "client", "/app/card/company/12", who={"card": ("company", 13)}, status=403),
    *(Shown(f"referrals: {view or 'figures'}", "referrals", f"/app/referrals/{view}".rstrip("/"))
      for view in ("", "clients", "tree", "leaders", "ask", "thanks", "problems")),
    Shown("referrals: no promoters", "referrals", "/app/referrals/leaders", {"show": "others"}),
    Shown("referrals: deals of a figure", "referrals", "/app/referrals/deals", {"cell": "~2026-01-01~referred~~"}),
    Shown("referrals: a chain of fifty", "referrals", "/app/referrals/tree", {"root": "company:700"}),
    Shown("past referrals", "lists", "/app/referrals/import"),
    Shown("past referrals: no file", "lists", "/app/referrals/import", {"do": "upload"}, status=422),
    Shown("past referrals: nothing yet", "new", "/app/referrals/import"),
    Shown("past referrals: to decide", "lists", "/app/referrals/import/1"),
    *(Shown(f"past referrals: {view}", "lists", "/app/referrals/import/1", {"view": view})
      for view in ("ready", "bad")),
    Shown("past referrals: taken over", "lists", "/app/referrals/import/2"),
    Shown("past referrals: something else stands", "lists", "/app/referrals/import/3"),
    Shown("past referrals: being looked at", "lists", "/app/referrals/import/4"),
    Shown("past referrals: nothing new", "lists", "/app/referrals/import/5"),
    Shown("past referrals: too late", "lists", "/app/referrals/import/2", {"do": "start"}, status=409),
    Shown("past referrals: no such list", "lists", "/app/referrals/import/99", status=404),
    Shown("past referrals: the portal's source", "lists", "/app/referrals/import/sources"),
    Shown("past referrals: nobody ticked", "lists", "/app/referrals/import/sources", {"do": "check"}, status=422),
    Shown("past referrals: nobody left", "new", "/app/referrals/import/sources"),
    Shown("after projects: off", "new", "/app/projects"),
    *(Shown(f"after projects: {state or 'all'}", "projects", "/app/projects", {"state": state, "by": "quarter"})
      for state in ("", "decide", "waits")),
    Shown("after projects: asked in vain", "projects", "/app/projects", {"do": "start", "deal": "77", "once": "x"},
          status=422),
    Shown("after projects: a manager", "projects", "/app/projects", who=MANAGES),
    Shown("after projects: asked from the tab", "client", "/app/card/deal/351/project", {"do": "start", "once": "a"},
          who={"card": ("deal", 351)}, status=422),
    Shown("referrals: none yet", "new", "/app/referrals"),
    Shown("referrals: nobody came yet", "new", "/app/referrals/clients"),
    Shown("referrals: all thanked", "new", "/app/referrals/thanks"),
    Shown("referrals: nothing fits", "referrals", "/app/referrals/clients", {"year": "2019"}),
    Shown("referrals: a manager", "referrals", "/app/referrals/clients", who=MANAGES),
    Shown("referrals: gone meanwhile", "referrals", "/app/referrals/thanks", {"do": "say", "say": "thank:99999"},
          status=409),
    Shown("referrals: many", "many referrals", "/app/referrals/clients", {"page": "9"}),
    Shown("referrals: many trees", "many referrals", "/app/referrals/tree"),
    Shown("no administrator", "agency", "/app/settings/senders", who=MANAGES, status=403),
    Shown("a caller", "agency", "/app/main", who={"user_id": CALLER, "administrator": False}, status=403),
    Shown("no such survey", "agency", "/app/wave/999999", status=404),
    Shown("session run out", "agency", "/app/settings/clients", {"do": "save", "min_gap_days": "200"}, status=401,
          late=True),
    Shown("earlier data", "undecided", "/bitrix/install/earlier"),
    Shown("earlier data, nothing ticked", "undecided", "/bitrix/install/earlier", {"do": "anew"}, status=422),
    Shown("earlier data, a manager", "undecided", "/app/main", who=MANAGES, status=403),
    Shown("a fault of ours", "agency", "/app/broken", status=500),
)  # fmt: skip
