"""Sessions inside the portal: a quarter of an hour from the proof, no cookies, nothing typed is lost (P2, P3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
import requests
from flask import Blueprint, Response, jsonify, request
from flask.testing import FlaskClient
from playwright.sync_api import Frame, expect

from integration.bitrix.sandbox.server import Sandbox, running
from integration.current import deps
from integration.services import frames
from integration.services.frames import Viewer
from integration.store.base import transaction
from integration.store.portals import Portal, Staff
from integration.web import frame
from tests.bitrix.sandbox.agencies import small_agency
from tests.conftest import a_portal
from tests.services.survey_world import BROWSER, World
from tests.web.conftest import Eyes, a_viewer, inside, make_app
from tests.web.portal_site import CLIENT_ID, PortalSite, portal_site, session_of

probe = Blueprint("probe", __name__)


@probe.post("/app/probe")
def _page() -> Response:
    """Any employee's page: it shows what was typed, and how old the session is."""
    who = frame.entered()
    age = (deps().clock.now() - who.proved_at).total_seconds()
    typed = [{"tone": "info", "heading": value, "line": ""} for value in request.form.getlist("word")]
    typed.append({"tone": "info", "heading": "age", "line": str(round(age))})
    return frame.page("app/layout.html", who, notices=typed)


@probe.post("/app/probe/settings")
def _settings() -> Response:
    return frame.page("app/layout.html", frame.entered(administrator=True), current="settings")


@probe.post("/app/probe/desk")
def _desk() -> Response:
    return frame.fragment("kit/parts.html", frame.entered(callers=True))


@probe.post("/app/probe/age")
def _age() -> Response:
    who = frame.entered()
    return jsonify({"age": (deps().clock.now() - who.proved_at).total_seconds()})


@pytest.fixture
def client(world: World) -> FlaskClient:
    app = make_app(world.deps)
    app.register_blueprint(probe)
    made = app.test_client()
    made.environ_base["HTTP_USER_AGENT"] = BROWSER
    return made


def carried(body: str) -> str:
    return session_of(body)


def test_a_page_carries_the_session_that_came_and_prolongs_nothing(client: FlaskClient, world: World) -> None:
    who = a_viewer(world)
    world.clock.advance(minutes=15)
    answer = inside(client, world, who, "/app/probe")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert frames.opened(world.deps, carried(answer.text), 15 * 60) == who
    world.clock.advance(seconds=1)
    assert frames.opened(world.deps, carried(answer.text), 15 * 60) is None
    assert inside(client, world, who, "/app/probe").status_code == 401


def test_a_page_may_be_framed_by_its_portal_only(client: FlaskClient, world: World) -> None:
    policy = inside(client, world, a_viewer(world), "/app/probe").headers["Content-Security-Policy"]
    assert "frame-ancestors 'self' https://portal.example;" in policy
    assert "default-src 'none'" in policy


def test_an_expired_page_carries_everything_that_was_typed(client: FlaskClient, world: World) -> None:
    who = a_viewer(world)
    world.clock.advance(minutes=16)
    words = ["first\nsecond", "</textarea><b>x</b>", ""]
    answer = inside(client, world, who, "/app/probe?x=1", word=words, do="save", version="3")
    body = unescape(answer.text)
    assert answer.status_code == 401
    assert 'action="/app/probe?x=1"' in answer.text
    assert "</textarea><b>x</b>" not in answer.text
    for value in words:
        assert f'<textarea name="word" hidden aria-hidden="true">\n{value}</textarea>' in body
    assert '<textarea name="version" hidden aria-hidden="true">\n3</textarea>' in body
    assert '<input type="hidden" name="renewed" value="1">' in answer.text
    assert "frame-ancestors 'self' https://portal.example;" in answer.headers["Content-Security-Policy"]


def test_an_expired_page_shows_what_was_typed_without_names_of_fields(
    client: FlaskClient, world: World
) -> None:
    who = a_viewer(world)
    world.clock.advance(minutes=16)
    typed = {"senders-0-name": "Olga Lis", "stages": "C9:NEW", "version": "3"}
    answer = inside(client, world, who, "/app/settings/senders", **typed)
    assert answer.status_code == 401
    shown = re.sub(r"(?s)<textarea.*?</textarea>|<[^>]+>", " ", answer.text)
    assert "Olga Lis" in shown
    assert "senders-0-name" not in shown
    assert "C9:NEW" not in shown


@pytest.mark.parametrize(
    ("later", "fields"), [(timedelta(minutes=16), {"renewed": "1"}), (timedelta(days=32), {})]
)
def test_a_page_that_cannot_be_renewed_does_not_try_again(
    client: FlaskClient, world: World, later: timedelta, fields: dict[str, str]
) -> None:
    """Neither a second time nor after a month; the words are still shown inside the portal."""
    who = a_viewer(world)
    world.clock.advance(seconds=later.total_seconds())
    answer = inside(client, world, who, "/app/probe", word="kept", **fields)
    assert answer.status_code == 401
    assert 'id="expired"' not in answer.text
    assert "open the application again" in answer.text
    assert "frame-ancestors 'self' https://portal.example;" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("session", ["", "x", "a.b.c", "x" * 5000])
def test_without_a_session_of_ours_nothing_is_told_and_nobody_may_frame_it(
    client: FlaskClient, session: str
) -> None:
    answer = client.post("/app/probe", data={"session": session, "word": "secret"})
    assert answer.status_code == 401
    assert "secret" not in answer.text
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_a_value_with_one_letter_changed_is_worth_nothing(client: FlaskClient, world: World) -> None:
    text = frames.seal(world.deps, a_viewer(world))
    for place in (3, len(text) // 2, len(text) - 4):
        forged = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert client.post("/app/probe", data={"session": forged}).status_code == 401


def test_a_script_gets_a_word_instead_of_a_page(client: FlaskClient, world: World) -> None:
    who = a_viewer(world, administrator=False)
    asked = {"X-Requested-With": "molva", "Authorization": f"Bearer {frames.seal(world.deps, who)}"}
    refused = client.post("/app/probe/settings", headers=asked)
    assert (refused.status_code, refused.get_json()["error"]) == (403, "forbidden")
    world.clock.advance(minutes=16)
    for headers in (asked, {"Accept": "application/json"}):
        expired = client.post("/app/probe", headers=headers)
        assert (expired.status_code, expired.get_json()["error"]) == (401, "session")


def test_only_administrators_get_the_settings_and_see_them_in_the_menu(
    client: FlaskClient, world: World
) -> None:
    for administrator, status in ((True, 200), (False, 403)):
        who = a_viewer(world, administrator=administrator)
        assert inside(client, world, who, "/app/probe/settings").status_code == status
        if administrator:
            shown = inside(client, world, who, "/app/probe/settings").text
            assert 'formaction="/app/settings/senders" aria-current="page"' in shown
        menu = inside(client, world, who, "/app/probe").text
        assert ("/app/settings/" in menu) is administrator
    assert re.search(r'formaction="/app/main" aria-current="page"', menu) is None
    assert "for administrators" in inside(client, world, who, "/app/probe/settings").text


def test_callers_get_their_desk_and_nothing_else(client: FlaskClient, world: World) -> None:
    world.policy(callers=[7])
    who = a_viewer(world, user_id=7, administrator=False)
    refused = inside(client, world, who, "/app/probe")
    assert (refused.status_code, "Your work is at the call desk" in refused.text) == (403, True)
    assert "formaction" not in refused.text
    assert inside(client, world, who, "/app/probe/desk").status_code == 200


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("uninstalled", "not set up yet"),
        ("reauthorise", "not set up yet"),
        ("suspended", "does not allow applications"),
    ],
)
def test_a_portal_that_is_gone_or_suspended_gets_its_words(
    client: FlaskClient, world: World, status: str, words: str
) -> None:
    world.set(Portal, world.portal.id, status=status)
    answer = inside(client, world, a_viewer(world), "/app/probe")
    assert (answer.status_code, words in answer.text) == (403, True)
    assert "frame-ancestors 'self' https://portal.example;" in answer.headers["Content-Security-Policy"]


def test_somebody_who_was_dismissed_is_refused_though_the_session_lives(
    client: FlaskClient, world: World
) -> None:
    with transaction(world.deps.sessions) as session:
        session.add(Staff(portal_id=world.portal.id, user_id=77, name="Gone", active=False))
    answer = inside(client, world, a_viewer(world, user_id=77), "/app/probe")
    assert (answer.status_code, "no longer have access" in answer.text) == (403, True)


def test_a_session_opens_its_own_portal_and_no_other(client: FlaskClient, world: World) -> None:
    with transaction(world.deps.sessions) as session:
        other = a_portal(member_id="m-2", domain="other.example")
        session.add(other)
        session.flush()
        other_id = other.id
    who = a_viewer(world, portal_id=other_id, origin="https://other.example", administrator=False)
    answer = inside(client, world, who, "/app/probe")
    assert "frame-ancestors 'self' https://other.example;" in answer.headers["Content-Security-Policy"]
    assert "/app/wave/" not in answer.text, "the survey is that of the first portal"
    assert "/app/wave/" in inside(client, world, a_viewer(world), "/app/probe").text


def test_an_error_inside_the_portal_is_seen_inside_the_portal(client: FlaskClient, world: World) -> None:
    answer = inside(client, world, a_viewer(world), "/app/nowhere")
    assert answer.status_code == 405, "addresses of pages answer GET"
    assert "frame-ancestors 'self' https://portal.example;" in answer.headers["Content-Security-Policy"]
    forged = client.post("/app/nowhere", data={"session": "x"})
    assert "frame-ancestors 'none'" in forged.headers["Content-Security-Policy"]


def test_addresses_of_pages_tell_a_plain_browser_where_to_go(client: FlaskClient) -> None:
    for address in ("/app/probe", "/app/settings/senders", "/bitrix/session"):
        answer = client.get(address)
        assert (answer.status_code, "works inside Bitrix24" in answer.text) == (200, True)
        assert client.head(address).status_code == 200


def test_a_form_that_is_too_long_is_refused(client: FlaskClient, world: World) -> None:
    assert inside(client, world, a_viewer(world), "/app/probe", word="x" * 300_000).status_code == 413
    too_long = {"session": "x" * 9000, "token": "t"}
    assert client.post("/bitrix/session", data=too_long).status_code == 413


# --- renewal, with a portal that says who somebody is


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with running(small_agency()) as sandbox:
        yield sandbox


@pytest.fixture(params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest, box: Sandbox) -> Iterator[PortalSite]:
    """Installed and set up, on both databases."""
    with portal_site(box, request.getfixturevalue(f"{request.param}_url")) as made:
        made.app.register_blueprint(probe)
        made.installed()
        yield made


@pytest.fixture
def shown(box: Sandbox, sqlite_url: str) -> Iterator[PortalSite]:
    """The same for the browser, on one of them."""
    with portal_site(box, sqlite_url) as made:
        made.app.register_blueprint(probe)
        made.installed()
        box.control(f"/apps/{CLIENT_ID}/finish", {})
        yield made


def proven(site: PortalSite, minutes: float = 20, **changes: Any) -> Viewer:
    """The administrator as proven so long ago."""
    (portal, *_) = site.portals()
    now = site.deps.clock.now().replace(microsecond=0)
    values: dict[str, Any] = {
        "portal_id": portal.id, "user_id": 1, "administrator": True, "language": "en",
        "origin": site.box.portal_url, "proved_at": now - timedelta(minutes=minutes),
    }  # fmt: skip
    return Viewer(**(values | changes))


def renewed(site: PortalSite, who: Viewer, token: str) -> requests.Response:
    form = {"session": frames.seal(site.deps, who), "token": token}
    return requests.post(f"{site.url}/bitrix/session", data=form, timeout=30)


def test_a_session_is_renewed_for_the_same_person_by_a_fresh_token(site: PortalSite) -> None:
    who = proven(site)
    answer = renewed(site, who, site.token(1))
    assert answer.status_code == 200
    again = frames.unseal(site.deps, answer.json()["session"])
    assert again is not None
    assert again.proved_at > who.proved_at
    assert replace(again, proved_at=who.proved_at) == who
    assert "Set-Cookie" not in answer.headers


def test_renewal_asks_the_portal_anew_who_is_an_administrator(site: PortalSite) -> None:
    """A right that was taken away ends with the next proof."""
    answer = renewed(site, proven(site, user_id=6, administrator=True), site.token(6))
    again = frames.unseal(site.deps, answer.json()["session"])
    assert again is not None
    assert not again.administrator


@pytest.mark.parametrize("token", ["f" * 70, "another person"])
def test_a_token_that_is_dead_or_somebody_elses_renews_nothing(site: PortalSite, token: str) -> None:
    answer = renewed(site, proven(site), site.token(6) if token == "another person" else token)
    assert answer.status_code == 403
    assert answer.json() == {"error": "other_person" if token == "another person" else "dead_token"}


def test_a_session_of_another_portal_is_not_renewed_by_a_token_of_this_one(site: PortalSite) -> None:
    with transaction(site.deps.sessions) as session:
        other = a_portal(member_id="m-2", client_id=CLIENT_ID, domain="other.example",
                         oauth_origin=site.box.oauth_url)  # fmt: skip
        session.add(other)
        session.flush()
        other_id = other.id
    answer = renewed(site, proven(site, portal_id=other_id), site.token(1))
    assert (answer.status_code, answer.json()) == (403, {"error": "wrong_portal"})


def test_a_session_of_last_month_or_a_forged_one_is_not_renewed(site: PortalSite) -> None:
    token = site.token(1)
    assert renewed(site, proven(site, minutes=31 * 1440 + 1), token).json() == {"error": "stale"}
    form = {"session": "x.y.z", "token": token}
    assert requests.post(f"{site.url}/bitrix/session", data=form, timeout=30).json() == {"error": "stale"}
    for broken in ({"session": "x"}, {"token": token}, {"session": "x" * 4500, "token": "t"}):
        assert requests.post(f"{site.url}/bitrix/session", data=broken, timeout=30).status_code == 400


def test_somebody_who_was_dismissed_cannot_renew(site: PortalSite) -> None:
    token = site.token(6)
    site.box.portal.state.users[6]["ACTIVE"] = False
    assert renewed(site, proven(site, user_id=6, administrator=False), token).status_code == 403


def test_a_portal_that_is_gone_renews_nothing_and_a_suspended_one_wakes_up(site: PortalSite) -> None:
    token = site.token(1)
    (portal,) = site.portals()
    for status, expected in (("uninstalled", 403), ("reauthorise", 403), ("suspended", 200)):
        with transaction(site.deps.sessions) as session:
            session.get_one(Portal, portal.id).status = status
        assert renewed(site, proven(site), token).status_code == expected
    assert [one.status for one in site.portals()] == ["active"]


def test_a_portal_that_does_not_answer_is_asked_later(site: PortalSite) -> None:
    token = site.token(1)
    site.box.control("/settings", {"down": True}, "PUT")
    assert (renewed(site, proven(site), token).status_code) == 503


# --- in the portal's frame


@pytest.fixture
def framed(shown: PortalSite, eyes: Callable[..., Eyes]) -> tuple[PortalSite, Eyes, Frame]:
    """The application open in the sandbox's frame, with the portal's own script."""
    seen = eyes()
    seen.page.goto(f"{shown.box.portal_url}/frame/{CLIENT_ID}?user=1&lang=en")
    expect(seen.page.frame_locator("iframe").get_by_role("navigation")).to_be_visible()
    return shown, seen, frame_of(seen)


def frame_of(seen: Eyes) -> Frame:
    (found,) = [one for one in seen.page.frames if one.parent_frame is not None]
    return found


def go(found: Frame, session: str, path: str, **fields: str) -> None:
    """Post a form from the page in the frame, past our own script."""
    found.evaluate(
        """([path, fields]) => {
          const form = document.createElement("form");
          form.method = "post"; form.action = path;
          Object.entries(fields).forEach(([name, value]) => {
            const area = document.createElement("textarea"); area.name = name; area.value = value; form.append(area);
          });
          document.body.append(form); form.submit();
        }""",
        [path, {"session": session, **fields}],
    )


def ours(site: PortalSite, seen: Eyes) -> list[str]:
    return [error for error in seen.errors if site.url in error and "401" not in error]


@pytest.mark.browser
def test_an_expired_page_renews_itself_and_goes_on_with_what_was_typed(
    framed: tuple[PortalSite, Eyes, Frame],
) -> None:
    site, seen, found = framed
    typed = "Первая строка\r\n<b>вторая</b> & третья"
    go(found, frames.seal(site.deps, proven(site)), "/app/probe", word=typed)
    inner = seen.page.frame_locator("iframe")
    shown = inner.locator("#notices .notice strong").first
    expect(shown).to_be_visible()
    assert shown.text_content() == typed.replace("\r", "")
    expect(inner.locator("#expired")).to_have_count(0)
    assert ours(site, seen) == []


@pytest.mark.browser
def test_a_page_that_cannot_prove_its_opener_keeps_the_fields_and_does_not_loop(
    framed: tuple[PortalSite, Eyes, Frame],
) -> None:
    site, seen, found = framed
    before = len([one for one in seen.requests if "/bitrix/session" in one])
    go(found, frames.seal(site.deps, proven(site, user_id=6)), "/app/probe", word="typed with care")
    inner = seen.page.frame_locator("iframe")
    expect(inner.get_by_text("What you typed is still here")).to_be_visible()
    expect(inner.get_by_role("button", name="Go on")).to_be_focused()
    inner.get_by_text("What you typed", exact=True).click()
    expect(inner.get_by_text("typed with care").last).to_be_visible()
    assert len([one for one in seen.requests if "/bitrix/session" in one]) - before == 1


@pytest.mark.browser
def test_a_page_that_is_thirteen_minutes_old_renews_before_it_posts(
    framed: tuple[PortalSite, Eyes, Frame],
) -> None:
    site, seen, found = framed
    go(found, frames.seal(site.deps, proven(site, minutes=14)), "/app/probe")
    inner = seen.page.frame_locator("iframe")
    expect(inner.locator("#notices .notice")).to_have_text(re.compile(r"age 8\d\d$"))
    inner.get_by_role("button", name="Overview").evaluate("button => button.formAction = '/app/probe'")
    inner.get_by_role("button", name="Overview").click()
    expect(inner.locator("#notices .notice")).to_have_text(re.compile(r"age \d\d?$"))
    assert not [one for one in seen.errors if "401" in one], "it was renewed before the form left"
    assert ours(site, seen) == []


@pytest.mark.browser
def test_a_live_request_that_gets_401_renews_and_is_repeated_once(
    framed: tuple[PortalSite, Eyes, Frame],
) -> None:
    site, seen, found = framed
    go(found, frames.seal(site.deps, proven(site, minutes=1)), "/app/probe")
    expect(seen.page.frame_locator("iframe").locator("#notices")).to_contain_text("age")
    found = frame_of(seen)
    got = found.evaluate(
        """async (stale) => {
          let calls = 0;
          const real = window.fetch;
          window.fetch = function (url, options) {
            if (String(url).includes('/app/probe/age')) {
              calls += 1;
              if (calls === 1) {
                options.body.set('session', stale);
                options.headers.Authorization = 'Bearer ' + stale;
              }
            }
            return real(url, options);
          };
          const answer = await window.Molva.request('/app/probe/age', new FormData());
          return [calls, answer.status, (await answer.json()).age];
        }""",
        frames.seal(site.deps, proven(site)),
    )
    assert got[:2] == [2, 200]
    assert got[2] < 60


def test_the_frames_address_names_the_app(shown: PortalSite) -> None:
    """The tests above open what the portal would open."""
    page = requests.get(f"{shown.box.portal_url}/frame/{quote(CLIENT_ID)}?user=1", timeout=30)
    assert page.status_code == 200
