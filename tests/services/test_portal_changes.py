"""A portal's changes: another application, an update, a new name, a word about the payment (T1, docs/adr/0009)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from integration.bitrix import calls
from integration.bitrix.protocol import Event, Grant
from integration.services import frames, inbox, portals
from integration.services.frames import FrameRefused
from integration.services.portals import InstallRefused
from integration.store.base import Sessions, transaction
from integration.store.chores import ChoreRow
from integration.store.clients import Company, Deal
from integration.store.inbox import InboxRow
from integration.store.portals import Portal
from tests.services import life_world as life
from tests.services.portal_world import CLIENT_ID, SECRET, World, on_sqlite, world
from tests.services.ready_world import ready_world


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    """Installed and set up, on both databases."""
    with ready_world(sessions, life.staffed()) as made:
        yield made


@pytest.fixture
def one(sqlite_url: str) -> Iterator[World]:
    """The same on one of them."""
    with on_sqlite(sqlite_url) as sessions, ready_world(sessions, life.staffed()) as made:
        yield made


# --- another application in the same portal


@pytest.mark.parametrize("heard", [True, False], ids=["event heard", "event lost"])
def test_a_local_application_added_anew_takes_over_the_data_of_the_one_that_was_deleted(
    sessions: Sessions, heard: bool
) -> None:
    """New keys, the same portal: one row, all data, no second empty portal (bitrix24.md pitfall 14)."""
    with world(sessions, life.staffed(), client_id="", client_secret="") as place:
        first = portals.add_app(place.deps, place.box.domain, CLIENT_ID, SECRET)
        place.ready()
        if not heard:
            place.box.control("/settings", {"events": {"lose_every": 1}}, "PUT")
        life.removed(place, clean=0)
        assert (place.row().status == "uninstalled") is heard
        place.box.control("/settings", {"events": {"lose_every": 0}}, "PUT")
        portals.add_app(place.deps, place.box.domain, "local.again", "another-secret")
        life.added(place, "local.again")
        got = portals.install(place.deps, life.frame_of(place, 1, "local.again").grant)
        assert (got.portal_id, got.created) == (first, False)
        (portal,) = life.portals_of(place)
        assert (portal.client_id, portal.client_secret, portal.kind) == (
            "local.again",
            "another-secret",
            "local",
        )
        place.settle()
        assert place.get(Deal, 1) is not None
        place.box.control("/tokens/expire", {})
        assert portals.rest_for(place.deps, first).call(calls.profile()).result["ID"] == "1"
        with pytest.raises(InstallRefused, match=r"not_ours|dead_token"):
            portals.install(place.deps, life.frame_of(place, 1, CLIENT_ID).grant)


def test_two_living_applications_of_ours_are_one_too_many(one: World) -> None:
    """Two would ask the same clients twice; the second is refused, and nothing of the first has changed."""
    before = one.row()
    portals.add_app(one.deps, one.box.domain, "local.second", "another-secret")
    life.added(one, "local.second")
    claim = life.frame_of(one, 1, "local.second").grant
    with pytest.raises(InstallRefused, match="already_connected"):
        portals.install(one.deps, claim)
    after = one.row()
    assert (after.client_id, after.token_version, after.status) == (CLIENT_ID, before.token_version, "active")
    with pytest.raises(FrameRefused, match="already_connected"):
        life.opens(one, 1, "local.second")
    with pytest.raises(FrameRefused, match="not_installed"):
        life.opens(one, 6, "local.second")
    life.removed(one, clean=1)
    assert portals.install(one.deps, life.frame_of(one, 1, "local.second").grant).portal_id == one.portal_id
    assert one.row().status == "undecided", "the wish to erase moves with the data"


# --- updated, renamed


def test_an_update_drops_the_bindings_and_they_are_made_again(place: World) -> None:
    """`ONAPPUPDATE` brings a new application token; lost, the next administrator who opens the application does."""
    for lost in (False, True):
        place.box.control("/settings", {"events": {"lose_every": 1 if lost else 0}}, "PUT")
        before = place.row().application_token
        place.box.control(f"/apps/{CLIENT_ID}/update", {"version": 3 if lost else 2})
        assert place.dump()["bindings"] == []
        place.box.control("/settings", {"events": {"lose_every": 0}}, "PUT")
        place.settle()
        place.box.control(f"/apps/{CLIENT_ID}/finish", {})
        if lost:
            assert place.row().application_token == before
            life.opens(place, 6)
            assert place.row().application_token == before, "an employee changes nothing"
            life.opens(place, 5)
            place.settle()
        after = place.row().application_token
        assert after not in (None, before)
        assert {row["event"] for row in place.dump()["bindings"]} >= {"ONAPPUNINSTALL", "ONCRMDEALUPDATE"}
        tabs = [row["placement"] for row in place.dump()["placements"]]
        assert sorted(tabs) == sorted(set(tabs)) != []
    place.act(1, "crm.item.update", entityTypeId=2, id=1, fields={"title": "After the update"})
    place.settle()
    assert place.get(Deal, 1).title == "After the update"


def test_a_portal_under_a_new_name_is_the_same_portal(sessions: Sessions) -> None:
    """Whoever opens it brings the new name, proven; sessions and a local application's keys go on with it."""
    with world(sessions, life.staffed(), client_id="", client_secret="") as place:
        portals.add_app(place.deps, place.box.domain, CLIENT_ID, SECRET)
        place.ready()
        before = life.opens(place, 6)
        host = place.box.domain.replace("127.0.0.1", "localhost")
        state = place.box.portal.state
        state.origin = replace(state.origin, portal=f"http://{host}")
        token = life.frame_of(place, 6).grant.access_token
        again = frames.renew(place.deps, frames.seal(place.deps, before), token)
        assert again.origin == f"http://{host}"
        assert (place.row().domain, place.row().endpoint) == (host, f"http://{host}/rest/")
        assert life.opens(place, 6).origin == f"http://{host}"
        assert place.install() == place.row().id
        assert [portal.domain for portal in life.portals_of(place)] == [host]
        with pytest.raises(FrameRefused, match="wrong_portal"):
            frames.open_frame(place.deps, life.frame_of(place, 1, domain="old.example"))


def test_a_renamed_portal_stays_on_the_operators_list(sqlite_url: str) -> None:
    """`MOLVA_PORTALS` says who may install; who is installed stays so under another name, strangers do not get in."""
    with on_sqlite(sqlite_url) as sessions, world(sessions, life.staffed()) as place:
        host = place.box.domain
        limited = replace(
            place.deps, settings=replace(place.deps.settings, allowed_portals=frozenset({host}))
        )
        place.deps = limited
        place.install()
        renamed = place.box.domain.replace("127.0.0.1", "localhost")
        state = place.box.portal.state
        state.origin = replace(state.origin, portal=f"http://{renamed}")
        assert life.opens(place, 6).origin == f"http://{renamed}"
        with transaction(place.deps.sessions) as session:
            session.get_one(Portal, place.portal_id).status = "uninstalled"
        with pytest.raises(InstallRefused, match="not_allowed"):
            portals.install(place.deps, life.frame_of(place).grant)


# --- payment


def test_a_word_about_the_payment_is_only_a_reason_to_ask(one: World) -> None:
    """It carries no token, so nothing in it is believed; the portal is asked, at most once in ten minutes."""

    def told(**data: str) -> str:
        grant = Grant(member_id=one.row().member_id)
        return inbox.accept(one.deps, Event("ONAPPPAYMENT", grant, data, None, None, None)).outcome

    one.fresh_counters()
    assert told(STATUS="T", PAYMENT_EXPIRED="Y", DAYS="-5") == "accepted"
    assert [told(PAYMENT_EXPIRED="Y") for _ in range(20)] == ["ignored"] * 20
    one.work()
    assert one.row().status == "active", "it said expired, the portal says otherwise"
    assert one.counters()["http"] == 1
    assert [row.payload for row in one.all(InboxRow) if row.event == "ONAPPPAYMENT"] == [{}]
    one.box.control("/settings", {"suspended": True}, "PUT")
    one.clock.advance(700)
    assert told(STATUS="P", PAYMENT_EXPIRED="N") == "accepted"
    one.work()
    assert one.row().status == "suspended"
    one.box.control("/settings", {"suspended": False}, "PUT")
    one.clock.advance(700)
    assert told(STATUS="P") == "accepted"
    one.work()
    assert one.row().status == "active", "no need to wait for the hourly look"
    grant = Grant(member_id=one.row().member_id, application_token="forged")
    assert inbox.accept(one.deps, Event("ONAPPPAYMENT", grant, {}, None, None, None)).outcome == "rejected"
    nobody = Event("ONAPPPAYMENT", Grant(member_id="f" * 32), {}, None, None, None)
    assert inbox.accept(one.deps, nobody).outcome == "rejected"


def test_one_installation_comes_of_an_event_and_a_page_at_the_same_moment(sessions: Sessions) -> None:
    """Both prove the same portal; whoever is second finds the row of the first."""
    with world(sessions, life.staffed()) as place:
        place.box.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1, "finish": False})
        claims = [life.frame_of(place).grant for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda claim: portals.install(place.deps, claim).portal_id, claims))
        assert len(set(found)) == 1
        assert len(life.portals_of(place)) == 1
        names = [row.name for row in place.all(ChoreRow)]
        assert sorted(names) == sorted(set(names))
        assert place.all(Company) == []
