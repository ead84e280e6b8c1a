"""The call desk where callers have it: in the portal's own frame, with its telephony and its word on who they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, expect
from sqlalchemy import select

from integration.bitrix.sandbox.clock import VirtualClock
from integration.bitrix.sandbox.server import running
from integration.nps.plans import plan
from integration.services import policies
from integration.services.calendars import portal_calendar
from integration.store.attempts import Attempt, CallLease
from integration.store.base import reading, transaction
from integration.store.policies import PolicyRow
from integration.store.portals import Portal, Staff
from integration.store.waves import Invitation, Wave, WaveClient
from tests.bitrix.sandbox.agencies import small_agency
from tests.browser import until
from tests.web.conftest import Eyes
from tests.web.portal_site import CLIENT_ID, PortalSite, portal_site
from tests.web.test_desk_in_browser import wait

pytestmark = pytest.mark.browser
CALLER = 6
RULES = {"callers": [CALLER], "calling": True, "country": "", "default_owner": 8, "head_user_id": 1}


@pytest.fixture
def place(sqlite_url: str, tmp_path: Path) -> Iterator[tuple[PortalSite, VirtualClock]]:
    """Molva in a portal, on a Monday at noon UTC, with two people to call."""
    now = datetime.now(UTC)
    monday = (now + timedelta(days=7 - now.weekday())).replace(hour=12, minute=0, second=0)
    clock = VirtualClock(tmp_path / "clock")
    clock.advance((monday - now).total_seconds())
    with (
        running(small_agency(), clock) as box,
        portal_site(box, sqlite_url, tmp_path / "clock") as made,
    ):
        portal_id = made.installed()
        box.control(f"/apps/{CLIENT_ID}/finish", {})
        _survey(made, portal_id)
        yield made, clock


def _survey(site: PortalSite, portal_id: int) -> None:
    now = site.deps.clock.now()
    with transaction(site.deps.sessions) as session:
        session.add(PolicyRow(portal_id=portal_id, version=1, body=RULES, saved_at=now))
        session.merge(
            Staff(portal_id=portal_id, user_id=CALLER, name="Boris", last_name="Caller", active=True)
        )
        session.flush()
        rules, version = policies.load(session, portal_id)
        hours = portal_calendar(session.get_one(Portal, portal_id).calendar, rules, now.date()).letters
        wave = Wave(
            portal_id=portal_id, name="2026", stage="calling", policy_version=version, approved_by="Anna",
            plan=plan(now.date(), rules, hours).to_json(), planned_at=now, approved_at=now,
        )  # fmt: skip
        session.add(wave)
        session.flush()
        for number in (3, 5):
            line = WaveClient(
                portal_id=portal_id, wave_id=wave.id, client_kind="company", client_id=number, name=f"Client {number}",
                eligible=True,
            )  # fmt: skip
            session.add(line)
            session.flush()
            session.add(
                Invitation(
                    portal_id=portal_id, wave_id=wave.id, wave_client_id=line.id, contact_id=number, name="Person",
                    phone=f"+7495100000{number}", language="en", time_zone="Europe/Moscow", token=f"t{number}",
                    call_due_at=now - timedelta(hours=number), call_until=now + timedelta(hours=2),
                )
            )  # fmt: skip


def _held(site: PortalSite) -> list[CallLease]:
    with reading(site.deps.sessions) as session:
        return list(session.scalars(select(CallLease)))


def test_a_caller_has_the_desk_in_the_portal(
    place: tuple[PortalSite, VirtualClock], eyes: Callable[..., Eyes]
) -> None:
    """The menu leads to the desk; the number goes to the portal's telephony; a session that ends mid-answer is renewed
    by the portal's word, and the answer is saved; the closed page gives the client back."""
    site, clock = place
    seen = eyes()
    seen.page.goto(f"{site.box.portal_url}/frame/{CLIENT_ID}?user={CALLER}&lang=en")
    inner: FrameLocator = seen.page.frame_locator("iframe")
    expect(inner.get_by_role("button", name="Next client")).to_be_focused()
    found = next(one for one in seen.page.frames if one.parent_frame is not None)
    until(found, "document.querySelector('#desk.keys') !== null")
    inner.get_by_role("button", name="Next client").press("n")
    expect(inner.locator("#desk-client")).to_have_text("Client 5")
    expect(inner.locator("a.phone")).to_be_focused()
    inner.locator("a.phone").press("b")
    expect(seen.page.locator(".calling")).to_contain_text("+74951000005")
    inner.locator("a.phone").press("9")
    inner.locator("input[name=score]:checked").press("Enter")
    inner.locator("#desk-comment").press_sequentially("Fast answers")
    clock.advance(16 * 60)
    inner.locator("#desk-comment").press("Control+Enter")
    expect(inner.locator("#desk-client")).to_have_text("Client 3")
    expect(inner.locator(".desk-part > .notice.good")).to_contain_text("Client 5 · Person · 9 of 10")
    with reading(site.deps.sessions) as session:
        assert [one.outcome for one in session.scalars(select(Attempt))] == ["answered"]
    seen.page.goto("about:blank")
    assert wait(lambda: not _held(site)), "the client went back"
    assert [error for error in seen.errors if site.url in error and "401" not in error] == []
