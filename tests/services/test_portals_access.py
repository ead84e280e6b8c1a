"""Tokens, their renewal, and the states a portal may get into (product.md T1, T4; bitrix24.md 3.4, 4.1)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from integration.bitrix import bounds, calls
from integration.bitrix.errors import AccessLost, BitrixError, Retryable, Suspended
from integration.bitrix.sandbox.server import running
from integration.services import access, chores, portals, tokens
from integration.store import portals as rows
from integration.store.base import Sessions, transaction
from integration.store.chores import ChoreRow
from integration.store.clients import Deal
from integration.store.portals import Limits, Portal
from tests.services.portal_world import CLIENT_ID, World, agency, wired, world


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    with world(sessions) as made:
        made.install()
        yield made


def ask(place: World, deps: Any = None) -> Any:
    """One free question to the portal."""
    return portals.rest_for(deps or place.deps, place.portal_id).call(calls.profile()).result


def test_an_expired_token_is_renewed_once_and_the_call_made_again(place: World) -> None:
    """The caller notices nothing; the new pair replaces the old one as a whole."""
    before = place.row()
    place.box.control("/tokens/expire", {})
    place.fresh_counters()
    assert ask(place)["ID"] == "1"
    after = place.row()
    assert place.counters()["oauth"] == 1
    assert after.token_version == before.token_version + 1
    assert after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token


def test_a_living_token_is_never_renewed(place: World) -> None:
    """Renewing on a timer may get the application blocked (bitrix24.md pitfall 7)."""
    place.fresh_counters()
    place.clock.advance(1800)
    ask(place)
    assert place.counters()["oauth"] == 0


def test_two_processes_with_an_expired_token_renew_it_once(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is the renewer, the other goes on with its result; both calls succeed (bitrix24.md pitfall 6)."""
    monkeypatch.setattr(tokens, "PATIENCE", 2_000)
    other = replace(place.deps, settings=replace(place.deps.settings, worker_name="worker-2"))
    place.box.control("/tokens/expire", {})
    place.fresh_counters()
    answers: list[Any] = []
    start = threading.Barrier(4)

    def work(deps: Any) -> None:
        start.wait(60)
        answers.append(ask(place, deps))

    threads = [threading.Thread(target=work, args=(deps,)) for deps in (place.deps, other) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [answer["ID"] for answer in answers] == ["1"] * 4
    assert place.counters()["oauth"] == 1
    assert place.row().token_version == 2


def test_whoever_comes_late_takes_the_tokens_that_are_there(place: World) -> None:
    """A renewal asked for an older version returns the present one without asking anybody."""
    seen = place.row().token_version
    access.renew(place.deps, place.portal_id, seen)
    place.fresh_counters()
    assert access.renew(place.deps, place.portal_id, seen).version == seen + 1
    assert place.counters()["oauth"] == 0


def test_a_renewal_that_was_abandoned_can_be_done_by_another(place: World) -> None:
    """A process killed while renewing holds the others up only for its lease."""
    row = place.row()
    with transaction(place.deps.sessions) as session:
        session.get_one(Portal, row.id).refreshing_until = place.clock.now() + timedelta(seconds=60)
    place.clock.advance(61)
    assert access.renew(place.deps, row.id, row.token_version).version == row.token_version + 1


def test_a_renewal_is_nobody_else_s_however_slow_its_exchanges_are(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two exchanges as long as they can be, the pair and whose it is: a second renewer who comes in waits."""
    monkeypatch.setattr(tokens, "PATIENCE", 1)
    refused: list[str] = []

    def late() -> None:
        place.clock.advance(bounds.EXCHANGE_SECONDS)
        with pytest.raises(Retryable) as waits:
            access.renew(place.deps, place.portal_id, 1)
        refused.append(waits.value.code)

    good = place.deps.oauth

    class Slow:
        grant = good.grant

        def refresh(self, *given: Any) -> Any:
            late()
            return good.refresh(*given)

    def rest(*given: Any, **named: Any) -> Any:
        late()
        return place.deps.rest(*given, **named)

    with transaction(place.deps.sessions) as session:
        row = session.get_one(Portal, place.portal_id)
        row.spare_refresh_token, row.spare_user_id, row.spare_at = row.refresh_token, 1, place.clock.now()
    slow: Any = Slow()
    held = access.rescue(replace(place.deps, oauth=slow, rest=rest), place.portal_id, 1)
    assert held is not None
    assert (held.version, refused) == (2, ["renewal_under_way"] * 2)


def test_a_pair_that_comes_after_its_renewal_was_given_up_is_not_lost(place: World) -> None:
    """The other found the refresh token spent and the portal lost; the pair that spent it arrives all the same."""
    good = place.deps.oauth
    seen = place.row().token_version

    class Asleep:
        grant = good.grant

        def refresh(self, *given: Any) -> Any:
            pair = good.refresh(*given)
            place.clock.advance(3600)
            with pytest.raises(AccessLost):
                access.renew(place.deps, place.portal_id, seen)
            assert place.row().status == "reauthorise"
            return pair

    asleep: Any = Asleep()
    access.renew(replace(place.deps, oauth=asleep), place.portal_id, seen)
    assert (place.row().status, place.row().problem) == ("active", "")
    assert ask(place)["ID"] == "1"


def test_a_refusal_that_comes_late_ends_nobody_else_s_renewal(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own has run out, another one is under way: that one decides."""
    monkeypatch.setattr(tokens, "PATIENCE", 1)
    row = place.row()

    class Asleep:
        def refresh(self, *_: Any) -> Any:
            place.clock.advance(3600)
            with transaction(place.deps.sessions) as session:
                assert rows.take_renewal(
                    session, row.id, row.token_version, place.clock.now(), timedelta(minutes=3)
                )
            raise AccessLost("oauth.token", "invalid_grant", "reauthorise")

    asleep: Any = Asleep()
    with pytest.raises(Retryable):
        access.renew(replace(place.deps, oauth=asleep), row.id, row.token_version)
    assert place.row().status == "active"
    assert place.row().refreshing_until is not None


def test_a_dead_refresh_token_waits_for_an_administrator_who_only_opens_the_application(place: World) -> None:
    """The portal is `reauthorise`, nothing is asked in vain, and the next opening by an administrator repairs it."""
    place.settle()
    place.box.control("/tokens/expire", {"refresh": True})
    with pytest.raises(AccessLost):
        ask(place)
    assert place.row().status == "reauthorise"
    place.fresh_counters()
    with pytest.raises(AccessLost):
        ask(place)
    assert (place.counters()["oauth"], place.counters()["http"]) == (0, 0)
    portals.install(place.deps, place.opened().grant)
    assert place.row().status == "active"
    assert ask(place)["ID"] == "1"


def test_a_refresh_token_of_another_portal_is_not_taken(place: World) -> None:
    """The renewed pair must belong to the same portal, whatever was posted at the installation."""
    foreign = agency()
    foreign.portal = replace(foreign.portal, member_id="f" * 32)
    with running(foreign, place.clock) as other:
        deps = wired(place.deps.sessions, other, place.clock, place.address)
        app = {
            "client_id": CLIENT_ID,
            "client_secret": "secret-of-molva",
            "install_url": f"{place.address}/x",
        }
        other.control("/apps", {**app, "app_url": f"{place.address}/x", "ui": True, "scope": ["crm"]})
        other.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1, "finish": True})
        token = other.control(f"/apps/{CLIENT_ID}/open", {"user_id": 1, "dry": True})["fields"]["REFRESH_ID"]
        with transaction(place.deps.sessions) as session:
            row = session.get_one(Portal, place.portal_id)
            row.refresh_token, row.oauth_origin = token, other.oauth_url
        with pytest.raises(AccessLost):
            access.renew(deps, place.portal_id, place.row().token_version)
    assert place.row().status == "reauthorise"
    assert place.row().member_id != "f" * 32


def test_a_suspended_portal_keeps_its_data_and_resumes_by_itself(place: World) -> None:
    """REST lapses: work stops, the portal is asked each hour, and goes on where it was (product.md T1)."""
    place.settle()
    place.box.control("/settings", {"suspended": True}, "PUT")
    with pytest.raises(Suspended):
        ask(place)
    assert place.row().status == "suspended"
    place.fresh_counters()
    place.clock.advance(3700)
    place.work()
    assert place.row().status == "suspended"
    assert place.counters()["http"] == 1
    place.box.control("/settings", {"suspended": False}, "PUT")
    place.act(1, "crm.item.update", entityTypeId=2, id=1, fields={"title": "Renamed meanwhile"})
    place.clock.advance(3700)
    place.work()
    assert (place.row().status, place.row().problem) == ("active", "")
    assert place.get(Deal, 1).title == "Renamed meanwhile"


def test_a_renamed_portal_is_followed_only_where_the_authorisation_server_agrees(place: World) -> None:
    """The new address of a 302 is proven before a token goes there (bitrix24.md 4.1)."""
    place.settle()
    host = place.box.domain.replace("127.0.0.1", "localhost")
    state = place.box.portal.state
    state.origin = replace(state.origin, portal=f"http://{host}")  # what the authorisation server knows
    place.box.control("/settings", {"moved_to": host}, "PUT")
    assert ask(place)["ID"] == "1"
    assert (place.row().domain, place.row().endpoint) == (host, f"http://{host}/rest/")
    for other in ("evil.example.com:1", "[evil"):  # the second is no address at all
        place.box.control("/settings", {"moved_to": other}, "PUT")
        with pytest.raises(BitrixError):
            ask(place)
    assert "evil" not in place.row().endpoint + place.row().domain


def test_a_forged_uninstall_removes_nothing(place: World) -> None:
    """Whoever saw the application token can send the event; living tokens prove it wrong (product.md T1)."""
    place.settle()
    send(place, "ONAPPUNINSTALL", {"CLEAN": 1})
    for _ in range(5):
        place.clock.advance(3 * 3600)
        place.work()
    row = place.row()
    assert row.status == "active"
    assert row.refresh_token
    assert ask(place)["ID"] == "1"


def test_an_uninstall_takes_the_tokens_at_once_and_the_data_after_seven_days(place: World) -> None:
    """Confirmed at the authorisation server; `CLEAN=1` erases everything a week later."""
    place.settle()
    place.box.control(f"/apps/{CLIENT_ID}/uninstall", {"clean": 1})
    place.settle()
    row = place.row()
    assert row.status == "uninstalled"
    assert (row.access_token, row.refresh_token, row.application_token) == (None, None, None)
    assert place.get(Deal, 1) is not None
    place.clock.advance(timedelta(days=6, hours=23).total_seconds())
    place.work()
    assert place.get(Deal, 1) is not None
    place.clock.advance(timedelta(hours=2).total_seconds())
    place.work()
    assert (place.all(Portal), place.all(Deal), place.all(ChoreRow), place.all(Limits)) == ([], [], [], [])


def test_an_uninstall_without_the_wish_keeps_the_data_for_a_later_installation(place: World) -> None:
    """Re-installation finds what was there; nobody has to be asked."""
    place.settle()
    place.box.control(f"/apps/{CLIENT_ID}/uninstall", {"clean": 0})
    place.settle()
    assert place.row().status == "uninstalled"
    again = place.install()
    place.settle()
    place.clock.advance(timedelta(days=8).total_seconds())
    assert chores.run_due(place.deps)
    place.work()
    assert place.all(Portal)[0].id == again
    assert place.row().status == "active"
    assert place.get(Deal, 1) is not None


def test_a_portal_that_says_we_were_removed_is_believed_only_if_the_server_agrees(place: World) -> None:
    """`ERROR_OAUTH` from the portal with living tokens changes no state."""
    place.settle()
    error = AccessLost("profile", "ERROR_OAUTH", "uninstalled")
    access.settle_loss(place.deps, place.portal_id, error)
    assert place.row().status == "active"
    place.box.control(f"/apps/{CLIENT_ID}/uninstall", {"clean": 0})
    access.settle_loss(place.deps, place.portal_id, error)
    assert place.row().status == "uninstalled"


def test_a_refusal_of_our_own_keys_is_no_proof_of_a_removal(place: World) -> None:
    """Whoever saw the application token may send the event while the operator's key is wrong: nothing is lost."""
    place.box.control("/tokens/expire", {})
    deps = wired(place.deps.sessions, place.box, place.clock, place.address, client_secret="mistyped")
    assert access.removed(deps, place.portal_id) is False
    row = place.row()
    assert row.status != "uninstalled"
    assert row.refresh_token


def test_when_the_operator_s_key_is_right_again_nobody_has_to_open_the_application(place: World) -> None:
    """A key changed at the vendor's console some hours before it is changed here costs no portal its connection."""
    place.settle()
    right = place.deps
    place.box.control("/tokens/expire", {})
    place.deps = wired(right.sessions, place.box, place.clock, place.address, client_secret="mistyped")
    with pytest.raises(AccessLost):
        ask(place)
    for _ in range(3):
        place.clock.advance(3700)
        place.work()
    assert (place.row().status, place.row().problem) == ("reauthorise", "reauthorise:invalid_client")
    place.deps = right
    place.clock.advance(3700)
    place.work()
    assert (place.row().status, place.row().problem) == ("active", "")
    assert ask(place)["ID"] == "1"


def test_a_removal_is_not_believed_because_another_process_has_just_renewed(place: World) -> None:
    """The refresh token we had read is dead by then, and the portal lives (bitrix24.md pitfall 6)."""
    place.box.control("/tokens/expire", {})
    honest = place.deps.oauth

    class Overtaken:
        """An authorisation server whose answer comes after somebody else's renewal."""

        refresh = honest.refresh

        def grant(self, origin: str, token: str) -> Any:
            try:
                return honest.grant(origin, token)
            finally:
                access.renew(place.deps, place.portal_id, place.row().token_version)

    overtaken: Any = Overtaken()
    assert access.removed(replace(place.deps, oauth=overtaken), place.portal_id) is False
    assert place.row().status == "active"
    assert ask(place)["ID"] == "1"


def send(place: World, event: str, data: dict[str, Any], token: str = "") -> None:
    """One event with a genuine or a forged token, sent by the portal's queue."""
    body = {"client_id": CLIENT_ID, "event": event, "data": data, "user_id": 0}
    place.box.control("/events/send", body | ({"application_token": token} if token else {}))
    place.box.control("/events/flush", {"timeout": 60})


def test_a_full_bucket_makes_background_work_wait_and_lets_people_through(place: World) -> None:
    """Background requests stop ten short of the ceiling; a click still goes (product.md T4)."""
    place.settle()
    with transaction(place.deps.sessions) as session:
        row = session.get_one(Limits, place.portal_id)
        row.level, row.level_at = 41.0, place.clock.now()
    with pytest.raises(Retryable) as waiting:
        ask(place)
    assert waiting.value.code == "paced"
    assert (
        portals.rest_for(place.deps, place.portal_id, interactive=True).call(calls.profile()).result["ID"]
        == "1"
    )
