"""The number of clients brought stands on the referrer's card, and follows what people write (interface.md 5, R7)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from integration.services import chores, referral_tally
from integration.services.referral_tally import BROUGHT, TALLY
from integration.store import chores as chore_rows
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.outbox import OutboxRow
from tests.services.portal_world import World, agency, world

SOURCE, REFERRER = "UF_CRM_MOLVA_REFERRAL_SOURCE", "UF_CRM_MOLVA_REFERRER"


def a_portal() -> Any:
    made = agency()
    made.companies = [{"id": number, "title": f"Firm {number}"} for number in range(1, 6)]
    made.contacts = [{"id": 1, "name": "Anna"}]
    made.leads, made.deals, made.stage_history, made.requisites, made.addresses = [], [], [], [], []
    return made


def names(place: World, company: int, referrer: str) -> None:
    """A person writes on a company's card who recommended it; nobody takes the entry back."""
    code = int(place.row().fields["company"][SOURCE]["items"]["client"])
    fields = {SOURCE: code if referrer else "", REFERRER: referrer}
    place.act(1, "crm.item.update", entityTypeId=4, id=company, fields=fields, useOriginalUfNames="Y")
    place.settle()


def numbers(place: World) -> dict[str, int]:
    """What stands on the cards in the portal, by binding, where anything does."""
    found = {}
    for letter, number, kind in (("CO", 4, range(1, 6)), ("C", 3, range(1, 2))):
        for card in kind:
            item = place.act(1, "crm.item.get", entityTypeId=number, id=card, useOriginalUfNames="Y")["item"]
            if item.get(BROUGHT) not in (None, ""):
                found[f"{letter}_{card}"] = int(item[BROUGHT])
    return found


def test_the_number_on_the_card_follows_the_referrals_that_stand(sessions: Sessions) -> None:
    """More, fewer, another referrer, a person, and never a second write for the same number."""
    with world(sessions, a_portal()) as place:
        place.ready()
        assert numbers(place) == {}
        names(place, 2, "CO_1")
        names(place, 3, "CO_1")
        assert numbers(place) == {"CO_1": 2}
        names(place, 3, "C_1")
        assert numbers(place) == {"CO_1": 1, "C_1": 1}
        names(place, 2, "")
        assert numbers(place) == {"CO_1": 0, "C_1": 1}
        written = [row.key for row in place.all(OutboxRow) if row.purpose == "tally"]
        with transaction(sessions) as session:
            chore_rows.schedule(session, place.portal_id, TALLY, place.clock.now())
        chores.run_due(place.deps)
        place.settle()
        assert [row.key for row in place.all(OutboxRow) if row.purpose == "tally"] == written


def test_a_circle_or_a_lead_counts_for_nobody(sessions: Sessions) -> None:
    with world(sessions, a_portal()) as place:
        place.ready()
        names(place, 2, "CO_1")
        place.clock.advance(86_400)
        names(place, 1, "CO_2")
        assert numbers(place) == {"CO_1": 1}, "the later of two that make a circle is refused"
        code = int(place.row().fields["lead"][SOURCE]["items"]["client"])
        fields = {"title": "Asks", SOURCE: code, REFERRER: "CO_3"}
        place.act(1, "crm.item.add", entityTypeId=1, fields=fields, useOriginalUfNames="Y")
        place.settle()
        assert numbers(place) == {"CO_1": 1}


def test_a_count_that_broke_off_is_made_again(one_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was counted is noted with its order in one commit, or counted again."""
    true, died = referral_tally.queue_fields, []

    def dying(*args: Any, **more: Any) -> Any:
        if died:
            return true(*args, **more)
        died.append(1)
        raise RuntimeError("killed")

    monkeypatch.setattr(referral_tally, "queue_fields", dying)
    with world(make_sessions(one_engine), a_portal()) as place:
        place.ready()
        names(place, 2, "CO_1")
        assert died
        place.clock.advance(7200)
        place.settle()
        assert numbers(place) == {"CO_1": 1}
        assert len([row for row in place.all(OutboxRow) if row.purpose == "tally"]) == 1
