"""An answer all the way into a portal: cards, comments, task and checklist stand there once (product.md B, F, R)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from integration.adapters import KeySigner
from integration.services import followup_tasks, optouts, survey, wave_result
from integration.store.base import Sessions, transaction
from integration.store.clients import Deal
from integration.store.followups import FollowUp
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.responses import Response, ResponseRevision
from integration.store.waves import Invitation, Wave, WaveClient
from tests.services.portal_world import World
from tests.services.ready_world import ready_world
from tests.services.survey_world import BROWSER, TOUCH

PREFIX = "UF_CRM_MOLVA_"


@pytest.fixture
def live(sessions: Sessions) -> Iterator[World]:
    """A portal with Molva installed, and a wave that asks contacts 1 and 3 of company 1 about deal 2."""
    with ready_world(sessions) as found:
        found.deps = replace(found.deps, signer=KeySigner(("a-test-key",)))
        with transaction(sessions) as session:
            wave = Wave(
                portal_id=found.portal_id, name="2026", stage="mailing", policy_version=0, plan={},
                planned_at=found.clock.now(),
            )  # fmt: skip
            session.add(wave)
            session.flush()
            client = WaveClient(
                portal_id=found.portal_id, wave_id=wave.id, client_kind="company", client_id=1, name="Vega",
                eligible=True, deal_id=2,
            )  # fmt: skip
            session.add(client)
            session.flush()
            for contact, name, role in ((1, "Ira Sokol", "decides"), (3, "Eva Ray", "daily")):
                session.add(
                    Invitation(portal_id=found.portal_id, wave_id=wave.id, wave_client_id=client.id, name=name,
                               contact_id=contact, role=role, address=f"{contact}@example.com",
                               token=f"token-{contact}")
                )  # fmt: skip
        yield found


def say(live: World, contact: int, score: int, comment: str) -> None:
    token = f"token-{contact}"
    page = survey.page(live.deps, token)
    live.clock.advance(5)
    proof = survey.prove(live.deps, token, page.nonce, TOUCH, user_agent=BROWSER) or ""
    form = {"score": str(score), "comment": comment}
    assert survey.answer(live.deps, token, form, proof=proof, user_agent=BROWSER).status == "counted"


def card(live: World, kind: int, number: int) -> dict[str, Any]:
    found = live.act(1, "crm.item.get", entityTypeId=kind, id=number, useOriginalUfNames="Y")["item"]
    return {code.removeprefix(PREFIX): value for code, value in found.items() if code.startswith(PREFIX)}


def comments(live: World, kind: str, number: int) -> list[str]:
    rows = live.act(1, "crm.timeline.comment.list", filter={"ENTITY_TYPE": kind, "ENTITY_ID": number})
    return [row["COMMENT"] for row in rows]


def tasks(live: World) -> list[dict[str, Any]]:
    chosen = ["ID", "TITLE", "RESPONSIBLE_ID", "UF_CRM_TASK", "XML_ID", "STATUS", "DEADLINE", "TAGS"]
    return list(live.act(1, "tasks.task.list", filter={}, select=chosen)["tasks"])


def test_an_answer_stands_on_cards_timeline_and_task_once(live: World) -> None:
    say(live, 1, 3, "Slow [B]replies[/B]")
    live.settle()
    group = live.row().fields["deal"][PREFIX + "NPS_GROUP"]["items"]["detractor"]
    deal, company, contact = card(live, 2, 2), card(live, 4, 1), card(live, 3, 1)
    assert str(deal["NPS_GROUP"]) == str(group)
    for shown in (deal, company, contact):
        assert (shown["NPS_SCORE"], shown["NPS_COMMENT"], shown["NPS_WAVE"]) == (
            3,
            "Slow [B]replies[/B]",
            "2026",
        )
        assert shown["NPS_DATE"]
        assert shown["NPS_CHANNEL"]
    assert live.get(Deal, 2).scores[PREFIX + "NPS_SCORE"] == 3
    (task,) = tasks(live)
    assert set(task["ufCrmTask"]) == {"CO_1", "D_2", "C_1"}
    assert task["xmlId"] == "molva:2026:response:1:detractor_meeting"
    for kind, number in (("deal", 2), ("company", 1)):
        (words,) = comments(live, kind, number)
        assert "Slow [\u200bB]replies" in words
        assert f"/tasks/task/view/{task['id']}/" in words
    items = live.act(1, "task.checklistitem.getlist", TASKID=int(task["id"]))
    root = next(item for item in items if int(item["PARENT_ID"] or 0) == 0)
    assert [int(item["PARENT_ID"]) for item in items if item is not root] == [int(root["ID"])] * 4
    assert all(row.status == "done" for row in live.all(OutboxRow))


def test_events_of_our_own_writes_cause_no_write(live: World) -> None:
    say(live, 1, 9, "Fine")
    live.settle()
    with transaction(live.deps.sessions) as session:
        before = session.scalar(select(func.count()).select_from(OutboxRow))
    live.settle()
    with transaction(live.deps.sessions) as session:
        assert session.scalar(select(func.count()).select_from(OutboxRow)) == before
    assert len(comments(live, "deal", 2)) == 1


def test_a_second_respondent_and_a_correction_reach_the_cards(live: World) -> None:
    say(live, 1, 9, "Fine")
    live.settle()
    say(live, 3, 2, "Bad")
    live.settle()
    assert card(live, 4, 1)["NPS_SCORE"] == 9  # the decision maker's
    assert card(live, 3, 3)["NPS_SCORE"] == 2
    say(live, 1, 10, "Fine")
    live.settle()
    assert card(live, 2, 2)["NPS_SCORE"] == 10
    assert len(tasks(live)) == 3  # thanks, a meeting, and the disagreement between the two


def test_a_correction_goes_to_cards_timeline_task_and_numbers(live: World) -> None:
    """By the client, then by staff with a reason, each into another group; what somebody types on a card counts
    nowhere and stands there until it is put right (product.md S3, B2)."""

    def tasks_now() -> set[tuple[str, str]]:
        return {(task["title"], task["status"]) for task in tasks(live)}

    def groups() -> tuple[int, int, int]:
        with transaction(live.deps.sessions) as session:
            [wave] = session.scalars(select(Wave))
            kept = wave_result.numbers(session, session.get_one(Portal, live.portal_id), wave)["clients"]
            return kept["detractors"], kept["passives"], kept["promoters"]

    say(live, 1, 3, "Slow")
    live.settle()
    assert (tasks_now(), groups()) == ({("Встретиться: Vega, оценка 3 из 10", "2")}, (1, 0, 0))
    say(live, 1, 9, "Fine after all")
    live.settle()
    called_off = ("Больше не нужно: Встретиться: Vega, оценка 3 из 10", "6")
    assert (tasks_now(), groups()) == ({called_off, ("Поблагодарить: Vega, оценка 9 из 10", "2")}, (0, 0, 1))
    assert (
        card(live, 4, 1)["NPS_SCORE"] == card(live, 2, 2)["NPS_SCORE"] == card(live, 3, 1)["NPS_SCORE"] == 9
    )
    [said] = live.all(Response)
    assert survey.correct(
        live.deps,
        live.portal_id,
        said.id,
        score=5,
        comment="Fine",
        author="Ada Head (1)",
        reason="meant five",
    )
    live.settle()
    thanks_off = ("Больше не нужно: Поблагодарить: Vega, оценка 9 из 10", "6")
    assert (tasks_now(), groups()) == ({("Встретиться: Vega, оценка 5 из 10", "2"), thanks_off}, (1, 0, 0))
    assert (card(live, 4, 1)["NPS_SCORE"], card(live, 4, 1)["NPS_COMMENT"]) == (5, "Fine")
    last = max(comments(live, "company", 1), key=lambda words: "meant five" in words)
    assert "meant five" in last
    assert len(comments(live, "deal", 2)) == 3
    versions = [(row.score, row.author, row.reason) for row in live.all(ResponseRevision)]
    assert versions == [(3, "client", ""), (9, "client", ""), (5, "Ada Head (1)", "meant five")]
    live.act(
        6, "crm.item.update", entityTypeId=4, id=1, fields={PREFIX + "NPS_SCORE": 10}, useOriginalUfNames="Y"
    )
    live.settle()
    assert (card(live, 4, 1)["NPS_SCORE"], groups()) == (10, (1, 0, 0))


def test_a_task_finished_in_the_portal_is_known_and_not_closed(live: World) -> None:
    say(live, 1, 8, "Nice")
    live.settle()
    (task,) = tasks(live)
    live.act(1, "ui.task.result", taskId=int(task["id"]), text="called")
    live.act(1, "tasks.task.complete", taskId=int(task["id"]))
    live.settle()
    with transaction(live.deps.sessions) as session:
        (row,) = session.scalars(select(FollowUp)).all()
        assert (row.status, row.task_status) == ("task_done", followup_tasks.DONE)


def test_never_again_reaches_the_contacts_card(live: World) -> None:
    optouts.opt_out(live.deps, "token-1", one_click=True)
    live.settle()
    assert card(live, 3, 1)["OPT_OUT"] in ("Y", True, "1", 1)


def test_a_referral_entered_on_a_lead_travels_with_its_conversion(live: World) -> None:
    source = live.row().fields["lead"][PREFIX + "REFERRAL_SOURCE"]["items"]["client"]
    fields = {PREFIX + "REFERRAL_SOURCE": source, PREFIX + "REFERRER": "CO_1"}
    live.act(1, "crm.item.update", entityTypeId=1, id=1, fields=fields, useOriginalUfNames="Y")
    live.settle()
    made = live.act(1, "ui.lead.convert", id=1)
    live.settle()
    ids = {row.lane for row in live.all(OutboxRow) if row.purpose == "referral"}
    assert {"lead:1", f"deal:{made['dealId']}"} <= ids
    converted = [deal for deal in live.all(Deal) if deal.lead_id == 1]
    assert len(converted) == 1
    shown = card(live, 2, converted[0].id)
    wanted = live.row().fields["deal"][PREFIX + "REFERRAL_SOURCE"]["items"]["client"]
    assert str(shown["REFERRAL_SOURCE"]) == str(wanted)
    assert shown["REFERRER"] in ("CO_1", ["CO_1"])
    assert shown["REFERRAL_DATE"]
