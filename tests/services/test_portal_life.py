"""A portal's end, and its return: removed, erased for good, installed again before that (T1, docs/adr/0009)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from integration.bitrix import calls
from integration.bitrix.errors import AccessLost, BitrixError, Retryable, classify
from integration.bitrix.protocol import Event, Grant
from integration.nps import diagnosis
from integration.nps.people import CardKey
from integration.services import access, diagnoses, erasure, forecast, inbox, lifecycle, policies, portals
from integration.services.admission import admit
from integration.services.calls_queue import Cause, queue_fields
from integration.services.frames import FrameRefused
from integration.store.base import Sessions, reading, transaction
from integration.store.clients import Contact, Deal
from integration.store.erased import ErasedPortal, digest
from integration.store.inbox import InboxRow
from integration.store.portals import Portal
from tests.services import life_world as life
from tests.services.life_world import HOUR, WEEK
from tests.services.portal_world import CLIENT_ID, World, on_sqlite
from tests.services.ready_world import ready_world

DAY = 24 * HOUR


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


# --- erased


def test_after_an_erasure_nothing_is_left_but_one_line(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table is empty of the portal, slice by slice; its neighbour has lost nothing (product.md T1)."""
    monkeypatch.setattr(erasure, "SLICE", 1)
    gone, row = place.portal_id, place.row()
    with transaction(place.deps.sessions) as session:
        other = Portal(
            member_id="neighbour", client_id=CLIENT_ID, domain="n.example", endpoint="", status="active",
            installed_at=place.clock.now(),
        )  # fmt: skip
        session.add(other)
        session.flush()
        neighbour = other.id
    for portal_id in (gone, neighbour):
        life.fill(place, portal_id)
    kept = life.rows_of(place, neighbour)
    assert {name for name, count in kept.items() if not count} == set(), "a table the test cannot fill"
    life.removed(place, clean=1)
    assert place.row().erase_after is not None
    place.clock.advance(WEEK - HOUR)
    place.work()
    before = life.rows_of(place, gone)
    assert before["deals"] == 4
    assert min(before.values()) > 0
    place.clock.advance(2 * HOUR)
    place.work()
    assert set(life.rows_of(place, gone).values()) == {0}
    assert [portal.id for portal in life.portals_of(place)] == [neighbour]
    assert life.rows_of(place, neighbour) == kept
    (line,) = place.all(ErasedPortal)
    assert (line.member, line.domain, line.why) == (digest(row.member_id), row.domain, "uninstalled")
    assert portals.remove(place.deps, neighbour)
    assert set(life.rows_of(place, neighbour).values()) == {0}
    assert [one["why"] for one in erasure.lines(place.deps)] == ["uninstalled", "operator"]


def test_who_never_wants_to_be_asked_is_not_asked_after_an_erasure(place: World) -> None:
    """The card remembers what we have forgotten: the opt-out is read back from it (product.md W12)."""
    with transaction(place.deps.sessions) as session:
        for contact in (1, 3):
            queue_fields(
                session, place.row(), CardKey("contact", contact), {"UF_CRM_MOLVA_OPT_OUT": "Y"}, purpose="field",
                cause=Cause("optout", contact), now=place.clock.now(),
            )  # fmt: skip
    place.settle()
    life.removed(place, clean=1)
    place.clock.advance(WEEK + HOUR)
    place.work()
    assert place.all(Contact) == []
    place.ready()
    assert [place.get(Contact, contact).opted_out for contact in (1, 2, 3)] == [True, False, True]
    with reading(place.deps.sessions) as session:
        policy, _ = policies.load(session, place.portal_id)
    rules = replace(policy, service_stages=("C2:EXECUTING",), service_pipelines=(2,), max_respondents=1)
    found = forecast.count(place.deps, place.portal_id, rules)
    assert (found.asked, dict(found.reasons)) == (0, {"not_current": 1, "opted_out": 1})


# --- installed again within the seven days


def test_nothing_happens_before_an_administrator_has_decided_and_keeping_goes_on(place: World) -> None:
    """Installed again before the erasure: the data neither come back nor go in silence."""
    life.removed(place, clean=1)
    began = place.row().installed_at
    place.clock.advance(2 * DAY)
    place.install()
    place.fresh_counters()
    place.settle()
    assert place.counters()["http"] == 0, "nothing is read, nothing written"
    assert place.row().status == "undecided"
    with pytest.raises(AccessLost):
        portals.rest_for(place.deps, place.portal_id).call(calls.profile())
    found = erasure.earlier(place.deps, place.portal_id)
    assert found is not None
    assert (found.since, found.clients) == (began, 5)
    assert found.until == place.row().removed_at
    assert found.until < place.clock.now()
    assert found.erase_after == place.row().erase_after
    who = life.opens(place)
    with pytest.raises(FrameRefused, match="undecided"):
        admit(place.deps, who)
    assert erasure.keep(place.deps, place.portal_id)
    place.settle()
    row = place.row()
    assert (row.status, row.erase_after) == ("active", None)
    assert row.setup_at is not None
    place.clock.advance(8 * DAY)
    place.work()
    assert place.get(Deal, 1) is not None
    assert not erasure.keep(place.deps, place.portal_id), "it is decided"
    assert erasure.start_anew(place.deps, place.portal_id) is None
    assert place.all(ErasedPortal) == []


def test_an_administrator_may_start_anew_and_the_connection_goes_on(place: World) -> None:
    """The old data go at once, the portal is set up and read anew under a new number."""
    life.fill(place, place.portal_id)
    life.removed(place, clean=1)
    old = place.install()
    fresh = erasure.start_anew(place.deps, old)
    assert fresh not in (None, old)
    place.portal_id = fresh or 0
    assert erasure.start_anew(place.deps, old) is None
    place.settle()
    place.box.control(f"/apps/{CLIENT_ID}/finish", {})
    assert [(portal.id, portal.status) for portal in life.portals_of(place)] == [(fresh, "active")]
    assert set(life.rows_of(place, old).values()) == {0}
    assert [(one["why"], one["member"]) for one in erasure.lines(place.deps)] == [
        ("started_anew", digest(place.row().member_id))
    ]
    assert len(place.all(Deal)) == 4
    place.act(1, "crm.item.update", entityTypeId=2, id=1, fields={"title": "Known again"})
    place.settle()
    assert place.get(Deal, 1).title == "Known again", "events find the new row"


def test_whoever_does_not_decide_gets_what_was_wished(one: World) -> None:
    """At the date of the wish the data go, and the installation of meanwhile begins with nothing."""
    life.fill(one, one.portal_id)
    life.removed(one, clean=1)
    old = one.install()
    one.clock.advance(WEEK - HOUR)
    one.work()
    assert one.row().status == "undecided"
    one.clock.advance(2 * HOUR)
    assert not erasure.keep(one.deps, old), "the date has come, a part may be gone"
    one.work()
    (portal,) = life.portals_of(one)
    assert portal.id != old
    assert (portal.status, portal.erase_after) == ("active", None)
    assert set(life.rows_of(one, old).values()) == {0}


def test_a_wish_stands_when_it_is_removed_once_more(one: World) -> None:
    """Undecided and removed again, this time without the tick: the first wish still counts, from its own date."""
    life.removed(one, clean=1)
    wished = one.row().erase_after
    one.clock.advance(DAY)
    one.install()
    life.removed(one, clean=0)
    if one.row().status != "uninstalled":  # nothing was bound, so the portal told nobody
        access.settle_loss(one.deps, one.portal_id, AccessLost("x", "ERROR_OAUTH", "uninstalled"))
    assert (one.row().status, one.row().erase_after) == ("uninstalled", wished)
    one.clock.advance(WEEK)
    one.work()
    assert life.portals_of(one) == []


def test_a_removal_that_was_noticed_before_its_event_still_hears_the_wish(one: World) -> None:
    """The tokens are gone by then, their digest proves the event; the wish stands when a day has passed."""
    token = one.row().application_token
    one.box.control("/settings", {"events": {"lose_every": 1}}, "PUT")
    one.box.control(f"/apps/{CLIENT_ID}/uninstall", {"clean": 1})
    with pytest.raises(AccessLost):
        portals.rest_for(one.deps, one.portal_id).call(calls.profile())
    row = one.row()
    assert (row.status, row.erase_after, row.application_token) == ("uninstalled", None, None)
    assert row.farewell
    assert inbox.accept(one.deps, goodbye(row, "forged", 1)).outcome == "rejected"
    assert inbox.accept(one.deps, goodbye(row, str(token), 1)).outcome == "accepted"
    one.work()
    wished = one.row().erase_after
    assert wished is not None
    assert inbox.accept(one.deps, goodbye(row, str(token), 1)).outcome == "rejected", "it is known"
    one.clock.advance(DAY + HOUR)
    assert inbox.accept(one.deps, goodbye(row, str(token), 0)).outcome == "rejected", "it is settled"
    one.clock.advance(WEEK + HOUR)
    one.work()
    assert life.portals_of(one) == []


def test_who_saw_the_token_cannot_turn_keep_into_erase(one: World) -> None:
    """The administrator removed it without the tick; an event that wishes otherwise comes too late."""
    row = one.row()
    life.removed(one, clean=0)
    assert one.row().status == "uninstalled"
    one.clock.advance(DAY + HOUR)
    assert inbox.accept(one.deps, goodbye(row, str(row.application_token), 1)).outcome == "rejected"
    one.clock.advance(WEEK + HOUR)
    one.work()
    assert one.get(Deal, 1) is not None


@pytest.mark.parametrize(("when", "forged"), [("before", 1), ("before", 0), ("noticed", 0), ("after", 1)])
def test_two_wishes_of_one_removal_that_contradict_each_other_are_a_question(
    one: World, when: str, forged: int
) -> None:
    """Whoever saw the token tells of the removal, too, before the portal or after it, and wishes the opposite: nothing
    is erased, and the next administrator says what was meant."""
    row = one.row()
    told = goodbye(row, str(row.application_token), forged)
    if when == "before":
        assert inbox.accept(one.deps, told).outcome == "accepted"
        one.work()
        assert one.row().status == "active", "the portal answers, so nothing has happened"
        one.clock.advance(HOUR)
    if when == "noticed":
        one.box.control("/settings", {"events": {"lose_every": 1}}, "PUT")
        one.box.control(f"/apps/{CLIENT_ID}/uninstall", {"clean": 1 - forged})
        with pytest.raises(AccessLost):
            portals.rest_for(one.deps, one.portal_id).call(calls.profile())
        for notice in (told, goodbye(row, str(row.application_token), 1 - forged)):
            assert inbox.accept(one.deps, notice).outcome == "accepted"
            one.work()
    else:
        life.removed(one, clean=1 - forged)
    if when == "after":
        assert inbox.accept(one.deps, told).outcome == "accepted"
    one.clock.advance(4 * HOUR)
    one.work()
    found = one.row()
    assert (found.status, found.erase_after, found.farewell) == ("uninstalled", None, "")
    assert found.erase_wished_at is not None
    assert inbox.accept(one.deps, told).outcome == "rejected", "nothing more is heard of it"
    one.clock.advance(2 * WEEK)
    one.work()
    assert one.get(Deal, 1) is not None
    one.install()
    asked = erasure.earlier(one.deps, one.portal_id)
    assert asked is not None
    assert (asked.erase_after, asked.until) == (None, found.erase_wished_at)
    assert erasure.keep(one.deps, one.portal_id)
    assert (one.row().status, one.row().erase_wished_at) == ("active", None)


def goodbye(row: Portal, token: str, clean: int) -> Event:
    """An uninstall event as anybody can write it who knows the token."""
    grant = Grant(member_id=row.member_id, application_token=token, domain=row.domain)
    return Event("ONAPPUNINSTALL", grant, {"CLEAN": str(clean)}, None, None, None)


def dead(place: World) -> Portal:
    """Every token is over and cannot be renewed, and nobody has noticed yet."""
    place.box.control("/tokens/expire", {"refresh": True})
    return place.row()


def test_a_notice_that_is_not_confirmed_keeps_no_other_event_waiting(one: World) -> None:
    """It is asked about for hours; an update of the application is followed by its set-up at once."""
    row = one.row()
    notice = goodbye(row, str(row.application_token), 1)
    assert inbox.accept(one.deps, notice).outcome == "accepted"
    one.work()
    assert inbox.accept(one.deps, replace(notice, name="ONAPPUPDATE")).outcome == "accepted"
    one.work()
    told = {event.event: event.status for event in one.all(InboxRow)}
    assert told == {"ONAPPUNINSTALL": "waiting", "ONAPPUPDATE": "done"}


@pytest.mark.parametrize("noticed", [False, True])
def test_dead_tokens_make_nobody_s_word_a_removal(place: World, noticed: bool) -> None:
    """Whoever saw the token tells of a removal with erasing: nothing goes, the next administrator is asked."""
    row = dead(place)
    if noticed:
        with pytest.raises(AccessLost):
            portals.rest_for(place.deps, place.portal_id).call(calls.profile())
        assert place.row().status == "reauthorise"
    assert inbox.accept(place.deps, goodbye(row, str(row.application_token), 1)).outcome == "accepted"
    for _ in range(5):
        place.work()
        place.clock.advance(3 * HOUR)
    row = place.row()
    assert (row.status, row.erase_after, row.refresh_token) == ("reauthorise", None, row.refresh_token)
    assert row.refresh_token
    facts = diagnoses.portal(place.deps, place.portal_id)
    assert facts is not None
    assert diagnosis.portal(facts, place.clock.now())[0].code == "removal_unproven"
    place.clock.advance(8 * DAY)
    life.opens(place)
    assert (place.row().status, place.row().erase_after) == ("undecided", None)
    asked = erasure.earlier(place.deps, place.portal_id)
    assert asked is not None
    assert (asked.erase_after, asked.until) == (None, row.erase_wished_at)
    place.clock.advance(30 * DAY)
    place.work()
    assert (place.row().status, place.get(Deal, 1) is None) == ("undecided", False), (
        "nobody decides, nothing goes"
    )
    assert erasure.keep(place.deps, place.portal_id)
    life.opens(place)
    assert (place.row().status, place.row().erase_wished_at) == ("active", None)


def test_an_unproven_wish_is_an_administrator_s_to_grant(one: World) -> None:
    row = dead(one)
    inbox.accept(one.deps, goodbye(row, str(row.application_token), 1))
    for _ in range(5):
        one.work()
        one.clock.advance(3 * HOUR)
    old = one.install()
    fresh = erasure.start_anew(one.deps, old)
    assert fresh not in (None, old)
    one.work()
    assert [(portal.id, portal.erase_wished_at) for portal in life.portals_of(one)] == [(fresh, None)]


def test_an_answer_that_names_the_removal_is_believed_whoever_gives_it(one: World) -> None:
    """The authorisation server by any pair, the spare one included; else the portal itself (bitrix24.md 3.5, 3.6)."""
    life.opens(one, 5)
    row = one.row()
    told: dict[str, str] = {}

    class Server:
        """Answers what the test wants, by token."""

        def grant(self, origin: str, token: str) -> Any:
            raise _error("oauth.app.info", told["grant"])

        def refresh(self, origin: str, client_id: str, secret: str, token: str) -> Any:
            raise _error("oauth.token", told["spare" if token == row.spare_refresh_token else "pair"])

    class Place:
        def call(self, call: Any) -> Any:
            raise _error(call.method, told["portal"])

    server: Any = Server()
    rest: Any = lambda *_, **__: Place()  # noqa: E731
    deps = replace(one.deps, oauth=server, rest=rest)
    dead_pair = {
        "grant": "expired_token",
        "pair": "invalid_grant",
        "spare": "invalid_grant",
        "portal": "expired_token",
    }
    for change, wanted in (
        ({}, "unproven"),
        ({"grant": "invalid_client"}, "unproven"),
        ({"pair": "invalid_client", "portal": "NO_AUTH_FOUND"}, "unproven"),
        ({"pair": "PAYMENT_REQUIRED"}, "installed"),
        ({"grant": "not_installed"}, "removed"),
        ({"pair": "NOT_INSTALLED"}, "removed"),
        ({"spare": "NOT_INSTALLED"}, "removed"),
        ({"portal": "APPLICATION_NOT_FOUND"}, "removed"),
        ({"portal": "ERROR_OAUTH"}, "removed"),
    ):
        told.clear()
        told.update(dead_pair | change)
        with transaction(one.deps.sessions) as session:
            kept = session.get_one(Portal, one.portal_id)
            for name in (
                "status",
                "access_token",
                "refresh_token",
                "spare_refresh_token",
                "spare_user_id",
                "spare_at",
            ):
                setattr(kept, name, getattr(row, name))
        assert access.removal(deps, one.portal_id) == wanted, change


def _error(method: str, code: str) -> BitrixError:
    return classify(401, code, method=method)


def test_an_outage_uses_up_no_question(one: World) -> None:
    """The authorisation server is away for two days after the removal: it is confirmed when it is back."""
    good, asked = one.deps, []

    class Away:
        def grant(self, *_: Any) -> Any:
            asked.append(one.clock.now())
            raise Retryable("oauth.app.info", "no_connection", effect="none")

        refresh = grant

    away: Any = Away()
    one.deps = replace(good, oauth=away)
    one.box.control(f"/apps/{CLIENT_ID}/uninstall", {"clean": 1})
    one.box.control("/events/flush", {"timeout": 60})
    for _ in range(8):
        one.work()
        one.clock.advance(6 * HOUR)
    assert one.row().status == "active"
    assert len(asked) > len(lifecycle.CONFIRM_AGAIN) + 1
    one.deps = good
    one.clock.advance(2 * HOUR)
    one.work()
    assert one.row().status == "uninstalled"
    assert one.row().erase_after is not None


def test_nobody_is_asked_for_ever(one: World) -> None:
    """A week without an answer, and the wish waits for an administrator instead; later events had to wait behind it."""
    row, good = dead(one), one.deps

    class Away:
        def grant(self, *_: Any) -> Any:
            raise Retryable("oauth.app.info", "no_connection", effect="none")

        refresh = grant

    away: Any = Away()
    one.deps = replace(good, oauth=away)
    inbox.accept(one.deps, goodbye(row, str(row.application_token), 1))
    one.work()
    one.clock.advance(WEEK + HOUR)
    one.work()
    assert (one.row().status, one.row().erase_after) == ("active", None)
    assert one.row().erase_wished_at is not None
    assert not [event for event in one.all(InboxRow) if event.status in ("waiting", "working")]


def test_a_removal_is_named_for_a_portal_without_access_too(one: World) -> None:
    """`reauthorise` first, removed then: the server says NOT_INSTALLED."""
    dead(one)
    with pytest.raises(AccessLost):
        portals.rest_for(one.deps, one.portal_id).call(calls.profile())
    life.removed(one, clean=1)
    assert one.row().status == "uninstalled"
