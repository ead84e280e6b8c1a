"""Naming whoever recommended a client, in the sandbox portal: reminded, found, chosen, guarded (product.md R3, R4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration.bitrix.calls import ENTITY_TYPES
from integration.nps.people import CardKey, ClientKey
from integration.services import card as card_service
from integration.services import card_names, card_rights, frames, referral_claims, referral_search
from integration.services.frames import Viewer
from integration.services.referral_chores import rebuild
from integration.services.referral_claims import Said
from integration.store import referrals as rows
from integration.store.base import reading, transaction
from integration.store.referral_rows import Referral, ReferralReminder
from tests.services.portal_world import CLIENT_ID, World, agency, on_sqlite
from tests.services.ready_world import ready_world

SOURCE, REFERRER, DATE = "UF_CRM_MOLVA_REFERRAL_SOURCE", "UF_CRM_MOLVA_REFERRER", "UF_CRM_MOLVA_REFERRAL_DATE"
MONDAY = datetime(2026, 1, 19, 7, tzinfo=UTC)  # ten in the morning in Moscow


def phone(number: str) -> list[dict[str, str]]:
    return [{"typeId": "PHONE", "valueType": "WORK", "value": number}]


def a_portal() -> Any:
    made = agency()
    clerk = {"ADMIN": False, "ACTIVE": True, "UF_DEPARTMENT": [1]}
    made.users = [
        *made.users,
        made.users[0] | clerk | {"ID": "6", "NAME": "Clara", "EMAIL": "c@example.com"},
        made.users[0] | clerk | {"ID": "7", "NAME": "Dmitri", "EMAIL": "d@example.com"},
    ]
    made.companies = [
        {"id": 1, "title": "Vega", "fm": phone("+7 900 111-22-33")},
        {"id": 2, "title": "Own", "isMyCompany": "Y"},
        {"id": 3, "title": "Altair", "assignedById": 6},
        {"id": 4, "title": "Altair Trade", "assignedById": 6, "fm": phone("8 900 555-66-77")},
    ]
    made.contacts = [
        {"id": 1, "name": "Ira", "lastName": "Sokol", "companyIds": [1], "fm": phone("8 (900) 111 22 33")},
        {"id": 2, "name": "Oleh", "lastName": "Lis", "assignedById": 6, "fm": phone("+79004445566")},
        {"id": 3, "name": "Eva", "lastName": "Ray", "companyIds": [3]},
        {"id": 4, "name": "Oleg", "lastName": "Lis", "fm": phone("8 900 444 55 66")},
    ]
    made.deals = [
        {"id": 1, "title": "Site", "companyId": 1, "contactIds": [1], "stageId": "WON", "assignedById": 6},
        {"id": 2, "title": "Shop", "companyId": 3, "contactIds": [3], "stageId": "NEW", "assignedById": 6},
    ]
    made.stage_history, made.requisites, made.addresses = [], [], []
    return made


def clock_to(place: World, moment: datetime) -> None:
    seconds = (moment - place.clock.now()).total_seconds()
    assert seconds > 0
    place.clock.advance(seconds)


@pytest.fixture
def place(sqlite_url: str) -> Iterator[World]:
    with on_sqlite(sqlite_url) as sessions, ready_world(sessions, a_portal()) as made:
        clock_to(made, MONDAY)
        yield made


def person(place: World, card: tuple[str, int], user: int = 6) -> Viewer:
    """An employee who has just opened the tab of a card."""
    token = place.box.control(f"/apps/{CLIENT_ID}/tokens", {"user_id": user})["access_token"]
    who = frames.viewer(place.row(), user, user == 1, "en", place.clock.now())
    return frames.with_card(who, *card, token)


def say(
    place: World,
    card: tuple[str, int],
    named: ClientKey | None,
    source: str = "client",
    note: str = "",
    user: int = 6,
) -> Said:
    who = person(place, card, user)
    found = card_rights.serving(place.deps, who, *card)
    return referral_claims.choose(place.deps, who, found, named, source, note)


def on_card(place: World, kind: str, number: int) -> tuple[str, str, str]:
    """Source, referrer and day as the portal shows them."""
    got = place.act(1, "crm.item.get", entityTypeId=ENTITY_TYPES[kind], id=number, useOriginalUfNames="Y")[
        "item"
    ]
    items = place.row().fields[kind][SOURCE]["items"]
    known = {str(item): code for code, item in items.items()}
    return (
        known.get(str(got.get(SOURCE) or ""), ""),
        str(got.get(REFERRER) or ""),
        str(got.get(DATE) or "")[:10],
    )


def write(place: World, kind: str, number: int, **fields: Any) -> None:
    """A manager edits a card in the portal."""
    if "source" in fields:
        fields[SOURCE] = place.row().fields[kind][SOURCE]["items"][fields.pop("source")]
    place.act(
        6,
        "crm.item.update",
        entityTypeId=ENTITY_TYPES[kind],
        id=number,
        fields=fields,
        useOriginalUfNames="Y",
    )


def row(place: World, kind: str, number: int) -> Referral:
    with reading(place.deps.sessions) as session:
        found = rows.of_newcomer(session, place.portal_id, rows.key_of(kind, number))
        assert found is not None
        return found


def todos(place: World) -> list[dict[str, Any]]:
    return list(place.act(1, "crm.activity.list", filter={"PROVIDER_ID": "CRM_TODO"}))


def test_the_manager_is_reminded_once_and_the_name_travels(place: World) -> None:
    """By recommendation: an hour of work later a to-do stands in the deal; the name chosen in the tab ticks it off."""
    write(place, "deal", 2, sourceId="RECOMMENDATION")
    place.settle()
    assert on_card(place, "deal", 2)[0] == "unknown"
    assert todos(place) == []
    clock_to(place, MONDAY + timedelta(minutes=50))
    place.settle()
    assert todos(place) == []  # whoever is just typing is not nagged
    clock_to(place, MONDAY + timedelta(minutes=65))
    place.settle()
    (todo,) = todos(place)
    assert (todo["OWNER_TYPE_ID"], todo["OWNER_ID"], todo["RESPONSIBLE_ID"]) == ("2", "2", "6")
    assert todo["COMPLETED"] == "N"
    assert todo["DEADLINE"][:16] == "2026-01-20T18:00"

    assert say(place, ("deal", 2), ClientKey("contact", 1)).status == "done"
    with reading(place.deps.sessions) as session:
        waiting = rows.writes(session, place.portal_id, ["deal:2"])
        assert len(waiting) == 1  # on its way, by the outbox
    place.settle()
    for kind, number in (("deal", 2), ("company", 3), ("contact", 3)):
        assert on_card(place, kind, number) == ("client", "C_1", "2026-01-19")
    found = row(place, "company", 3)
    assert (found.named_kind, found.named_id, found.referrer_kind, found.referrer_id) == (
        "contact",
        1,
        "company",
        1,
    )
    assert [todo["COMPLETED"] for todo in todos(place)] == ["Y"]

    write(place, "deal", 2, **{REFERRER: ""})
    place.settle()
    clock_to(place, MONDAY + timedelta(days=2))
    place.settle()
    assert len(todos(place)) == 1
    assert len(place.all(ReferralReminder)) == 1


def test_nobody_is_reminded_at_night_or_for_what_is_filled_meanwhile(place: World) -> None:
    """A source typed in the evening waits for the morning; one that is completed or lost asks for nothing."""
    clock_to(place, MONDAY + timedelta(hours=7, minutes=40))  # 17:40 in the portal
    write(place, "deal", 2, source="partner")
    place.settle()
    clock_to(place, MONDAY + timedelta(hours=15))
    place.settle()
    assert todos(place) == []
    write(place, "deal", 2, **{REFERRER: "CO_1"})
    place.settle()
    clock_to(place, MONDAY + timedelta(days=1, hours=3))
    place.settle()
    assert todos(place) == []
    assert [one.state for one in place.all(ReferralReminder)] == ["dropped"]
    for source, stage in (("employee", "NEW"), ("event", "NEW"), ("client", "LOSE")):
        made = place.act(6, "crm.item.add", entityTypeId=2, fields={"title": "x", "stageId": stage})["item"][
            "id"
        ]
        write(place, "deal", made, source=source)
    place.settle()
    clock_to(place, MONDAY + timedelta(days=3))
    place.settle()
    assert todos(place) == []


def test_cards_are_found_by_name_phone_and_e_mail_as_the_person_sees_them(place: World) -> None:
    """Nothing is guessed: what fits is shown; two cards of one person are said to be that."""

    def search(query: str, user: int = 6) -> referral_search.Found:
        return referral_search.search(place.deps, person(place, ("deal", 2), user), query)

    def cards(query: str, user: int = 6) -> list[str]:
        return [str(one.card) for one in search(query, user).candidates]

    assert cards("alt") == ["company:3", "company:4"]
    assert cards("sokol ira") == cards("Ira") == ["contact:1"]
    assert cards("900 111-22-33") == ["contact:1", "company:1"] or cards("9001112233") == [
        "contact:1",
        "company:1",
    ]
    twins = search("lis").candidates
    assert [(str(one.card), one.twin) for one in twins] == [("contact:4", 2), ("contact:2", 4)]
    assert [one.own for one in search("Own").candidates] == [True]
    assert search("a").problem == "short"
    assert search("nobody at all").candidates == ()
    assert search("% _").candidates == ()
    assert search("x@y").candidates == ()
    place.box.control("/settings", {"rights": {"6": "own"}}, verb="PUT")
    assert cards("alt") == ["company:3", "company:4"]
    assert cards("vega") == []
    place.box.control("/tokens/expire", {})
    old = person(place, ("deal", 2))
    place.box.control("/tokens/expire", {})
    assert referral_search.search(place.deps, old, "alt").problem == "reopen"
    place.box.control("/settings", {"down": True}, verb="PUT")
    assert referral_search.search(place.deps, old, "alt").problem == "unreachable"


def test_who_cannot_have_brought_a_client_is_refused_with_the_reason(place: World) -> None:
    """Itself, its people, the agency, a second card of it, a circle with the chain, a card the person may not see."""

    def refused(card: tuple[str, int], named: ClientKey) -> str:
        said = say(place, card, named)
        return said.flag.code if said.flag else said.status

    assert refused(("deal", 2), ClientKey("company", 3)) == "self_referral"
    assert refused(("deal", 2), ClientKey("contact", 3)) == "own_contact"
    assert refused(("company", 3), ClientKey("company", 2)) == "own_company"
    place.act(6, "crm.item.update", entityTypeId=3, id=3, fields={"fm": phone("+7 900 555 66 77")})
    assert refused(("company", 3), ClientKey("company", 4)) == "same_person"
    assert say(place, ("company", 3), ClientKey("company", 1)).status == "done"
    place.settle()
    assert refused(("company", 4), ClientKey("contact", 3)) == "same_person"
    assert say(place, ("company", 4), ClientKey("company", 3)).status == "done"
    place.settle()
    said = say(place, ("company", 1), ClientKey("company", 4), user=1)
    assert said.flag is not None
    assert said.flag.code == "cycle"
    assert [str(key) for key in said.flag.chain] == ["company:4", "company:3", "company:1"]
    assert on_card(place, "company", 1) == ("", "", "")
    place.box.control("/settings", {"rights": {"6": "own"}}, verb="PUT")
    assert refused(("contact", 2), ClientKey("company", 1)) == "unseen"


def test_what_the_portal_says_is_guarded_as_well(place: World) -> None:
    """Entered on a card: a double with the same phone is found by one look, a deleted referrer is said to be gone."""
    write(place, "company", 3, source="client", **{REFERRER: "CO_4"})
    place.act(6, "crm.item.update", entityTypeId=3, id=3, fields={"fm": phone("+7 900 555 66 77")})
    place.settle()
    found = row(place, "company", 3)
    assert (found.problem, found.same, found.checked) == ("same_person", "phone", "CO_4")
    write(place, "company", 3, **{REFERRER: "CO_1"})
    place.settle()
    assert row(place, "company", 3).problem == ""
    place.act(1, "crm.item.delete", entityTypeId=4, id=1)
    place.settle()
    assert row(place, "company", 3).problem == "removed"
    assert on_card(place, "company", 3)[0] == "client"


def test_a_merged_referrer_is_followed(place: World) -> None:
    """The card named disappears in a merge; the one that took its deals over counts from then on."""
    write(place, "company", 3, source="client", **{REFERRER: "CO_1"})
    place.settle()
    place.act(1, "crm.entity.mergebatch", entityTypeId=4, entityIds=[4, 1])
    place.settle()
    found = row(place, "company", 3)
    assert (found.problem, found.referrer_kind, found.referrer_id) == ("", "company", 4)


def test_two_claims_are_settled_by_the_first_or_by_a_person_with_a_note(place: World) -> None:
    """A person overrules with a reason, which is kept; taking it back lets the rule count again; nobody is cleared."""
    write(place, "deal", 2, source="partner", **{REFERRER: "C_2", DATE: "2026-01-02"})
    place.settle()
    asked = say(place, ("company", 3), ClientKey("company", 1))
    assert asked.status == "no_note"
    assert asked.rival is not None
    assert asked.rival.named_id == 2
    assert say(place, ("company", 3), ClientKey("company", 1), note="n" * 501).status == "note_too_long"
    assert say(place, ("company", 3), ClientKey("company", 1), note="Eva told us so").status == "done"
    place.settle()
    found = row(place, "company", 3)
    assert (found.settled_by, found.settled_note, found.referrer_id, found.rivals) == (
        "person",
        "Eva told us so",
        1,
        1,
    )
    assert on_card(place, "deal", 2)[:2] == ("partner", "C_2")  # a person's entry stays
    assert on_card(place, "company", 3)[:2] == on_card(place, "contact", 3)[:2] == ("client", "CO_1")

    who = person(place, ("company", 3))
    subject = card_rights.serving(place.deps, who, "company", 3)
    assert referral_claims.by_rule(place.deps, subject).status == "done"
    place.settle()
    found = row(place, "company", 3)
    assert (found.settled_by, found.source, found.referrer_kind, found.referrer_id) == (
        "rule",
        "partner",
        "contact",
        2,
    )
    assert referral_claims.clear(place.deps, subject, " ").status == "no_note"
    assert referral_claims.clear(place.deps, subject, "He says he found us himself").status == "done"
    place.settle()
    found = row(place, "company", 3)
    assert (found.settled_by, found.source, found.referrer_id) == ("person", "", 0)
    assert on_card(place, "company", 3) == on_card(place, "contact", 3) == ("", "", "")
    with reading(place.deps.sessions) as session:
        acts = [act.what for act in rows.acts_of(session, place.portal_id, found.id)]
    assert [one for one in acts if one in ("overruled", "accepted", "cleared")] == [
        "overruled",
        "accepted",
        "cleared",
    ]


def test_a_repeat_deal_speaks_for_its_client(place: World) -> None:
    """In a later deal of an old client the name goes to the client's card; the source alone can be entered as well."""
    made = place.act(6, "crm.item.add", entityTypeId=2, fields={"title": "Again", "companyId": 1})["item"][
        "id"
    ]
    place.settle()
    assert say(place, ("deal", made), ClientKey("contact", 2), "former_client").status == "done"
    assert say(place, ("deal", made), ClientKey("contact", 2), "former_client").status == "same"
    assert say(place, ("deal", made), None, "event", note="It was the fair").status == "done"
    assert say(place, ("deal", made), None, "no such source").status == "no_source"
    place.settle()
    assert on_card(place, "company", 1)[:2] == ("event", "")
    assert on_card(place, "deal", made) == ("", "", "")
    assert row(place, "company", 1).source == "event"


def test_rows_are_made_anew_from_the_mirror(place: World) -> None:
    """Erased rows come back by the nightly chore, and nothing is written or asked for by it."""
    write(place, "company", 3, source="client", **{REFERRER: "C_1", DATE: "2026-01-02"})
    write(place, "deal", 1, source="partner")
    place.settle()
    before = {
        (one.newcomer_kind, one.newcomer_id, one.source, one.referrer_id) for one in place.all(Referral)
    }
    assert len(before) == 2
    with transaction(place.deps.sessions) as session:
        for one in session.query(Referral):
            session.delete(one)
    place.fresh_counters()
    cursor: dict[str, Any] = {}
    while (outcome := rebuild(place.deps, place.portal_id, cursor)).due_at is not None:
        cursor = outcome.cursor or {}
    after = {(one.newcomer_kind, one.newcomer_id, one.source, one.referrer_id) for one in place.all(Referral)}
    assert after == before
    place.settle()
    assert place.counters()["by_method"].get("crm.item.update", 0) == 0


def test_who_serves_the_client_may_name_and_nobody_else(place: World) -> None:
    """The right to the card comes with the session; a colleague who only reads it is told so."""
    assert card_rights.serving(place.deps, person(place, ("deal", 2)), "deal", 2).card == CardKey("deal", 2)
    with pytest.raises(card_rights.Denied):
        card_rights.serving(place.deps, person(place, ("deal", 2), user=7), "deal", 2)
    with pytest.raises(card_rights.Denied):
        card_rights.serving(place.deps, person(place, ("deal", 1)), "deal", 2)


def test_the_tab_names_both_ends_to_whoever_the_portal_shows_them(place: World) -> None:
    """Who chose somebody reads whom, and who has to thank reads for whom; where the portal shows no card, numbers."""
    place.act(1, "crm.item.update", entityTypeId=4, id=4, fields={"assignedById": 7})
    place.work()
    assert say(place, ("deal", 2), ClientKey("company", 4)).status == "done"
    place.work()

    def both_ends() -> tuple[str, str]:
        views = []
        for card, user in ((("deal", 2), 6), (("company", 4), 7)):
            who = person(place, card, user)
            views.append(card_names.told(place.deps, who, card_service.view(place.deps, who, *card)))
        newcomer, friend = views
        assert newcomer.came is not None
        assert friend.brought is not None
        (line,) = friend.brought.lines
        assert line.money is None
        return newcomer.came.name, line.newcomer.name

    assert both_ends() == ("Altair Trade", "Altair")
    place.box.control("/settings", {"rights": {"6": "own", "7": "own"}})
    assert both_ends() == ("", "")
    place.box.control("/settings", {"rights": {}, "down": True})
    assert both_ends() == ("", "")
