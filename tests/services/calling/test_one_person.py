"""One person is one person on however many cards: by the number, by the address, also in mid-wave (product.md E3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from integration.nps.people import ClientKey
from integration.services import card_people, optouts, thanks, waves
from integration.services.calling import phones
from integration.services.calling.record import held, record_in
from integration.services.calling.types import Made
from integration.services.waves_errors import WaveError
from integration.store.answers import asked
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.clients import Contact, OptOut
from integration.store.letters import LetterRow
from integration.store.responses import Response
from tests.conftest import HandClock
from tests.services.calling import desk_world
from tests.services.calling.desk_world import ADA, BEN, Desk


def _outcomes(desk: Desk) -> dict[int, str]:
    return {contact: one.outcome for contact, one in desk.world.invitations().items()}


def _share(desk: Desk, first: int, second: int, what: str = "phone") -> None:
    desk.set(second, **{what: getattr(desk.one(first), what)})


def _letters(desk: Desk) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in desk.world.rows(LetterRow):
        found.setdefault(row.recipient_address, []).append(row.status)
    return found


def _words(desk: Desk) -> set[str]:
    with transaction(desk.deps.sessions) as session:
        return set(session.scalars(select(OptOut.address)))


def test_never_said_on_one_card_holds_at_once_for_every_card_with_the_number_or_the_address(
    sessions: Sessions, clock: HandClock
) -> None:
    """Open people end, waiting letters are taken back, cards get the field; what a twin in the hands of another caller
    answers on the line is kept, without thanks. Nobody else is touched."""
    desk = desk_world.make(sessions, clock, people=dict.fromkeys((11, 12, 13, 14), 1))
    ada, ben = desk.taken(desk.caller(ADA)), desk.taken(desk.caller(BEN))
    _share(desk, 1100, 1200)
    desk.set(1300, address="P1100@Client.example.com")
    for contact in (1200, 1300, 1400):
        desk.world.left(contact, status="waiting")
    clock.advance(minutes=2)
    assert desk.record(ada, "never", desk.caller(ADA)).status == "done"
    assert _outcomes(desk) == {1100: "opted_out", 1200: "opted_out", 1300: "opted_out", 1400: ""}
    assert _words(desk) == {"p1100@client.example.com", "4951001100", "contact:1100"}
    fields = {row.lane for row in desk.world.outbox(purpose="field")}
    assert fields == {"contact:1100", "contact:1200", "contact:1300"}
    clock.advance(minutes=2)
    said = desk.record(ben, "answered", desk.caller(BEN), score="9", comment="Спасибо")
    assert (said.status, said.score) == ("done", 9)
    assert [(r.score, r.status, r.channel) for r in desk.world.rows(Response)] == [(9, "counted", "phone")]
    assert _outcomes(desk)[1200] == "answered"
    desk.world.tick()
    assert _letters(desk) == {
        "p1200@client.example.com": ["cancelled"], "P1100@Client.example.com": ["cancelled"],
        "p1400@client.example.com": ["done"],
    }  # fmt: skip
    assert desk.take(desk.caller(BEN)) == "taken"
    shown = desk.page(desk.caller(BEN)).card
    assert shown is not None
    assert shown.client == "Client 14"


def test_whoever_begins_a_call_after_never_changes_nothing_by_it(
    one_engine: Engine, clock: HandClock
) -> None:
    """Nor does anything but an answer from a call that began before; the call is on record."""
    desk = desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1})
    desk.taken(desk.caller(ADA))
    ben = desk.taken(desk.caller(BEN))
    _share(desk, 1100, 1200)
    begun = clock.now()
    clock.advance(minutes=2)
    with transaction(desk.deps.sessions) as session:
        optouts.record(session, desk.one(), source="link", now=clock.now())
    clock.advance(minutes=1)
    for place, (outcome, score, started) in enumerate(
        [("not_now", None, begun), ("answered", 7, clock.now()), ("answered", 7, None)]
    ):
        made = Made(
            key=f"k{place}", outcome=outcome, at=clock.now(), holder="user:22", name="Ben", score=score,
            started_at=started,
        )  # fmt: skip
        with transaction(desk.deps.sessions) as session:
            found = held(session, desk.world.portal_id, desk.ids[1200], outcome)
            assert found is not None
            got = record_in(session, desk.deps, found, made)
        assert (got.status, got.why) == ("lost", "opted_out"), outcome
    assert (len(desk.attempts()), desk.world.rows(Response)) == (3, [])
    assert desk.record(ben, "answered", desk.caller(BEN), score="8").status == "done"


def test_each_door_bars_the_other_card_of_the_person(one_engine: Engine, clock: HandClock) -> None:
    """The link of a letter, the tab of the card, the field on the card in the portal, the sheet of a call centre."""
    desk = desk_world.make(make_sessions(one_engine), clock, people=dict.fromkeys(range(11, 19), 1))
    doors = {1100: "link", 1300: "tab", 1500: "card", 1700: "sheet"}
    for contact in doors:
        _share(desk, contact, contact + 100)
        desk.world.left(contact + 100, status="waiting")
    portal, now = desk.world.portal_id, clock.now()
    assert optouts.opt_out(desk.deps, "t1100", one_click=True).status == "done"
    client = ClientKey("company", 13)
    assert card_people.opt_out(desk.deps, portal, client, 1300, who="Head", reason="by phone") == "done"
    desk.world.set(Contact, (portal, 1500), opted_out=True)
    desk.set(1500, due_at=now)
    with transaction(desk.deps.sessions) as session:
        found = held(session, portal, desk.ids[1700], "never")
        assert found is not None
        made = Made(key="row", outcome="never", at=now, holder="sheet:1", name="Olga", source="sheet")
        assert record_in(session, desk.deps, found, made).status == "done"
    while waves.advance_due(desk.deps):
        pass
    for contact, door in doors.items():
        assert (desk.one(contact).outcome, desk.one(contact + 100).outcome) == ("opted_out",) * 2, door
    desk.world.tick()
    assert {status for found in _letters(desk).values() for status in found} == {"cancelled"}
    assert desk.take() == "nobody"


def test_an_administrator_takes_never_back_for_all_cards_but_those_that_said_it_themselves(
    one_engine: Engine, clock: HandClock
) -> None:
    desk = desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1, 13: 1})
    for contact in (1200, 1300):
        _share(desk, 1100, contact)
    portal = desk.world.portal_id
    for token in ("t1100", "t1300"):
        assert optouts.opt_out(desk.deps, token, one_click=True).status == "done"
    for contact in (1100, 1200, 1300):
        desk.world.set(Contact, (portal, contact), opted_out=True)

    def back(contact: int) -> str:
        client = ClientKey("company", contact // 100)
        return card_people.opt_back(desk.deps, portal, client, contact, who="Admin", reason="asked us to")

    assert back(1100) == "done"
    flags = {one.id: one.opted_out for one in desk.world.rows(Contact)}
    assert flags == {1100: False, 1200: False, 1300: True}
    assert _words(desk) == {"p1300@client.example.com"}
    assert (back(1100), back(1300), _words(desk)) == ("again", "done", set())


def test_a_number_on_two_cards_is_called_for_one_of_them(one_engine: Engine, clock: HandClock) -> None:
    """For whom it rang first; also when that person has answered or refused. Letters go to both: they are two people of
    a client who share a desk. Taken off the list, the first leaves the number to the other."""
    desk = desk_world.make(make_sessions(one_engine), clock, people={11: 2, 12: 1})
    _share(desk, 1100, 1101)
    assert desk.call("no_answer").status == "done"
    assert desk.call("no_answer").client == "Client 12"
    assert desk.take() == "nobody"
    assert (desk.one(1101).call_due_at, desk.one(1101).attempts) == (None, 0)
    clock.advance(hours=4)
    assert desk.call("refused").client == "Client 11"
    desk.set(1101, call_due_at=clock.now(), call_until=None)
    assert [desk.call("no_answer").client, desk.take()] == ["Client 12", "nobody"]
    desk.world.until(desk.clock.now() + timedelta(days=14))
    sent = {row.recipient_address for row in desk.world.rows(LetterRow, status="done")}
    assert sent == {"p1101@client.example.com", "p1200@client.example.com"}


def test_whoever_is_taken_off_the_list_leaves_the_number_to_the_other(
    one_engine: Engine, clock: HandClock
) -> None:
    desk = desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1})
    _share(desk, 1100, 1200)
    line = desk.one().wave_client_id
    waves.exclude(desk.deps, desk.world.portal_id, desk.wave_id, line, "Head", "parted")
    assert desk.call("no_answer").client == "Client 12"


def test_whoever_is_gone_from_the_portal_leaves_the_number_to_the_colleague(
    one_engine: Engine, clock: HandClock
) -> None:
    """Who is called from then on, and not only when letters go out."""
    desk = _with_one_number(one_engine, clock)
    desk.world.set(Contact, (desk.world.portal_id, 1100), deleted_at=clock.now())
    clock.advance(hours=25)
    for contact in (1100, 1101):  # both are looked at in one go
        desk.set(contact, due_at=clock.now())
    desk.world.tick()
    assert desk.one(1100).outcome == "excluded"
    assert desk.call("no_answer").status == "done"
    assert (desk.one(1100).attempts, desk.one(1101).attempts) == (0, 1)


def test_whoever_is_called_on_another_number_leaves_theirs_to_the_colleague(
    one_engine: Engine, clock: HandClock
) -> None:
    desk = _with_one_number(one_engine, clock)
    phones.change(desk.deps, desk.world.portal_id, desk.wave_id, desk.ids[1100], "+7 495 999-00-00", "Head")
    desk.world.tick()
    assert None not in (desk.one(1100).call_due_at, desk.one(1101).call_due_at)


def _with_one_number(one_engine: Engine, clock: HandClock) -> Desk:
    """Two people of a client share a desk; the first of them is called, as the machine has seen."""
    desk = desk_world.make(make_sessions(one_engine), clock, people={11: 2})
    _share(desk, 1100, 1101)
    for contact in (1100, 1101):
        desk.set(contact, due_at=clock.now())
    desk.world.tick()
    assert desk.one(1101).call_due_at is None
    return desk


def test_nobody_is_given_a_number_that_somebody_else_of_the_list_is_called_on(
    one_engine: Engine, clock: HandClock
) -> None:
    """A number that changes in mid-wave is entered by staff, since the list keeps what it was made with; however it is
    written, it is nobody else's."""
    desk = desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1})
    args = (desk.deps, desk.world.portal_id, desk.wave_id, desk.ids[1100])
    with pytest.raises(WaveError) as refused:
        phones.change(*args, "8 (495) 100-12-00", "Head")
    assert (refused.value.code, desk.one().phone) == ("number_taken", "+74951001100")
    phones.change(*args, "8 (495) 100-12-01", "Head")
    assert desk.one().phone == "+74951001201"


def test_thanks_that_wait_are_taken_back_by_a_word_on_the_other_card(
    one_engine: Engine, clock: HandClock
) -> None:
    """Also when a worker has them in hand at that moment, and none are written afterwards."""
    desk = desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1})
    first, second = desk.taken(desk.caller(ADA)), desk.taken(desk.caller(BEN))
    _share(desk, 1100, 1200)
    assert desk.record(first, "answered", desk.caller(ADA), score="10").status == "done"
    (letter,) = desk.world.rows(LetterRow)
    values: dict[str, Any] = {"status": "working", "lease_until": clock.now() - timedelta(hours=1)}
    desk.world.set(LetterRow, letter.id, **values)
    clock.advance(minutes=1)
    assert desk.record(second, "never", desk.caller(BEN)).status == "done"
    assert _outcomes(desk) == {1100: "answered", 1200: "opted_out"}
    with transaction(desk.deps.sessions) as session:
        found = asked(session, desk.world.portal_id, desk.ids[1100])
        assert found is not None
        assert not thanks.may(session, found, clock.now())
    desk.world.until(datetime(2026, 3, 6, 12, tzinfo=clock.now().tzinfo))
    assert [row.status for row in desk.world.rows(LetterRow)] == ["cancelled"]
