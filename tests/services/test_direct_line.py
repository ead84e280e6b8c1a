"""The direct line: past the manager to the head, once, only for people, and nobody else is told (product.md S5, S1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from integration.bitrix.call import Call
from integration.services import card_links, direct_cases, direct_line, privacy, survey
from integration.services.frames import Viewer
from integration.store.base import Sessions, make_sessions
from integration.store.clients import Company
from integration.store.direct_lines import DirectLink, DirectMessage
from integration.store.followups import FollowUp
from integration.store.outbox import OutboxRow
from integration.store.portals import Staff
from integration.store.waves import Wave
from tests.conftest import HandClock
from tests.services.said_world import asked, direct_token, msk, writes
from tests.services.survey_world import BROWSER, TOUCH
from tests.services.test_survey_scanners import SCANNER
from tests.services.wave_world import DIRECTOR, HEAD, MANAGER, World, make_world

WORDS = "Отчётов нет два месяца.\nПозвоните мне."


@pytest.fixture
def world(one_engine: Engine, clock: HandClock) -> World:
    return asked(make_world(make_sessions(one_engine), clock))


def token(world: World, client: int = 2) -> str:
    """As it stands in the foot of the announcement to the client's first person."""
    row = next(row for row in world.letters() if row.recipient_address == f"p{client}00@client.example.com")
    return direct_token(world, row.body_text)


def follow_ups(world: World) -> list[FollowUp]:
    return [row for row in world.rows(FollowUp) if row.kind == "direct_line"]


def head(world: World, user: int = HEAD) -> Viewer:
    return Viewer(
        portal_id=world.portal_id, user_id=user, administrator=user == HEAD, language="ru",
        origin="https://portal.example", proved_at=world.clock.now(),
    )  # fmt: skip


def test_a_message_becomes_a_task_of_somebody_else_than_the_manager_once(
    sessions: Sessions, clock: HandClock
) -> None:
    """From the foot of the letters to the task; also after the wave is over, and whoever presses twice."""
    world = asked(make_world(sessions, clock))
    one = token(world)
    letters = [row for row in world.letters() if row.recipient_address.startswith("p20")]
    assert {direct_token(world, row.body_text) for row in letters} == {one}  # one link for the client
    assert all(f"https://molva.example/d/{one}" in row.body_html for row in letters)
    assert token(world, 3) != one
    assert survey.page(world.deps, world.invitations()[200].token).direct == one
    world.set(Wave, world.wave().id, stage="closed", closed_at=world.clock.now() - timedelta(days=60))
    shown = direct_line.page(world.deps, one)
    assert (shown.status, shown.reader, shown.position) == ("open", "Пётр Сом", "директор")
    assert survey.page(world.deps, world.invitations()[200].token).direct == one  # the survey is over
    assert writes(world, one, WORDS, person="Анна", back="+7 900").status == "done"
    assert writes(world, one, WORDS, person="Анна", back="+7 900").status == "done"
    (row,) = follow_ups(world)
    assert (row.owner_id, row.observers, row.client_kind, row.client_id) == (DIRECTOR, [HEAD], "company", 2)
    assert row.deadline.astimezone(msk(3, 1).tzinfo).date() == msk(3, 4).date()
    (queued,) = [one for one in world.rows(OutboxRow) if one.purpose == "task"]
    fields = Call.from_json(queued.call).params["fields"]
    assert fields["RESPONSIBLE_ID"] == DIRECTOR
    assert MANAGER not in (fields["RESPONSIBLE_ID"], *fields["AUDITORS"])
    assert "Отчётов нет два месяца." in fields["DESCRIPTION"]
    assert "Анна" in fields["DESCRIPTION"]
    assert "+7 900" in fields["DESCRIPTION"]
    assert not [one for one in world.rows(OutboxRow) if one.purpose == "comment"]
    (message,) = world.rows(DirectMessage)
    assert (message.status, message.follow_up_id) == ("new", row.id)


def test_what_no_person_proved_starts_nothing_until_it_is_confirmed(world: World) -> None:
    """No script, a scanner, a replay: held; the ticked box, the script or staff let it through; once."""
    one, deps = token(world), world.deps
    held = direct_line.say(deps, one, {"words": WORDS}, user_agent=BROWSER)
    scanned = direct_line.say(deps, one, {"words": "ответ робота"}, user_agent=SCANNER)
    assert (held.status, scanned.status) == ("needs_confirmation", "needs_confirmation")
    assert follow_ups(world) == []
    assert [row.held_reason for row in world.rows(DirectMessage)] == ["no_script", "scanner"]
    again = direct_line.say(deps, one, {"words": WORDS}, proof=held.confirm, user_agent=BROWSER)
    assert again.status == "needs_confirmation"  # posted as served, nobody ticked the box
    world.clock.advance(seconds=10)
    sure = direct_line.say(deps, one, {"words": WORDS}, proof=again.confirm, sure=True, user_agent=BROWSER)
    assert sure.status == "done"
    assert len(follow_ups(world)) == 1
    replay = direct_line.say(
        deps, one, {"words": "ещё раз"}, proof=again.confirm, sure=True, user_agent=BROWSER
    )
    assert replay.status == "needs_confirmation"
    nonce = direct_line.page(deps, one).nonce
    assert direct_line.prove(deps, token(world, 3), nonce, TOUCH, user_agent=BROWSER) is None
    assert direct_line.prove(deps, one, nonce, TOUCH | {"trusted": "false"}, user_agent=BROWSER) is None
    waiting = direct_cases.page(deps, head(world)).waiting
    assert [(row.words, row.held, row.client_name) for row in waiting] == [
        ("ответ робота", True, "Клиент 2"), ("ещё раз", True, "Клиент 2"),
    ]  # fmt: skip
    assert direct_cases.settle(deps, head(world), waiting[0].id, "drop") == "done"
    assert direct_cases.settle(deps, head(world), waiting[1].id, "release") == "done"
    assert direct_cases.settle(deps, head(world), waiting[1].id, "release") == "done"
    assert direct_cases.settle(deps, head(world), waiting[1].id, "drop") == "unknown"
    assert len(follow_ups(world)) == 2
    after = direct_cases.page(deps, head(world))
    assert (after.waiting, [row.words for row in after.dropped]) == ((), ["ответ робота"])
    assert direct_cases.settle(deps, head(world), waiting[0].id, "restore") == "done"
    assert len(direct_cases.page(deps, head(world)).waiting) == 1
    for user in (DIRECTOR, MANAGER):
        with pytest.raises(PermissionError):
            direct_cases.page(deps, head(world, user))


def test_a_link_takes_so_much_a_day_and_so_long_a_message(world: World) -> None:
    one = token(world)
    for words, code in (("", "empty"), ("  \n", "empty"), ("ы" * 4001, "too_long")):
        assert writes(world, one, words).problems == (("words", code),)
    assert dict(writes(world, one, "да", person="ы" * 201, back="ы" * 201).problems) == {
        "person": "too_long", "back": "too_long",
    }  # fmt: skip
    for number in range(direct_line.MOST_A_DAY):
        assert writes(world, one, f"{number}" + "ы" * 3990).status == "done"
    assert writes(world, one, "ещё").status == "too_many"
    assert writes(world, token(world, 3), "другой клиент").status == "done"
    held = direct_line.say(world.deps, one, {"words": "робот"}, user_agent=SCANNER)
    assert held.status == "needs_confirmation"  # machines have a measure of their own
    world.clock.advance(days=1, hours=1)
    assert writes(world, one, "завтра").status == "done"


def test_whoever_serves_the_client_owns_nothing_and_reads_nothing(world: World) -> None:
    """The manager of the list and today's, also as head of department; where the head serves, the head answers."""
    world.set(Company, (world.portal_id, 2), assigned_by=DIRECTOR)
    assert writes(world, token(world), WORDS).status == "done"
    (row,) = follow_ups(world)
    assert row.owner_id == HEAD
    world.set(Company, (world.portal_id, 3), assigned_by=HEAD)
    assert writes(world, token(world, 3), WORDS).status == "done"
    assert follow_ups(world)[1].owner_id == DIRECTOR
    for user in (DIRECTOR, HEAD):
        world.set(Staff, (world.portal_id, user), active=False)
    assert writes(world, token(world), "никого нет").status == "done"
    assert len(follow_ups(world)) == 2
    (waits,) = direct_cases.page(world.deps, head(world)).waiting
    assert (waits.words, waits.held) == ("никого нет", False)
    assert direct_cases.settle(world.deps, head(world), waits.id, "release") == "nobody"
    world.set(Staff, (world.portal_id, HEAD), active=True)
    assert direct_cases.settle(world.deps, head(world), waits.id, "release") == "done"


def test_the_line_ends_when_it_is_revoked_switched_off_or_the_portal_has_gone(world: World) -> None:
    one = token(world)
    world.policy(direct_line=False)
    assert direct_line.page(world.deps, one).status == "off"
    assert writes(world, one, WORDS).status == "closed"
    assert survey.page(world.deps, world.invitations()[200].token).direct == ""
    world.until(msk(3, 10))
    late = [row for row in world.letters() if row.kind == "reminder"]
    assert late
    assert not any("/d/" in row.body_text + row.body_html for row in late)
    world.policy(direct_line=True)
    client = direct_cases.ClientKey("company", 2)
    assert card_links.renew_direct(world.deps, world.portal_id, client, "Пётр Сом (1)") == "done"
    assert direct_line.page(world.deps, one).status == "revoked"
    assert writes(world, one, WORDS).status == "closed"
    old, new = (row for row in world.rows(DirectLink) if row.client_id == 2)
    assert (old.token, old.revoked_by) == (one, "Пётр Сом (1)")
    assert direct_line.page(world.deps, new.token).status == "open"
    assert direct_line.page(world.deps, "sample").status == "unknown"
    assert direct_line.page(world.deps, "\x00ä").status == "unknown"


def test_what_was_written_is_given_out_and_forgotten_with_the_person(world: World) -> None:
    one = token(world)
    writes(world, one, WORDS, person="Анна Коваль-200", back="P200@client.example.com")
    writes(world, one, "от другого", person="Борис")
    given = privacy.export(world.deps, world.portal_id, 200)
    assert given is not None
    assert [row["words"] for row in given["direct_messages"]] == [WORDS]
    privacy.erase(world.deps, world.portal_id, 200, HEAD)
    assert [row.words for row in world.rows(DirectMessage)] == ["", "от другого"]
    facts: list[dict[str, Any]] = [row.facts for row in follow_ups(world)]
    assert "comment" not in facts[0]
    assert facts[1]["comment"] == "от другого"
    world.clock.advance(days=366 * 4)
    privacy.forget_old(world.deps, world.portal_id)
    assert [(row.words, row.person) for row in world.rows(DirectMessage)] == [("", ""), ("", "")]
