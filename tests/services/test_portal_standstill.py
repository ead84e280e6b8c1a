"""What a portal that does not work for a while does afterwards, and plain http (product.md T1, T10, W2)."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integration.bitrix.errors import Moved, Retryable
from integration.services import access, portals
from integration.services.deps import Grant
from integration.services.portals import InstallRefused
from integration.store.base import Sessions, transaction
from integration.store.portals import Portal
from tests.conftest import HandClock
from tests.services import life_world as life
from tests.services.portal_world import CLIENT_ID, on_sqlite, world
from tests.services.wave_world import make_world

MOSCOW = ZoneInfo("Europe/Moscow")


def msk(month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=MOSCOW)


@pytest.mark.parametrize("state", ["suspended", "reauthorise", "undecided"])
def test_a_portal_that_does_not_work_sends_nothing_and_catches_up_without_a_flood(
    sessions: Sessions, clock: HandClock, state: str
) -> None:
    """Weeks later one letter goes to each, by day, with the steps in between left out and named (product.md W2)."""
    place = make_world(sessions, clock)
    for number in (2, 3):
        place.client(number)
    place.approved()
    place.until(msk(2, 17, 12))
    before = len(place.post.sent)
    assert before == 2, "the announcements"
    place.set(Portal, place.portal_id, status=state)
    back = msk(3, 13, 2, 30)
    while place.clock.moment < back:
        place.tick()
        place.clock.advance(days=1)
    place.clock.moment = back
    place.tick()
    place.set(Portal, place.portal_id, status="active")
    place.tick()
    assert len(place.post.sent) == before, "nothing meanwhile, and nothing at half past two at night"
    place.until(back + timedelta(days=2))
    late = place.post.sent[before:]
    to = sorted(letter.recipient_address for letter in late)
    assert to == ["p200@client.example.com", "p300@client.example.com"], "one each, not one for every step"
    assert all(9 <= letter.sent_at.astimezone(MOSCOW).hour < 18 for letter in late)
    place.until(back + timedelta(days=40))
    by_person: dict[str, list[datetime]] = {}
    for letter in place.post.sent[before:]:
        by_person.setdefault(letter.recipient_address, []).append(letter.sent_at)
    for moments in by_person.values():
        gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
        assert all(gap >= timedelta(days=2, hours=12) for gap in gaps)
    for invitation in place.invitations().values():
        assert invitation.outcome == "no_answer", "the survey comes to its end"
        assert {*invitation.touches} | {*invitation.skipped} == {
            "announcement",
            "invitation",
            "reminder_1",
            "reminder_2",
        }
        assert invitation.skipped, "what was overtaken is named"


# --- plain http


def test_plain_http_is_for_operators_who_say_so(sqlite_url: str) -> None:
    """Without the switch no token goes to an http address, however it is named: frame, webhook, renewal, redirect."""
    with on_sqlite(sqlite_url) as sessions, world(sessions, life.staffed()) as place:
        place.install()
        assert life.opens(place, 6).origin == f"http://{place.box.domain}"
        strict = replace(place.deps, settings=replace(place.deps.settings, allow_http=False))
        sent: list[str] = []

        def rest(endpoint: str, token: str, **_: Any) -> Any:
            sent.append(endpoint)
            raise AssertionError("a token left for an insecure address")

        strict = replace(strict, rest=rest)
        with pytest.raises(InstallRefused, match="insecure"):
            portals.install(strict, life.frame_of(place).grant)
        with pytest.raises(ValueError, match="looks like https"):
            portals.add_webhook(strict, "http://portal.example/rest/1/abc/")
        before = place.row()
        with transaction(sessions) as session:
            session.get_one(Portal, place.portal_id).endpoint = "https://portal.example/rest/"
        held = access.renew(strict, place.portal_id, before.token_version)
        assert held.endpoint == "https://portal.example/rest/", (
            "the renewed pair names http; it is not taken over"
        )

        class Server:
            def grant(self, *_: Any) -> Grant:
                return Grant(
                    client_id=CLIENT_ID, member_id=before.member_id, domain="new.example",
                    endpoint="http://new.example/rest/", user_id=1, installed=True, status="L", scope="",
                )  # fmt: skip

        server: Any = Server()
        with pytest.raises(Retryable):
            access.follow(
                replace(strict, oauth=server),
                place.portal_id,
                Moved("profile", "http://new.example/rest/profile"),
            )
        assert place.row().endpoint == "https://portal.example/rest/"
        assert sent == []
