"""Scores and comments on the cards: right values, once per cause, only what differs (product.md B2 to B6)."""

from __future__ import annotations

from datetime import date

import pytest

from integration.bitrix.call import Call
from integration.nps.intents import CloseWave, WriteScore
from integration.nps.people import CardKey
from integration.services import calls_queue, survey
from integration.services.calls_queue import Cause, repair_fields
from integration.services.writeback import perform
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Deal
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from tests.conftest import HandClock
from tests.services.survey_world import World, field_map, make_world


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


def item(kind: str, code: str, xml_id: str) -> str:
    return str(field_map()[kind][code]["items"][xml_id])


def shown(kind: str, score: int, group: str, comment: str = "") -> dict[str, object]:
    """Score fields as a portal gives them: numbers for list values, a moment for a day (bitrix24.md 4.7, 8.4)."""
    return {
        "UF_CRM_MOLVA_NPS_SCORE": score,
        "UF_CRM_MOLVA_NPS_GROUP": int(item(kind, "UF_CRM_MOLVA_NPS_GROUP", group)),
        "UF_CRM_MOLVA_NPS_DATE": "2026-01-12T03:00:00+03:00",
        "UF_CRM_MOLVA_NPS_COMMENT": comment,
        "UF_CRM_MOLVA_NPS_WAVE": "2026",
        "UF_CRM_MOLVA_NPS_CHANNEL": int(item(kind, "UF_CRM_MOLVA_NPS_CHANNEL", "email")),
    }


def done_up_to_now(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        for row in session.query(OutboxRow):
            row.status, row.finished_at = "done", world.clock.now()


def test_an_answer_goes_to_deals_company_and_contact_in_each_cards_own_ids(
    world: World, clock: HandClock
) -> None:
    world.human(6, "Slow replies")
    for lane in ("deal:351", "deal:352", "company:12", "contact:7"):
        kind = lane.partition(":")[0]
        assert world.written(lane) == [
            {
                "UF_CRM_MOLVA_NPS_SCORE": 6,
                "UF_CRM_MOLVA_NPS_GROUP": item(kind, "UF_CRM_MOLVA_NPS_GROUP", "detractor"),
                "UF_CRM_MOLVA_NPS_DATE": "2026-01-12",
                "UF_CRM_MOLVA_NPS_COMMENT": "Slow replies",
                "UF_CRM_MOLVA_NPS_WAVE": "2026",
                "UF_CRM_MOLVA_NPS_CHANNEL": item(kind, "UF_CRM_MOLVA_NPS_CHANNEL", "email"),
            }
        ]
    assert {row.key for row in world.outbox("score")} >= {"response:1:r1:deal:351:score"}
    assert len(world.outbox("score")) == 4


def test_the_date_is_the_portals_day(world: World, clock: HandClock) -> None:
    clock.advance(hours=15, minutes=30)  # 21:30 UTC is 00:30 of the next day in Moscow
    world.human(9)
    assert world.written("deal:351")[0]["UF_CRM_MOLVA_NPS_DATE"] == "2026-01-13"


def test_a_client_without_a_company_gets_everything_on_deal_and_contact(
    sessions: Sessions, clock: HandClock
) -> None:
    world = make_world(sessions, clock, client_kind="contact")
    world.human(9, "Fine")
    assert sorted(row.lane for row in world.outbox("score")) == ["contact:7", "deal:351", "deal:352"]
    assert sorted(row.lane for row in world.outbox("comment")) == ["contact:7", "deal:351"]


def test_the_account_rule_stands_on_deal_and_company_and_the_own_answer_on_the_contact(
    sessions: Sessions, clock: HandClock
) -> None:
    world = make_world(sessions, clock, people=((7, "decides"), (8, "daily")))
    world.human(9, "Fine", token=world.tokens[7])
    done_up_to_now(world)
    world.human(2, "Bad", token=world.tokens[8])
    assert world.written("contact:8")[-1]["UF_CRM_MOLVA_NPS_SCORE"] == 2
    assert len(world.written("contact:7")) == 1
    company = world.written("company:12")
    assert company[0]["UF_CRM_MOLVA_NPS_SCORE"] == 9
    assert company[1]["UF_CRM_MOLVA_NPS_SCORE"] == 9  # the decision maker's
    assert company[1]["UF_CRM_MOLVA_NPS_COMMENT"] == "Fine\n(2 people answered)"


def test_deals_deleted_since_the_list_was_frozen_are_left_alone(world: World, clock: HandClock) -> None:
    world.set(Deal, (world.portal.id, 352), deleted_at=clock.now())
    world.human(9)
    assert sorted(row.lane for row in world.outbox("score")) == ["company:12", "contact:7", "deal:351"]


def test_a_correction_writes_only_what_changed(world: World, clock: HandClock) -> None:
    world.human(9, "Fine")
    done_up_to_now(world)
    world.set(Deal, (world.portal.id, 351), scores=shown("deal", 9, "promoter", "Fine"))
    world.set(
        Company, (world.portal.id, 12), scores=shown("company", 5, "detractor", "Fine")
    )  # edited by hand
    clock.advance(hours=1)
    world.human(10, "Fine")
    assert world.written("deal:351")[-1] == {"UF_CRM_MOLVA_NPS_SCORE": 10}
    assert set(world.written("company:12")[-1]) == {"UF_CRM_MOLVA_NPS_SCORE", "UF_CRM_MOLVA_NPS_GROUP"}


def test_a_write_on_its_way_is_not_mistaken_for_what_the_mirror_shows(world: World) -> None:
    """9 is on the card, 3 is on its way, then 9 again: the 9 must be written, or the card ends with 3."""
    world.set(Deal, (world.portal.id, 351), scores=shown("deal", 9, "promoter"))
    world.human(9)
    assert world.written("deal:351") == []
    world.human(3)
    world.human(9)
    assert [fields["UF_CRM_MOLVA_NPS_SCORE"] for fields in world.written("deal:351")] == [3, 9]


def test_a_score_of_zero_is_written(world: World) -> None:
    world.human(0)
    assert world.written("deal:351")[0]["UF_CRM_MOLVA_NPS_SCORE"] == 0


def test_performing_the_same_cause_twice_queues_nothing_more(world: World) -> None:
    world.human(4, "Slow")
    before = [(row.key, row.call) for row in world.all_outbox()]
    intent = WriteScore(CardKey("deal", 351), 1, "detractor", date(2026, 1, 1), "other", "2026", "email")
    with transaction(world.deps.sessions) as session:
        portal = session.get_one(Portal, world.portal.id)
        for _ in range(2):
            perform(world.deps, session, portal, [intent], Cause("response", 1, 1))
    assert [(row.key, row.call) for row in world.all_outbox()] == before


def test_intents_of_other_parts_are_refused_loudly(world: World) -> None:
    with transaction(world.deps.sessions) as session, pytest.raises(TypeError, match="CloseWave"):
        perform(world.deps, session, world.portal, [CloseWave(1, date(2026, 1, 1))], Cause("wave", 1))


def test_writes_to_missing_fields_are_buried_in_sight_and_go_after_the_repair(
    world: World, clock: HandClock
) -> None:
    fields = field_map()
    deal = dict(fields["deal"])
    group = deal.pop("UF_CRM_MOLVA_NPS_GROUP")
    deal["UF_CRM_MOLVA_NPS_CHANNEL"] = {"items": {}}
    world.set(Portal, world.portal.id, fields=fields | {"deal": deal})
    world.human(9, "Fine")
    row = next(r for r in world.outbox("score") if r.lane == "deal:351")
    assert (row.status, row.error) == (
        "buried", "fields_missing: UF_CRM_MOLVA_NPS_GROUP, UF_CRM_MOLVA_NPS_CHANNEL=email",
    )  # fmt: skip
    assert next(r for r in world.outbox("score") if r.lane == "company:12").status == "waiting"

    def repair() -> int:
        with transaction(world.deps.sessions) as session:
            return repair_fields(session, session.get_one(Portal, world.portal.id), clock.now())

    assert repair() == 0
    world.set(Portal, world.portal.id, fields=field_map())
    assert repair() == 2
    row = next(r for r in world.outbox("score") if r.lane == "deal:351")
    assert (row.status, row.error) == ("waiting", "")
    assert world.written("deal:351")[0]["UF_CRM_MOLVA_NPS_GROUP"] == group["items"]["promoter"]
    assert repair() == 0


def test_comments_carry_score_words_person_and_channel_in_the_portals_language(
    sessions: Sessions, clock: HandClock
) -> None:
    world = make_world(sessions, clock, language="en")
    world.human(10, "[B]Great[/B] [URL=http://evil.example]x[/URL]")
    calls = [Call.from_json(row.call) for row in world.outbox("comment")]
    assert [call.params["fields"]["ENTITY_TYPE"] for call in calls] == ["deal", "company"]
    words = calls[0].params["fields"]["COMMENT"]
    assert "Survey 2026: 10 of 10, promoter" in words
    assert "Person7 Example (decides), by e-mail" in words
    assert "[URL=" not in words.replace("[\u200b", "")
    assert words.endswith("\n(Molva 2026, № 1.1)")
    assert calls[0].probe is not None
    assert not calls[0].repeat


def test_a_correction_says_what_it_was_before(world: World, clock: HandClock) -> None:
    world.human(9)
    clock.advance(hours=1)
    world.human(7)
    words = [Call.from_json(row.call).params["fields"]["COMMENT"] for row in world.outbox("comment")]
    assert "corrected from 9 to 7 of 10, passive" in words[-1]


def test_a_failing_step_leaves_no_answer_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("database gone")

    monkeypatch.setattr(calls_queue, "put_once", broken)
    with pytest.raises(RuntimeError):
        world.human(9)
    assert world.response() is None
    assert world.invitation().outcome == ""
    assert survey.page(world.deps, world.token).status == "open"
