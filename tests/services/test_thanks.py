"""Thanks for an answer: one letter to a person, in the words of the answer that stands (product.md F1, S3, W2)."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import Engine

from integration.mail.outgoing import MailRefused
from integration.nps.people import ClientKey
from integration.services import corrections, letters, optouts, survey
from integration.store.base import Sessions, make_sessions
from integration.store.clients import Company
from integration.store.letters import LetterRow
from integration.store.waves import Invitation
from tests.conftest import HandClock
from tests.services.said_world import asked, msk, says
from tests.services.survey_world import BROWSER
from tests.services.wave_world import DIRECTOR, MANAGER, World, make_world

CLIENT = ClientKey("company", 2)


@pytest.fixture
def world(one_engine: Engine, clock: HandClock) -> World:
    return asked(make_world(make_sessions(one_engine), clock))


def thanks(world: World) -> list[LetterRow]:
    return [row for row in world.letters() if row.kind.startswith("thanks")]


def living(world: World) -> list[tuple[str, str]]:
    return [(row.recipient_address, row.kind) for row in thanks(world) if row.status != "cancelled"]


def when(row: LetterRow) -> datetime:
    assert row.handed_at is not None
    return row.handed_at


def test_whoever_answers_is_thanked_once_in_the_words_of_the_answer_that_stands(
    sessions: Sessions, clock: HandClock
) -> None:
    """Three people of one client and one of another, through everything that can happen to an answer."""
    world = asked(make_world(sessions, clock))
    says(world, 200, 10, "всё хорошо", language="uk")
    says(world, 201, 9)
    says(world, 202, 3)
    first = thanks(world)
    assert [(row.kind, row.language, row.status) for row in first] == [
        ("thanks_promoter", "uk", "waiting"), ("thanks_promoter", "ru", "waiting"),
        ("thanks_detractor", "ru", "waiting"),
    ]  # fmt: skip
    # the question left on 2 March: three days later at the earliest, in hours
    assert {row.due_at.astimezone(msk(3, 1).tzinfo).date() for row in first} == {msk(3, 5).date()}
    says(world, 201, 2)  # another group: the letter is another one
    says(world, 202, 4)  # the same group: it stays
    says(world, 200, 10, "всё хорошо", language="ru")  # the same answer once more changes nothing
    assert living(world) == [
        ("p200@client.example.com", "thanks_promoter"), ("p202@client.example.com", "thanks_detractor"),
        ("p201@client.example.com", "thanks_detractor"),
    ]  # fmt: skip
    world.until(msk(3, 6))
    gone = [row for row in thanks(world) if row.status == "done"]
    assert {when(row).astimezone(msk(3, 1).tzinfo).date() for row in gone} == {msk(3, 5).date()}
    assert {row.sender_key for row in gone} == {"branch"}
    says(world, 201, 10)  # it has left: there is no second one
    world.until(msk(3, 30))
    assert len([row for row in world.post.sent if row.subject.startswith(("Спасибо", "Дякую"))]) == 3
    assert not any("score=" in row.body_html for row in gone)


def test_a_call_is_thanked_for_by_the_head_and_a_talk_like_any_answer(world: World) -> None:
    for contact, channel in ((200, "phone"), (201, "in_person")):
        number = world.invitations()[contact].id
        corrections.record(
            world.deps, world.portal_id, CLIENT, number, {"score": "9", "comment": ""}, channel=channel,  # type: ignore[arg-type]
            who="Ольга Лис (5)",
        )  # fmt: skip
    assert [(row.kind, row.sender_key) for row in thanks(world)] == [
        ("thanks_phone", "head"), ("thanks_promoter", "branch"),
    ]  # fmt: skip


def test_nobody_is_thanked_who_should_not_be(world: World) -> None:
    """Held answers, a mailbox that many read, people who said never, dead addresses, and when it is switched off."""
    token = world.invitations()[200].token
    survey.answer(world.deps, token, {"score": "9", "comment": ""}, user_agent=BROWSER)
    assert thanks(world) == []
    world.set(Invitation, world.invitations()[201].id, shared=True)
    says(world, 201, 9)
    assert thanks(world) == []
    world.policy(thanks_letters=False)
    says(world, 202, 9)
    assert thanks(world) == []
    world.policy(thanks_letters=True)
    says(world, 300, 9)
    assert len(thanks(world)) == 1
    optouts.opt_out(world.deps, world.invitations()[300].token, one_click=True)
    assert [row.status for row in thanks(world)] == ["cancelled"]
    corrections.confirm(
        world.deps, world.portal_id, CLIENT, 1, seen=1, who="Ольга Лис (5)"
    )  # the held one counts now
    assert living(world) == [("p200@client.example.com", "thanks_promoter")]


def test_what_waits_is_looked_at_once_more_before_it_leaves(world: World) -> None:
    """Switched off, a contact that is gone, a signer who serves the client by now."""
    says(world, 200, 9)
    says(world, 300, 9)
    world.set(Company, (world.portal_id, 2), assigned_by=DIRECTOR)
    world.until(msk(3, 6))
    mine = [row for row in thanks(world) if row.recipient_address == "p200@client.example.com"]
    assert [(row.status, row.error, row.sender_key) for row in mine] == [
        ("cancelled", "sender_serves_client", "branch"), ("done", "", "head"),
    ]  # fmt: skip
    world.set(Company, (world.portal_id, 2), assigned_by=MANAGER)
    says(world, 201, 9)
    world.policy(thanks_letters=False)
    world.until(msk(3, 10))
    assert [row.error for row in thanks(world) if row.recipient_address == "p201@client.example.com"] == [
        "thanks_off"
    ]


def test_a_correction_while_a_worker_holds_the_letter_wins_or_comes_too_late(world: World) -> None:
    """A letter that is claimed but not handed over is replaced; the worker then finds its lease gone."""
    says(world, 200, 9)
    world.clock.moment = msk(3, 5, 10)

    (row,) = thanks(world)
    world.set(LetterRow, row.id, status="working", owner="w2", lease_until=msk(3, 5, 11), attempts=1)
    says(world, 200, 1)
    assert [(one.kind, one.status) for one in thanks(world)] == [
        ("thanks_promoter", "cancelled"), ("thanks_detractor", "waiting"),
    ]  # fmt: skip
    world.set(LetterRow, thanks(world)[1].id, handed_at=msk(3, 5, 10), status="working")
    says(world, 200, 10)
    assert [one.status for one in thanks(world)] == ["cancelled", "working"]


def test_a_refused_address_gets_no_thanks_and_a_killed_process_loses_none(world: World) -> None:
    says(world, 200, 9)
    world.clock.moment = msk(3, 5, 10)
    world.post.answers = [MailRefused("550", recipient=True)]
    letters.drain(world.deps)
    assert [row.status for row in thanks(world)] == ["buried"]
    says(world, 200, 1)  # the group changes, but nobody is there
    assert [row.status for row in thanks(world)] == ["buried"]
