"""Installed again before the data were erased: the page that asks, and what follows (product.md T1, docs/adr/0009)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from integration.bitrix.sandbox.server import Sandbox, running
from integration.services import chores, inbox, states
from integration.store.base import transaction
from integration.store.portals import Portal
from tests.bitrix.sandbox.agencies import small_agency
from tests.web.portal_site import CLIENT_ID, PortalSite, portal_site, session_of


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with running(small_agency()) as sandbox:
        yield sandbox


@pytest.fixture
def site(box: Sandbox, sqlite_url: str) -> Iterator[PortalSite]:
    """Installed, removed with the wish to erase, added again."""
    with portal_site(box, sqlite_url) as made:
        made.installed()
        removed(made)
        yield made


def removed(site: PortalSite) -> None:
    site.box.control(f"/apps/{CLIENT_ID}/uninstall", {"clean": 1})
    (portal,) = site.portals()
    states.uninstall(site.deps, portal.id, clean=True)
    site.box.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1, "finish": False})
    inbox.drain(site.deps)


def decide(site: PortalSite, session: str, **fields: str) -> requests.Response:
    return requests.post(
        f"{site.url}/bitrix/install/earlier", data={"session": session, **fields}, timeout=30
    )


def test_the_installer_asks_first_and_finishes_nothing_before(site: PortalSite) -> None:
    """No progress, no `installFinish`; the page says from when to when, and until when there is time."""
    asked = site.post("/bitrix/install")
    assert asked.status_code == 200
    assert "installFinish" not in asked.text
    assert "What becomes of the earlier data?" in asked.text
    assert f"frame-ancestors 'self' {site.box.portal_url};" in asked.headers["Content-Security-Policy"]
    shown = re.sub(r"(<[^>]+>|\s)+", " ", asked.text)
    assert re.search(r"Kept from [\w ,]+ to [\w ,]+ Companies", shown)
    assert not chores.run_due(site.deps)
    for path in ("/app/main", "/app/settings/clients", "/app/settings/outbox"):
        again = requests.post(site.url + path, data={"session": session_of(asked.text)}, timeout=30)
        assert "What becomes of the earlier data?" in again.text, "wherever the administrator turns"
    assert [portal.status for portal in site.portals()] == ["undecided"]


def test_starting_anew_needs_a_tick_and_gives_a_session_of_the_new_portal(site: PortalSite) -> None:
    session = session_of(site.post("/bitrix/install").text)
    unsure = decide(site, session, do="anew")
    assert (unsure.status_code, "Nothing has been erased." in unsure.text) == (422, True)
    (old,) = site.portals()
    done = decide(site, session, do="anew", sure="1")
    assert (done.status_code, "installFinish" in done.text) == (200, True)
    fresh = next(portal for portal in site.portals() if portal.status == "active")
    assert fresh.id != old.id
    headers = {"Authorization": f"Bearer {session_of(done.text)}"}
    assert requests.get(f"{site.url}/bitrix/install/status", headers=headers, timeout=30).status_code == 200
    twice = decide(site, session, do="anew", sure="1")
    assert twice.status_code == 403, "the old session opens what is gone"
    assert len([portal for portal in site.portals() if portal.status == "active"]) == 1


def test_going_on_works_from_the_menu_too_and_may_be_said_twice(site: PortalSite) -> None:
    site.box.control(f"/apps/{CLIENT_ID}/finish", {})
    site.box.portal.state.apps[CLIENT_ID].state = "installed"
    asked = site.post("/bitrix/app")
    assert 'name="back" value="app"' in asked.text
    session = session_of(asked.text)
    for _ in range(2):
        assert decide(site, session, do="keep", back="app").status_code == 200
    assert [portal.status for portal in site.portals()] == ["active"]
    assert decide(site, session, do="anew", sure="1", back="app").status_code == 200
    assert len(site.portals()) == 1, "what was kept is not erased by an old page"


def test_employees_and_strangers_decide_nothing(site: PortalSite) -> None:
    site.post("/bitrix/install")
    site.box.portal.state.apps[CLIENT_ID].state = "installed"
    waiting = site.post("/bitrix/app", user=6)
    assert (waiting.status_code, "An administrator has to decide first" in waiting.text) == (403, True)
    assert 'value="keep"' not in waiting.text
    for session in ("", "x.y.z"):
        assert decide(site, session, do="keep").status_code == 401
    (portal,) = site.portals()
    with transaction(site.deps.sessions) as rows:
        rows.get_one(Portal, portal.id).status = "reauthorise"
    assert site.post("/bitrix/app", user=6).status_code == 403
    assert [one.erase_after is not None for one in site.portals()] == [True]


def test_a_wish_that_nobody_proved_is_told_as_such_and_has_no_date(site: PortalSite) -> None:
    """Whoever told of the removal may have been anybody: the page says so, and nothing goes by itself."""
    (portal,) = site.portals()
    with transaction(site.deps.sessions) as rows:
        kept = rows.get_one(Portal, portal.id)
        kept.erase_after, kept.erase_wished_at = None, site.deps.clock.now()
    asked = site.post("/bitrix/install")
    assert "it may not be true" in asked.text
    assert "If nobody chooses" not in asked.text
    assert decide(site, session_of(asked.text), do="keep").status_code == 200
    assert [(one.status, one.erase_wished_at) for one in site.portals()] == [("active", None)]
