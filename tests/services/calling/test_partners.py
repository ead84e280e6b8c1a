"""A call centre works by personal links that end, can be withdrawn and are watched (product.md W9)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from integration.services.calling import desk as service
from integration.services.calling import partner_log, partners
from integration.services.calling.partners import Made
from integration.services.waves_errors import WaveError
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.call_links import CallLink, CallView
from integration.store.portals import Portal
from tests.conftest import HandClock
from tests.services.calling import desk_world
from tests.services.calling.desk_world import Desk

HOME = "203.0.113.5"


@pytest.fixture
def desk(one_engine: Engine, clock: HandClock) -> Desk:
    return desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1, 13: 1})


def _make(desk: Desk, name: str = "Olga", **more: object) -> Made:
    return partners.make(desk.deps, desk.world.portal_id, desk.wave_id, name=name, who="Boss (1)", **more)  # type: ignore[arg-type]


def test_a_link_opens_the_desk_of_its_survey_until_it_ends_or_is_withdrawn(
    sessions: Sessions, clock: HandClock
) -> None:
    """Only a hash is kept; made anew, the old address is dead; an end, a revocation, the end of the survey close it."""
    desk = desk_world.make(sessions, clock, people={11: 1, 12: 1})
    deps, portal = desk.deps, desk.world.portal_id
    made = _make(desk, firm="Calls Ltd", language="uk")
    assert made.url == f"https://molva.example/calls/{made.token}"
    with transaction(sessions) as session:
        (row,) = session.scalars(select(CallLink))
        assert made.token not in (row.token_hash, row.name)
        assert len(row.token_hash) == 64
    caller = partners.opened(deps, made.token, HOME)
    assert caller is not None
    assert (caller.holder, caller.name, caller.wave_id, caller.language) == (
        "link:1",
        "Olga",
        desk.wave_id,
        "uk",
    )
    assert caller.user_id is None
    assert caller.partner
    for token in ("", "x", made.token + "x", "\x00", "ы", "x" * 5000):
        assert partners.look(deps, token, HOME).status == "unknown"
    again = partners.anew(deps, portal, desk.wave_id, made.id, who="Boss (1)")
    assert again.until == made.until
    assert again.token != made.token
    assert partners.look(deps, made.token, HOME).status == "revoked"
    assert partners.opened(deps, again.token, HOME) is not None
    with pytest.raises(WaveError, match="link_exists"):
        partners.anew(deps, portal, desk.wave_id, made.id, who="Boss (1)")  # the person has a newer one
    clock.moment = made.until
    assert partners.look(deps, again.token, HOME).status == "expired"
    third = _make(desk)  # the calls are over by now: to the end of the survey
    assert partners.look(deps, third.token, HOME).status == "open"
    desk.set_wave(stage="closed")
    assert partners.look(deps, third.token, HOME).status == "over"
    with pytest.raises(WaveError, match="is_over"):
        _make(desk, "Ira")
    desk.world.set(Portal, portal, status="uninstalled")
    assert partners.look(deps, third.token, HOME).status == "revoked"


def test_a_link_needs_a_name_and_an_end_that_can_be(desk: Desk) -> None:
    """One working link a person; the end is the last day of the calls unless somebody says otherwise."""
    made = _make(desk, " Olga ")
    assert made.name == "Olga"
    assert made.until == datetime(2026, 3, 11, 21, tzinfo=UTC)
    for code, call in (
        ("no_name", lambda: _make(desk, "  ")), ("name_too_long", lambda: _make(desk, "x" * 201)),
        ("link_exists", lambda: _make(desk, "OLGA")), ("end_past", lambda: _make(desk, "I", until=date(2026, 3, 1))),
        ("end_late", lambda: _make(desk, "I", until=date(2027, 3, 1))),
    ):  # fmt: skip
        with pytest.raises(WaveError) as refused:
            call()
        assert refused.value.code == code
    assert _make(desk, "Ira", until=date(2026, 3, 2)).until == datetime(2026, 3, 2, 21, tzinfo=UTC)
    with pytest.raises(WaveError, match="no_link"):
        partners.anew(desk.deps, desk.world.portal_id, desk.wave_id, 99, who="B")
    assert partners.last_day(desk.deps, desk.world.portal_id, desk.wave_id) == (
        date(2026, 3, 11),
        date(2026, 3, 30),
    )


def test_what_is_done_under_a_link_is_counted_and_every_look_is_written_down(desk: Desk) -> None:
    """Visits once, each person shown with address and time; calls and answers beside the link; W9's log as a file."""
    deps, portal = desk.deps, desk.world.portal_id
    made = _make(desk, firm="Calls Ltd")
    caller = partners.opened(deps, made.token, HOME)
    assert caller is not None
    partners.opened(deps, made.token, HOME)  # the next click of the same visit
    for outcome, form in (("no_answer", {}), ("answered", {"score": "9", "comment": "Good"})):
        assert service.take(deps, caller) == "taken"
        card = service.page(deps, caller).card
        assert card is not None
        partner_log.saw(deps, caller, card.invitation_id, HOME)
        partner_log.saw(deps, caller, card.invitation_id, HOME)  # the page renews itself
        assert desk.record(card.key, outcome, caller, **form).status == "done"
    (shown,) = partners.of(deps, portal, desk.wave_id)
    assert (shown.work.calls, shown.work.answers, shown.people, shown.state) == (2, 1, 2, "works")
    assert shown.seen_at is not None
    lines = list(partner_log.whole(deps, portal, desk.wave_id))
    assert [(line.what, line.who, line.remote, line.client) for line in lines] == [
        ("client", "Olga (Calls Ltd)", HOME, "Client 12"), ("client", "Olga (Calls Ltd)", HOME, "Client 11"),
        ("desk", "Olga (Calls Ltd)", HOME, ""),
    ]  # fmt: skip
    page = partner_log.page(deps, portal, desk.wave_id, before=lines[0].id)
    assert [line.id for line in page.lines] == [line.id for line in lines[1:]]
    assert page.following == 0
    assert not partner_log.too_many(deps, caller)
    with transaction(deps.sessions) as session:
        session.add_all(
            CallView(portal_id=portal, wave_id=desk.wave_id, link_id=made.id, invitation_id=number, what="client",
                     at=desk.clock.now())
            for number in range(1000, 1000 + partner_log.MOST_AN_HOUR)
        )  # fmt: skip
    assert partner_log.too_many(deps, caller)
    desk.clock.moment += timedelta(hours=1)
    assert not partner_log.too_many(deps, caller)


def test_a_withdrawn_link_gives_its_client_back_and_records_nothing_more(desk: Desk) -> None:
    """The client it had in hand is free for an employee at once; links and employees never hold the same one."""
    deps, portal = desk.deps, desk.world.portal_id
    callers = [partners.opened(deps, _make(desk, name).token, HOME) for name in ("Olga", "Ira")]
    assert all(callers)
    desk.taken(callers[0])
    desk.taken(callers[1])
    desk.taken(desk.caller())
    assert len({lease.wave_client_id for lease in desk.leases()}) == 3
    assert desk.take(desk.caller(desk_world.BEN)) == "nobody"
    assert partners.revoke(deps, portal, desk.wave_id, 1, who="Boss (1)")
    assert not partners.revoke(deps, portal, desk.wave_id, 1, who="Boss (1)")
    assert not partners.revoke(deps, portal, desk.wave_id + 1, 2, who="Boss (1)")
    assert desk.take(desk.caller(desk_world.BEN)) == "taken"
    assert [what for what in desk.events() if what.startswith("call_link")] == [
        "call_link_made", "call_link_made", "call_link_revoked",
    ]  # fmt: skip


def test_a_call_centre_is_told_no_more_than_a_call_needs(desk: Desk) -> None:
    """No address that can be written to, no card's number, no other answers (product.md W9)."""
    caller = partners.opened(desk.deps, _make(desk).token, HOME)
    assert caller is not None
    desk.taken(caller)
    card = service.page(desk.deps, caller).card
    assert card is not None
    assert (card.client_id, card.client_kind, card.held) == (0, "", None)
    assert "p1100@client.example.com" not in repr(card)
