"""The owner of the tokens leaves: another administrator's pair takes over, or waits to be brought (T1, pitfall 9)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from integration.bitrix import calls
from integration.bitrix.errors import AccessLost, Retryable
from integration.services import checklist, portals, spare, states, tokens
from integration.services.frames import FrameRefused
from integration.store.base import Sessions, reading, transaction
from integration.store.portals import Portal
from tests.services import life_world as life
from tests.services.life_world import HOUR
from tests.services.portal_world import World, on_sqlite, world

FIRST, SECOND, EMPLOYEE, THIRD = 1, 5, 6, 7


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    """Installed by the first administrator, on both databases."""
    with world(sessions, life.staffed()) as made:
        made.install()
        yield made


@pytest.fixture
def one(sqlite_url: str) -> Iterator[World]:
    with on_sqlite(sqlite_url) as sessions, world(sessions, life.staffed()) as made:
        made.install()
        yield made


def ask(place: World, deps: Any = None) -> Any:
    """One free question to the portal, in whose name it is asked."""
    return portals.rest_for(deps or place.deps, place.portal_id).call(calls.profile()).result["ID"]


def test_when_the_owner_is_dismissed_another_administrator_s_pair_takes_over_by_itself(place: World) -> None:
    """The caller notices nothing; when that one leaves as well, any administrator repairs it by opening the page."""
    life.opens(place, EMPLOYEE)
    assert place.row().spare_user_id is None, "an employee's pair is of no use"
    life.opens(place, SECOND)
    kept = place.row()
    assert (kept.token_user_id, kept.spare_user_id) == (FIRST, SECOND)
    with reading(place.deps.sessions) as session:
        raw = session.execute(text("SELECT spare_refresh_token FROM portals")).scalar_one()
    assert str(kept.spare_refresh_token).encode() not in bytes(raw)
    life.dismissed(place, FIRST)
    assert ask(place) == str(SECOND)
    row = place.row()
    assert (row.status, row.token_user_id, row.spare_refresh_token) == ("active", SECOND, None)
    place.box.control("/tokens/expire", {})
    assert ask(place) == str(SECOND), "the pair renews as any other"
    life.dismissed(place, SECOND)
    with pytest.raises(AccessLost):
        ask(place)
    assert place.row().status == "reauthorise"
    with pytest.raises(FrameRefused, match="not_installed"):
        life.opens(place, EMPLOYEE)
    life.opens(place, THIRD)
    assert (place.row().status, place.row().token_user_id) == ("active", THIRD)
    assert ask(place) == str(THIRD)


def test_the_spare_pair_helps_whatever_killed_the_first(one: World) -> None:
    """Expired and not renewable is as bad as dismissed (docs/operating.md: the one moment that cannot be made safe)."""
    life.opens(one, SECOND)
    state = one.box.portal.tokens
    one.box.control("/tokens/expire", {})
    state.by_refresh = {key: found for key, found in state.by_refresh.items() if found[0].user_id != FIRST}
    assert ask(one) == str(SECOND)
    assert one.row().status == "active"


def test_a_spare_pair_of_somebody_who_is_no_administrator_any_more_is_thrown_away(one: World) -> None:
    life.opens(one, SECOND)
    one.box.portal.state.users[SECOND]["ADMIN"] = False
    life.dismissed(one, FIRST)
    with pytest.raises(AccessLost):
        ask(one)
    row = one.row()
    assert (row.status, row.spare_refresh_token, row.token_user_id) == ("reauthorise", None, FIRST)


def test_a_spare_pair_of_another_portal_is_not_taken(one: World) -> None:
    """What was posted as a refresh token is proven when it is used: member, person, right."""
    life.opens(one, SECOND)
    good = one.deps.oauth

    class Elsewhere:
        """An authorisation server that names another portal for the spare pair."""

        grant = good.grant

        def refresh(self, *given: Any) -> Any:
            return replace(good.refresh(*given), member_id="f" * 32)

    life.dismissed(one, FIRST)
    foreign: Any = Elsewhere()
    with pytest.raises(AccessLost):
        ask(one, replace(one.deps, oauth=foreign))
    assert (one.row().status, one.row().spare_refresh_token) == ("reauthorise", None)


def test_a_server_that_does_not_answer_costs_nobody_the_spare_pair(one: World) -> None:
    """Not now is not never: the portal stays active and the pair is there at the next try."""
    life.opens(one, SECOND)
    life.dismissed(one, FIRST)
    good = one.deps.oauth

    class Silent:
        grant = good.grant

        def refresh(self, *_: Any) -> Any:
            raise Retryable("oauth.token", "unreachable", effect="none")

    silent: Any = Silent()
    with pytest.raises(Retryable):
        ask(one, replace(one.deps, oauth=silent))
    row = one.row()
    assert (row.status, row.refreshing_until) == ("active", None)
    assert row.spare_refresh_token
    one.fault("500", method="profile", skip=1)
    with pytest.raises(Retryable):
        ask(one)
    assert one.row().spare_refresh_token, "the renewed one was stored before the portal was asked"
    assert ask(one) == str(SECOND)


def test_two_processes_put_the_spare_pair_to_work_once(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One exchanges it, the other goes on with the result."""
    monkeypatch.setattr(tokens, "PATIENCE", 2_000)
    life.opens(place, SECOND)
    life.dismissed(place, FIRST)
    place.fresh_counters()
    other = replace(place.deps, settings=replace(place.deps.settings, worker_name="worker-2"))
    found: list[Any] = []
    start = threading.Barrier(4)

    def work(deps: Any) -> None:
        start.wait(60)
        found.append(ask(place, deps))

    threads = [threading.Thread(target=work, args=(deps,)) for deps in (place.deps, other) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert found == [str(SECOND)] * 4
    assert place.counters()["oauth"] == 1


def test_whose_pair_is_in_reserve_and_who_says_so(one: World) -> None:
    """The owner's own newer pair pushes nobody else's out; the check-list names both; a removal takes it along."""
    life.opens(one, FIRST)
    assert one.row().spare_user_id == FIRST, "better than none: the first pair may be lost"
    life.opens(one, SECOND)
    at = one.row().spare_at
    life.opens(one, SECOND)
    assert one.row().spare_at == at, "not with every opening"
    one.clock.advance(2 * HOUR)
    life.opens(one, FIRST)
    assert (one.row().spare_user_id, one.row().spare_at) == (SECOND, at)
    life.opens(one, SECOND)
    assert one.row().spare_at != at
    one.settle()
    found = checklist.read(one.deps, one.portal_id)
    assert found is not None
    (line,) = [item for item in found.items if item.code == "keys"]
    assert (line.facts["owner"], line.facts["spare"]) == ("Anna Admin", "Olga")
    row = one.row()
    assert not spare.wanted(row, THIRD, "", one.clock.now())
    assert not spare.wanted(row, THIRD, "x" * 600, one.clock.now())
    states.uninstall(one.deps, one.portal_id, clean=False)
    with transaction(one.deps.sessions) as session:
        gone = session.get_one(Portal, one.portal_id)
        assert (gone.spare_refresh_token, gone.spare_user_id, gone.refresh_token) == (None, None, None)
