"""Merged cards of clients: opt-outs, holds and writes under way end on the card that stays (product.md B2, E5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from integration.bitrix import calls
from integration.services import inbox, outbox
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.clients import Company, Contact, OptOut
from integration.store.holds import Hold
from integration.store.outbox import OutboxRow
from tests.services.portal_world import World, world
from tests.services.schedule_world import clients

SCORES = "UF_CRM_MOLVA_NPS_"
SCORE, DATE, COMMENT = f"{SCORES}SCORE", f"{SCORES}DATE", f"{SCORES}COMMENT"
OPT_OUT, HOLD = "UF_CRM_MOLVA_OPT_OUT", "UF_CRM_MOLVA_HOLD_UNTIL"
COMPANY, CONTACT = 4, 3
UNTIL = date(2027, 5, 1)


@pytest.fixture
def place(one_engine: Engine) -> Iterator[World]:
    with world(make_sessions(one_engine), clients()) as made:
        yield made.ready()


def change(place: World, kind: int, number: int, **fields: Any) -> None:
    """What an employee writes on a card."""
    place.act(1, "crm.item.update", entityTypeId=kind, id=number, fields=fields, useOriginalUfNames="Y")


def merge(place: World, kind: int, stays: int, goes: int) -> None:
    place.act(1, "crm.entity.mergeBatch", params={"entityTypeId": kind, "entityIds": [stays, goes]})


def emptied(place: World, kind: int, number: int, *codes: str) -> None:
    """The card that stays has none of it, whatever the portal's own merging took over."""
    row = place.box.portal.state.items[kind].rows[number]
    row |= dict.fromkeys(codes)


def card(place: World, kind: int, number: int) -> dict[str, Any]:
    """A card as the portal has it."""
    return dict(place.act(1, "crm.item.get", entityTypeId=kind, id=number, useOriginalUfNames="Y")["item"])


def score(place: World, number: int, value: int, day: str, key: str) -> int:
    """A score on its way to a company."""
    fields = {SCORE: value, DATE: day, COMMENT: f"Said {value}"}
    return place.queue(calls.item_update("company", number, fields), f"company:{number}", key=key)


def test_what_stood_on_a_merged_card_alone_holds_for_the_one_that_stays(sessions: Sessions) -> None:
    """A person who said never, a company that is not to be asked before a day, and a score that was on its way when
    the cards were merged: all of it arrives on the cards that stay, by events alone."""
    with world(sessions, clients()) as place:
        place.ready()
        change(place, CONTACT, 4, **{OPT_OUT: "Y"})
        change(place, COMPANY, 3, **{HOLD: UNTIL.isoformat()})
        place.settle()
        with transaction(sessions) as session:
            session.add(
                Hold(
                    portal_id=place.portal_id, client_kind="company", client_id=3, until=UNTIL, reason="A new site",
                    who="Ada (1)", set_at=place.clock.now(),
                )
            )  # fmt: skip
        merge(place, CONTACT, 5, 4)
        merge(place, COMPANY, 4, 3)
        emptied(place, CONTACT, 5, OPT_OUT)
        emptied(place, COMPANY, 4, HOLD)
        row = score(place, 3, 2, "2026-01-11", "late")
        place.settle()
        assert card(place, CONTACT, 5)[OPT_OUT] in ("Y", True, 1)
        assert place.get(Contact, 5).opted_out
        assert [said.address for said in place.all(OptOut)] == ["contact:5"]
        assert card(place, COMPANY, 4)[HOLD][:10] == UNTIL.isoformat()
        assert place.get(Company, 4).hold_until == UNTIL
        assert {(hold.client_id, hold.until, hold.reason, hold.who) for hold in place.all(Hold)} == {
            (3, UNTIL, "A new site", "Ada (1)"), (4, UNTIL, "A new site", "Ada (1)"),
        }  # fmt: skip
        assert place.sent(row).status == "superseded"
        assert (card(place, COMPANY, 4)[SCORE], card(place, COMPANY, 4)[COMMENT]) == (2, "Said 2")
        known = len(place.all(OutboxRow))
        change(place, 2, 8, title="Another")
        place.settle()
        assert (len(place.all(OutboxRow)), len(place.all(Hold))) == (known, 2), "once"


def lose_events(place: World) -> None:
    place.box.control("/settings", {"events": {"lose_every": 1}}, "PUT")


def work(place: World) -> None:
    """What is due now, then what is due minutes later."""
    for _ in range(6):
        place.work()
        place.clock.advance(150)


def test_a_write_that_finds_its_card_gone_looks_for_the_one_that_stayed(place: World) -> None:
    """No event told of the merge: the portal's answer to the write starts the look. Corrections of one day are taken
    together, comments are written once, and writes to a card that was only deleted are left to people."""
    lose_events(place)
    merge(place, COMPANY, 4, 3)
    place.act(1, "crm.item.delete", entityTypeId=COMPANY, id=5)
    first, second = score(place, 3, 2, "2026-01-11", "a"), score(place, 3, 7, "2026-01-11", "b")
    words = place.queue(
        calls.comment_add("company", 3, "Words", "m1"), "company:3", key="c", purpose="comment"
    )
    lost = score(place, 5, 1, "2026-01-11", "d")
    work(place)
    assert [place.sent(row).status for row in (first, second, words)] == ["superseded"] * 3
    assert (place.sent(lost).status, place.sent(lost).error[:9]) == ("buried", "not_found")
    assert card(place, COMPANY, 4)[SCORE] == 7
    mine = {"ENTITY_ID": 4, "ENTITY_TYPE": "company"}
    assert len(place.act(1, "crm.timeline.comment.list", filter=mine)) == 1
    assert {row.status for row in place.all(OutboxRow)} == {"done", "superseded", "buried"}


def test_a_newer_score_is_never_overwritten_by_an_older_one(place: World) -> None:
    """Whether it stands on the card that stays, or is on its way there; and what came after the merge counts, too."""
    row = score(place, 4, 9, "2026-01-20", "own")
    place.work()
    assert place.sent(row).status == "done"
    lose_events(place)
    merge(place, COMPANY, 4, 3)
    old = score(place, 3, 1, "2026-01-11", "old")
    work(place)
    assert (place.sent(old).status, card(place, COMPANY, 4)[SCORE]) == ("superseded", 9)
    merge(place, COMPANY, 1, 4)
    own = score(place, 1, 8, "2026-02-02", "waits")
    with transaction(place.deps.sessions) as session:
        session.get_one(OutboxRow, own).due_at = place.clock.now() + timedelta(days=1)
    older, newest = score(place, 4, 2, "2026-02-01", "older"), score(place, 3, 5, "2026-02-03", "newest")
    work(place)
    assert {place.sent(row).status for row in (older, newest)} == {"superseded"}
    with transaction(place.deps.sessions) as session:
        session.get_one(OutboxRow, own).due_at = place.clock.now()
    work(place)
    assert card(place, COMPANY, 1)[SCORE] == 5, "the write on its way first, the newest one after it"


def test_a_write_that_was_given_up_goes_on_when_the_merge_is_seen(place: World) -> None:
    """The deals of the merged card were looked at late."""
    lose_events(place)
    merge(place, COMPANY, 4, 3)
    row = score(place, 3, 6, "2026-01-11", "a")
    for _ in range(2):
        outbox.drain(place.deps)
        place.clock.advance(150)
    assert (place.sent(row).status, place.sent(row).error[:9]) == ("buried", "not_found")
    while inbox.drain(place.deps):
        pass
    outbox.drain(place.deps)
    assert (place.sent(row).status, card(place, COMPANY, 4)[SCORE]) == ("superseded", 6)


def test_an_opt_out_survives_where_no_deal_shows_who_stayed(place: World) -> None:
    """Two cards of one person in one company, without deals; another person of that company is asked as before."""
    for number in (4, 6):
        change(place, CONTACT, number, name="Ann", lastName="Lee", companyIds=[5])
    change(place, CONTACT, 3, name="Eva", lastName="Lee", companyIds=[5])
    change(place, 2, 8, contactIds=[2])
    change(place, CONTACT, 4, **{OPT_OUT: "Y"})
    place.settle()
    place.clock.advance(30 * 3600)  # long after the deal of this person has gone to another
    merge(place, CONTACT, 6, 4)
    emptied(place, CONTACT, 6, OPT_OUT)
    place.settle()
    assert place.get(Contact, 4).deleted_at is not None
    assert [place.get(Contact, n).opted_out for n in (6, 3)] == [True, False]
    assert [said.address for said in place.all(OptOut)] == ["contact:6"]
    assert card(place, CONTACT, 6)[OPT_OUT] in ("Y", True, 1)
