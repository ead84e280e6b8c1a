"""Installation and the main page, in a sandbox portal over real HTTP (product.md T1, P1-P3, bitrix24.md 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Route, expect
from sqlalchemy import select
from structlog.testing import capture_logs

from integration.bitrix.sandbox.server import Sandbox, running
from integration.store.base import reading, transaction
from integration.store.chores import ChoreRow
from integration.store.portals import Portal
from tests.bitrix.sandbox.agencies import small_agency
from tests.browser import until_here
from tests.web.conftest import Eyes
from tests.web.portal_site import CLIENT_ID, PortalSite, portal_site, session_of


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with running(small_agency()) as sandbox:
        yield sandbox


@pytest.fixture
def site(box: Sandbox, sqlite_url: str) -> Iterator[PortalSite]:
    with portal_site(box, sqlite_url) as made:
        yield made


def status(site: PortalSite, session: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {session}"}
    return requests.get(f"{site.url}/bitrix/install/status", headers=headers, timeout=30)


def test_an_administrator_installs_and_the_page_may_be_framed_by_that_portal_only(site: PortalSite) -> None:
    answer = site.post("/bitrix/install")
    assert answer.status_code == 200
    assert "installFinish" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert f"frame-ancestors 'self' {site.box.portal_url};" in policy
    assert "X-Frame-Options" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    (portal,) = site.portals()
    assert (portal.status, portal.domain) == ("active", site.box.domain)
    with reading(site.deps.sessions) as session:
        assert {"setup", "first_sync"} <= set(session.scalars(select(ChoreRow.name)))


def test_installing_again_keeps_one_portal(site: PortalSite) -> None:
    for _ in range(3):
        assert site.post("/bitrix/install").status_code == 200
    assert len(site.portals()) == 1


def test_somebody_who_is_no_administrator_is_told_whom_to_ask(site: PortalSite) -> None:
    answer = site.post("/bitrix/install", user=6)
    assert answer.status_code == 403
    assert "Only an administrator can install Molva" in answer.text
    assert f"frame-ancestors 'self' {site.box.portal_url};" in answer.headers["Content-Security-Policy"]
    assert site.portals() == []


@pytest.mark.parametrize("path", ["/bitrix/install", "/bitrix/app"])
@pytest.mark.parametrize(
    "changes",
    [
        {"AUTH_ID": "f" * 70},
        {"member_id": "other"},
        {"DOMAIN": "evil.example"},
        {"AUTH_ID": ""},
        {"DOMAIN": "a b"},
    ],
    ids=["token", "member", "domain", "no token", "no domain"],
)
def test_a_forged_frame_gets_a_page_that_no_site_can_frame(
    site: PortalSite, path: str, changes: dict[str, str]
) -> None:
    answer = site.post(path, **changes)
    assert answer.status_code in (400, 403)
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "data-session" not in answer.text
    assert site.portals() == []


def test_a_foreign_authorisation_server_is_never_asked(site: PortalSite) -> None:
    answer = site.post("/bitrix/install", SERVER_ENDPOINT="http://evil.example/rest/")
    assert answer.status_code == 200, "the allowed server is asked instead"
    (portal,) = site.portals()
    assert portal.oauth_origin == site.box.oauth_url


def test_a_portal_that_does_not_answer_is_asked_later(site: PortalSite) -> None:
    site.box.control("/settings", {"down": True}, "PUT")
    answer = site.post("/bitrix/install")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert site.portals() == []


def test_the_status_follows_the_set_up(site: PortalSite) -> None:
    session = session_of(site.post("/bitrix/install").text)
    before = status(site, session).json()
    assert (before["ready"], before["settled"]) == (False, False)
    assert "background process" in before["notice"]
    site.set_up()
    after = status(site, session).json()
    assert (after["ready"], after["settled"], after["notice"]) == (True, False, "")
    states = {step["name"]: step["state"] for step in after["steps"]}
    done = dict.fromkeys(("access", "setup", "events", "tabs"), "done")
    assert states == done | {"data": "working"}
    assert "session" not in after, "asking does not prolong the session (product.md P2)"


def test_the_status_needs_a_fresh_value_of_ours(site: PortalSite) -> None:
    session = session_of(site.post("/bitrix/install").text)
    assert status(site, session).status_code == 200
    for forged in ("", "x", session[:-3] + "abc", session.swapcase()):
        answer = status(site, forged)
        assert (answer.status_code, answer.json()) == (401, {"error": "session"})
    with transaction(site.deps.sessions) as rows:
        rows.scalars(select(Portal)).one().status = "uninstalled"
    assert status(site, session).status_code == 401


def test_an_installation_event_at_the_same_address_is_taken_and_a_forged_one_refused(
    site: PortalSite,
) -> None:
    forged = {"event": "ONAPPINSTALL", "auth[member_id]": "nobody", "auth[application_token]": "x"}
    assert requests.post(f"{site.url}/bitrix/install", data=forged, timeout=30).status_code == 403
    assert requests.post(f"{site.url}/bitrix/install", data={"event": "?"}, timeout=30).status_code == 400
    assert site.portals() == []
    opened = site.box.control(f"/apps/{CLIENT_ID}/open", {"user_id": 1, "dry": True})
    frame = opened["fields"] | dict(parse_qsl(urlsplit(opened["url"]).query))
    event = {
        "event": "ONAPPINSTALL", "data[LANGUAGE_ID]": "ru", "auth[member_id]": frame["member_id"],
        "auth[access_token]": frame["AUTH_ID"], "auth[refresh_token]": frame["REFRESH_ID"],
        "auth[application_token]": frame["APPLICATION_TOKEN"], "auth[domain]": frame["DOMAIN"],
        "auth[server_endpoint]": frame["SERVER_ENDPOINT"],
    }  # fmt: skip
    assert requests.post(f"{site.url}/bitrix/install", data=event, timeout=30).status_code == 200
    assert [portal.status for portal in site.portals()] == ["active"]


@pytest.mark.parametrize(
    ("form", "status"),
    [({"event": "ONCRMDEALADD", "auth[member_id]": "nobody"}, 403), ({"event": "<script>"}, 400)],
)
def test_an_event_that_is_not_believed_leaves_one_line(
    site: PortalSite, form: dict[str, str], status: int
) -> None:
    """Here as at the address for events (product.md T2)."""
    with capture_logs() as lines:
        assert requests.post(f"{site.url}/bitrix/install", data=form, timeout=30).status_code == status
    assert [line["event"] for line in lines] == ["event.refused"]


def test_the_main_page_is_for_any_employee_once_it_is_installed(site: PortalSite) -> None:
    refused = site.post("/bitrix/app", user=6)
    assert (refused.status_code, "not set up yet" in refused.text) == (403, True)
    site.post("/bitrix/install")
    site.set_up()
    shown = site.post("/bitrix/app", user=6)
    assert shown.status_code == 200
    assert session_of(shown.text)
    assert f"frame-ancestors 'self' {site.box.portal_url};" in shown.headers["Content-Security-Policy"]


def test_an_administrator_who_opens_the_app_renews_a_lost_access(site: PortalSite) -> None:
    site.post("/bitrix/install")
    with transaction(site.deps.sessions) as session:
        session.scalars(select(Portal)).one().status = "reauthorise"
    assert site.post("/bitrix/app", user=6).status_code == 403
    assert site.post("/bitrix/app", user=1).status_code == 200
    assert [portal.status for portal in site.portals()] == ["active"]


@pytest.mark.browser
def test_the_installer_page_ends_the_installation_in_the_portals_frame(
    site: PortalSite, eyes: Callable[..., Eyes]
) -> None:
    seen = eyes()
    ends: list[Route] = []
    # What ends the installation is held back, or the page would move on while it is being read.
    seen.page.route("**/ui-api/frame/finish", lambda route: ends.append(route))
    seen.page.goto(f"{site.box.portal_url}/frame/{CLIENT_ID}?user=1&lang=ru")
    frame = seen.page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Molva настраивается")).to_be_visible()
    expect(frame.get_by_role("button", name="Открыть Molva")).to_be_disabled()
    assert not installed(site)
    site.set_up()
    expect(frame.get_by_role("heading", name="Molva готова к работе")).to_be_visible()
    expect(frame.get_by_role("button", name="Открываем")).to_be_disabled()
    until_here(seen.page, lambda: ends, "the end of the installation")
    ends[0].continue_()
    expect(frame.get_by_role("heading", name="Рекомендации ваших клиентов")).to_be_visible()
    assert installed(site)
    assert [error for error in seen.errors if site.url in error] == [], "the portal's own icon is not ours"


def installed(site: PortalSite) -> bool:
    apps = site.box.portal.state.apps
    return apps[CLIENT_ID].state == "installed"


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (320, True)])
def test_the_pages_in_the_frame_are_accessible_and_fit(
    site: PortalSite, eyes: Callable[..., Eyes], width: int, dark: bool
) -> None:
    site.post("/bitrix/install")
    portal_id = site.set_up()
    with transaction(site.deps.sessions) as session:
        session.get_one(Portal, portal_id).synced_at = site.deps.clock.now()
    seen = eyes(width, dark=dark)
    pages = {
        "install": site.post("/bitrix/install").text,
        "main": site.post("/bitrix/app").text,
        "refused": site.post("/bitrix/install", user=6).text,
        "about": requests.get(f"{site.url}/bitrix/install", timeout=30).text,
    }
    shown = ""
    seen.page.route(f"{site.url}/shown", lambda route: route.fulfill(body=shown, content_type="text/html"))
    for where, shown in pages.items():  # noqa: B007  (the route reads it)
        seen.page.goto(f"{site.url}/shown")
        found = Axe().run(seen.page)
        assert found.violations_count == 0, f"{where}: {found.generate_report()}"
        assert seen.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), where
