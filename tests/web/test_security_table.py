"""The table of docs/security.md, walked on the real application by everybody who may ask (product.md P2, T6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from integration import app as composition
from integration.adapters import OAuthServers
from integration.bitrix.oauth import OAuthClient
from integration.bitrix.protocol import parse_frame
from integration.bitrix.sandbox.server import Sandbox, running
from integration.config import Config
from integration.services import frames, portals, setup
from integration.services.deps import Deps
from integration.store.base import make_engine, make_sessions, reading
from integration.store.portals import Portal
from integration.store.waves import WaveClient
from tests.bitrix.sandbox.agencies import small_agency
from tests.conftest import HandClock
from tests.services.survey_world import MANAGER, World
from tests.services.tab_world import viewer
from tests.web.portal_site import CLIENT_ID, KEY, SECRET, PortalSite, portal_site
from tests.web.test_every_address import everybody, rows_of

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
PEOPLE = ("stranger", "employee", "administrator", "outsider")
OURS = ("ACME", "p7@example.com", "Person7", "within the hour")  # what nobody else may read
BY_FRAME = (
    "/bitrix/install",
    "/bitrix/app",
    "/bitrix/placement/<name>",
    "/bitrix/session",
    "/bitrix/events",
    "/bitrix/robot",
)


@dataclass(frozen=True)
class Row:
    """One address with its method; what each of `PEOPLE` gets: a status, and whether it is of their own portal."""

    address: str
    method: str
    answers: tuple[tuple[int, bool], ...]

    def of(self, who: str) -> tuple[int, bool]:
        return self.answers[PEOPLE.index(who)]


def table() -> list[Row]:
    """The rows of the page's table."""
    rows = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 8 and cells[0].startswith("`/"):
            answers = tuple((int(cell.split()[0]), cell.endswith("own")) for cell in cells[4:])
            rows.append(Row(cells[0].strip("`"), cells[1], answers))
    return rows


def rules(app: Any) -> Iterator[tuple[str, str]]:
    """Every address and method the application answers."""
    rule: Rule
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            yield str(rule), method


@pytest.fixture
def real(sqlite_url: str, clock: HandClock) -> Iterator[tuple[World, FlaskClient]]:
    """The application put together as it runs, over a client with a history, people of every kind, another portal."""
    engine: Engine = make_engine(sqlite_url)
    config = Config(
        secret_keys=(KEY,), public_url="https://molva.example", database_url=sqlite_url,
        metrics_token="a-token-of-the-operator",
    )  # fmt: skip
    application = composition.build(config, engine)
    world = everybody(make_sessions(engine), clock)
    made = composition.create_app(replace(application, deps=world.deps))
    yield world, made.test_client()
    engine.dispose()


def test_every_address_has_a_row_and_every_row_an_address(real: tuple[World, FlaskClient]) -> None:
    """Whoever adds an address says in docs/security.md who may."""
    known = set(rules(real[1].application))
    written = [(row.address, row.method) for row in table()]
    assert {f"{method} {address}" for address, method in known - set(written)} == set(), "no row"
    assert {f"{method} {address}" for address, method in set(written) - known} == set(), "no such address"
    assert len(written) == len(set(written))


VALUES = {
    "kind": "company", "card_id": "12", "letter": "invitation", "language": "en", "step": "senders", "rest": "main",
    "import_id": "1",
    "reply_id": "1",
    "sheet_id": "1",
    "name": "privacy", "token": "made-up-by-somebody-who-has-no-letter", "filename": "kit.css",
}  # fmt: skip


def path_of(row: Row, place: World) -> str:
    line = next(one.id for one in place.rows(WaveClient) if one.wave_id == place.wave_id)
    values = {**VALUES, "wave_id": place.wave_id, "line_id": line}
    if row.address.startswith("/bitrix/placement"):
        values["name"] = "crm_deal_detail_tab"
    return re.sub(r"<(?:[^:>]+:)?(\w+)>", lambda found: str(values[found[1]]), row.address)


def test_pages_links_and_words_answer_as_the_table_says(real: tuple[World, FlaskClient]) -> None:
    """A stranger gets nothing, an employee what is theirs, an outsider nothing of ours; looking changes nothing."""
    place, client = real
    card = ("company", 12)
    sessions = {
        "stranger": "",
        "employee": frames.seal(place.deps, viewer(place, MANAGER, card=card)),
        "administrator": frames.seal(place.deps, viewer(place, administrator=True, card=card)),
        "outsider": frames.seal(
            place.deps,
            replace(
                viewer(place, administrator=True, card=card),
                portal_id=place.extra["other"],
                origin="https://other.example",
            ),
        ),
    }
    before = rows_of(place, place.portal.id) | {"limits": []}
    wrong = []
    for row in table():
        if row.method == "POST" and row.address in BY_FRAME:
            continue
        for who, session in sessions.items():
            answer = visit(client, row, path_of(row, place), session)
            status, own = row.of(who)
            if answer.status_code != status:
                wrong.append(f"{who}: {row.method} {row.address} {answer.status_code}, not {status}")
            if who in ("stranger", "outsider"):
                shown = [secret for secret in OURS if secret in answer.text]
                assert shown == [], (who, row)
            if own:
                policy = answer.headers.get("Content-Security-Policy", "")
                assert "https://portal.example" not in policy, "it may not even be framed by ours"
    assert not wrong, "\n".join(wrong)
    after = rows_of(place, place.portal.id) | {"limits": []}  # pages may ask the portal
    assert after == before


def visit(client: FlaskClient, row: Row, path: str, session: str) -> TestResponse:
    """A bare visit: nothing but the session, where there is one."""
    if row.method == "GET":
        headers = {"Authorization": f"Bearer {session}"} if session else {}
        environ = {"REMOTE_ADDR": "203.0.113.7"}
        return client.get(path, headers=headers, environ_overrides=environ, buffered=True)
    return client.post(path, data={"session": session} if session else {})


def test_forged_and_expired_sessions_are_those_of_a_stranger(real: tuple[World, FlaskClient]) -> None:
    """One letter changed, another purpose, a minute too old: at every address that asks for a session."""
    place, client = real
    good = frames.seal(place.deps, viewer(place, administrator=True))
    place.clock.advance(minutes=16)
    forged = [good, good[:-2] + ("AA" if good[-2:] != "AA" else "BB"), good.swapcase(), "x" * 5000, "."]
    forged.append(place.deps.signer.sign("survey", {"portal_id": place.portal.id}, place.clock.now()))
    for row in (row for row in table() if row.of("stranger")[0] == 401):
        for session in forged:
            answer = visit(client, row, path_of(row, place), session)
            assert answer.status_code == 401, row
            assert not [secret for secret in OURS if secret in answer.text], row


# --- what the portal itself posts, with two real portals


@dataclass
class Two:
    """Molva in two sandbox portals of different members, and what people of both can post."""

    site: PortalSite
    box: Sandbox
    other: Sandbox
    client: FlaskClient
    deps: Deps

    def frame(self, box: Sandbox, user: int, placement: str) -> tuple[dict[str, str], dict[str, str]]:
        body: dict[str, Any] = {"user_id": user, "placement": placement, "dry": True, "lang": "en"}
        if placement != "DEFAULT":
            body["options"] = {"ID": "10"}
        opened = box.control(f"/apps/{CLIENT_ID}/open", body)
        return dict(parse_qsl(urlsplit(opened["url"]).query)), dict(opened["fields"])

    def posted(self, who: str, placement: str = "DEFAULT") -> tuple[dict[str, str], dict[str, str]]:
        """Query and fields of a frame: genuine for our people; the outsider's says that it is of our portal."""
        if who == "stranger":
            return {}, {}
        query, fields = self.frame(self.box, 6 if who == "employee" else 1, placement)
        if who == "outsider":
            theirs = self.frame(self.other, 1, "DEFAULT")[1]
            fields |= {name: theirs[name] for name in ("AUTH_ID", "REFRESH_ID", "SERVER_ENDPOINT")}
        return query, fields

    def tokens(self) -> tuple[str, str]:
        """The application tokens of both portals."""
        found = [box.portal.state.apps[CLIENT_ID].application_token for box in (self.box, self.other)]
        return found[0], found[1]


@pytest.fixture
def two(sqlite_url: str) -> Iterator[Two]:
    elsewhere = small_agency(member_id="e" * 32)
    with (
        running(small_agency()) as box,
        running(elsewhere) as other,
        portal_site(box, sqlite_url) as site,
    ):
        origins = (box.oauth_url, other.oauth_url)
        deps = replace(
            site.deps,
            settings=replace(site.deps.settings, oauth_origins=origins),
            oauth=OAuthServers(OAuthClient(origins, allow_http=True)),
        )
        site.app.extensions["molva"] = deps
        urls = {"install_url": f"{site.url}/bitrix/install", "app_url": f"{site.url}/bitrix/app"}
        other.control("/apps", {"client_id": CLIENT_ID, "client_secret": SECRET, "ui": True, **urls})
        made = Two(site, box, other, site.app.test_client(), deps)
        for one in (box, other):
            one.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1, "finish": False})
            claim = parse_frame(*made.frame(one, 1, "DEFAULT")).grant
            setup.setup(deps, portals.install(deps, claim).portal_id)
            one.control(f"/apps/{CLIENT_ID}/finish", {})
        yield made


def test_what_the_portal_posts_is_proven_against_it(two: Two) -> None:
    """Entries, renewal and events: a genuine token of another portal opens nothing of ours."""
    rows = {row.address: row for row in table() if row.method == "POST" and row.address in BY_FRAME}
    assert set(rows) == set(BY_FRAME)
    before = kept(two.deps)
    visits: dict[str, Callable[[str], TestResponse]] = {
        "/bitrix/events": lambda who: event(two, who),
        "/bitrix/robot": lambda who: robot(two, who),
        "/bitrix/session": lambda who: renewal(two, who),
        "/bitrix/app": lambda who: entry(two, "/bitrix/app", who),
        "/bitrix/placement/<name>": lambda who: entry(
            two, "/bitrix/placement/crm_deal_detail_tab", who, "CRM_DEAL_DETAIL_TAB"
        ),
        "/bitrix/install": lambda who: entry(two, "/bitrix/install", who),
    }
    for address, visit_by in visits.items():
        for who in PEOPLE:
            answer = visit_by(who)
            assert answer.status_code == rows[address].of(who)[0], (address, who, answer.text[:200])
            if who in ("stranger", "outsider"):
                assert "data-session" not in answer.text
                assert "session" not in (answer.get_json(silent=True) or {})
                policy = answer.headers.get("Content-Security-Policy", "frame-ancestors 'none'")
                assert "frame-ancestors 'none'" in policy or two.box.portal_url in policy
        if address != "/bitrix/install":
            assert kept(two.deps) == before, f"{address} has changed what is stored of a portal"


def entry(two: Two, path: str, who: str, placement: str = "DEFAULT") -> TestResponse:
    query, fields = two.posted(who, placement)
    return two.client.post(path, query_string=query, data=fields)


def renewal(two: Two, who: str) -> TestResponse:
    """The outsider has got hold of our administrator's old session, and has a token of their own."""
    if who == "stranger":
        return two.client.post("/bitrix/session", data={"session": "x"})
    portal = next(row for row in two.site.portals() if row.domain == two.box.domain)
    user = 6 if who == "employee" else 1
    old = frames.viewer(portal, user, user == 1, "en", two.deps.clock.now())
    token = two.posted(who)[1]["AUTH_ID"]
    return two.client.post("/bitrix/session", data={"session": frames.seal(two.deps, old), "token": token})


def event(two: Two, who: str) -> TestResponse:
    """Whoever has the application token is believed that something has changed, and nothing else."""
    ours, theirs = two.tokens()
    form = {
        "event": "ONCRMDEALUPDATE", "data[FIELDS][ID]": "10",
        "auth[member_id]": two.box.portal.state.info.member_id,
        "auth[application_token]": {"stranger": "", "outsider": theirs}.get(who, ours),
    }  # fmt: skip
    return two.client.post("/bitrix/events", data=form)


def robot(two: Two, who: str) -> TestResponse:
    """Whoever has the application token is believed that a rule has run on a deal of that portal."""
    ours, theirs = two.tokens()
    form = {
        "code": "molva_ask", "workflow_id": "w", "event_token": "t", "use_subscription": "Y",
        "document_id[0]": "crm", "document_id[1]": "CCrmDocumentDeal", "document_id[2]": "DEAL_10",
        "auth[member_id]": two.box.portal.state.info.member_id,
        "auth[application_token]": {"stranger": "", "outsider": theirs}.get(who, ours),
    }  # fmt: skip
    return two.client.post("/bitrix/robot", data=form)


def kept(deps: Deps) -> list[tuple[Any, ...]]:
    """What decides about access, of all portals; the spare pair is what an administrator's opening may leave."""
    names = ("id", "member_id", "client_id", "domain", "endpoint", "status", "application_token", "access_token",
             "refresh_token", "token_user_id")  # fmt: skip
    with reading(deps.sessions) as session:
        rows = session.query(Portal).order_by(Portal.id).all()
        return [tuple(getattr(row, name) for name in names) for row in rows]


FORGED = (
    {"DOMAIN": "evil.example"}, {"member_id": "e" * 32}, {"member_id": "nobody"}, {"AUTH_ID": "f" * 70},
    {"AUTH_ID": ""}, {"SERVER_ENDPOINT": "https://evil.example/rest/", "AUTH_ID": "f" * 70}, {"DOMAIN": "x y"},
)  # fmt: skip


def test_whatever_is_forged_in_a_frame_opens_nothing(two: Two) -> None:
    """One field of an administrator's genuine frame changed: refused at every entry, and nothing is stored."""
    before = kept(two.deps)
    places = (
        ("/bitrix/app", "DEFAULT"), ("/bitrix/install", "DEFAULT"),
        ("/bitrix/placement/crm_deal_detail_tab", "CRM_DEAL_DETAIL_TAB"),
    )  # fmt: skip
    for path, placement in places:
        for changes in FORGED:
            query, fields = two.posted("administrator", placement)
            for name, value in changes.items():
                (query if name in query else fields)[name] = value
            answer = two.client.post(path, query_string=query, data=fields)
            assert answer.status_code in (400, 403), (path, changes)
            assert "data-session" not in answer.text
            assert "evil.example" not in answer.headers["Content-Security-Policy"]
    assert kept(two.deps) == before
