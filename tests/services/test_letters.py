"""Letters leave once, at the right hour, in order, and nobody wonders what became of one (architecture.md 3)."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from integration.mail.outgoing import MailLater, MailRefused, MailUnknown
from integration.mail.smtp import SmtpMailer, SmtpServer
from integration.services import letters, optouts, waves
from integration.services.deps import Deps, OutgoingLetter
from integration.store import letters as rows
from integration.store.base import Sessions, transaction
from integration.store.clients import Company
from integration.store.letters import LetterRow
from integration.store.waves import Invitation
from tests.conftest import HandClock
from tests.mail import test_smtp as smtp
from tests.mail.servers import PATIENCE, MailServer
from tests.services.wave_world import World, make_world

MOSCOW = ZoneInfo("Europe/Moscow")


def msk(month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=MOSCOW)


class Killed(BaseException):
    """The process is gone; nothing after this line ran."""


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


@pytest.fixture
def waiting(world: World) -> World:
    """Two announcements queued, none sent yet."""
    world.client(2)
    world.client(3)
    world.approved()
    world.clock.moment = msk(2, 16, 10)
    world.post.ready = False
    world.tick()
    world.post.ready = True
    assert [row.status for row in world.letters()] == ["waiting", "waiting"]
    return world


def test_a_stored_letter_is_finished_text_with_every_header_a_client_may_need(world: World) -> None:
    world.client(2)
    world.approved()
    world.until(msk(3, 7))
    first, invitation, reminder = world.letters()
    token = world.invitations()[200].token
    for row in (first, invitation, reminder):
        assert row.headers["List-Unsubscribe"] == f"<https://molva.example/u/{token}>"
        assert row.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert row.headers["Auto-Submitted"] == "auto-generated"
        assert row.headers["Reply-To"] == row.sender_address
        assert row.headers["Content-Language"] == "ru"
        assert re.fullmatch(r"<[\w-]{20,}@agency\.example\.com>", row.message_id)
        assert "Иван Петров" in row.body_text
        assert "«Сопровождение»" in row.body_text
    assert "In-Reply-To" not in first.headers
    assert invitation.headers["In-Reply-To"] == first.message_id
    assert reminder.headers["References"] == f"{first.message_id} {invitation.message_id}"
    assert f"https://molva.example/s/{token}?score=10" in invitation.body_html
    assert "score=" not in first.body_html
    assert (first.sender_name, first.recipient_name) == ("Пётр Сом", "Анна Коваль-200")


def test_the_language_of_the_card_decides(world: World) -> None:
    world.client(2)
    world.approved()
    world.set(Invitation, world.invitations()[200].id, language="uk")
    world.until(msk(2, 17))
    assert "поставимо вам одне запитання" in world.letters()[0].subject


def test_letters_reach_a_real_mail_server(waiting: World) -> None:
    post = smtp.Post()
    controller = MailServer(post)
    controller.start()
    try:
        deps = with_mailer(
            waiting, SmtpMailer(SmtpServer.parse(f"smtp://127.0.0.1:{controller.port}"), timeout=PATIENCE)
        )
        assert letters.drain(deps)
        assert not letters.drain(deps)
    finally:
        controller.stop()
    assert sorted(e.rcpt_tos[0] for e in post.taken) == ["p200@client.example.com", "p300@client.example.com"]
    assert post.connections == 1
    assert [row.status for row in waiting.letters()] == ["done", "done"]
    assert all(row.sent_at == row.handed_at == msk(2, 16, 10) for row in waiting.letters())


def with_mailer(world: World, mailer: SmtpMailer) -> Deps:
    from dataclasses import replace

    return replace(world.deps, mailer=mailer)


def test_without_a_mail_server_letters_wait(waiting: World) -> None:
    waiting.post.ready = False
    assert not letters.drain(waiting.deps)
    assert {row.status for row in waiting.letters()} == {"waiting"}


def test_a_temporary_refusal_is_tried_again_with_growing_delay(waiting: World) -> None:
    delays = []
    for _ in range(4):
        waiting.post.answers = [MailLater("451"), MailLater("451")]
        letters.drain(waiting.deps)
        row = waiting.letters()[0]
        assert (row.status, row.handed_at) == ("waiting", None)
        delays.append(row.due_at - waiting.clock.now())
        waiting.clock.moment = max(r.due_at for r in waiting.letters())
    assert delays == sorted(delays)
    assert delays[-1] > 4 * delays[0]
    waiting.tick()
    assert len(waiting.post.sent) == 2


def test_a_server_out_of_reach_is_not_asked_again_for_each_letter(waiting: World) -> None:
    waiting.post.answers = [MailLater("connection")]
    letters.drain(waiting.deps)
    assert waiting.post.sent == []
    assert [row.status for row in waiting.letters()] == ["waiting", "waiting"]
    assert all(row.due_at > waiting.clock.now() for row in waiting.letters())


def test_a_permanent_refusal_buries_the_letter(waiting: World) -> None:
    waiting.post.answers = [MailRefused("550", "no such user"), MailRefused("554", "spam", recipient=False)]
    waiting.tick()
    first, second = waiting.letters()
    assert (first.status, first.error) == ("buried", "address_refused 550 no such user")
    assert (second.status, second.error) == ("buried", "refused 554 spam")
    assert {n: row.outcome for n, row in waiting.invitations().items()} == {200: "unreachable", 300: ""}


def test_a_letter_of_unknown_fate_is_shown_and_never_sent_again_by_itself(waiting: World) -> None:
    waiting.post.answers = [MailUnknown("connection")]
    waiting.until(msk(2, 20))
    first = waiting.letters()[0]
    assert first.status == "unknown"
    assert len(waiting.post.sent) == 1
    (shown,) = [r for r in letters.unfinished(waiting.deps, waiting.portal_id) if r["status"] == "unknown"]
    assert (shown["id"], shown["message_id"]) == (first.id, first.message_id)


@pytest.mark.parametrize("verdict", ["resend", "was_sent"])
def test_a_person_decides_what_became_of_it(waiting: World, verdict: str) -> None:
    waiting.post.answers = [MailUnknown("connection")]
    waiting.tick()
    first = waiting.letters()[0]
    assert letters.decide(waiting.deps, waiting.portal_id, first.id, verdict, "Пётр Сом")  # type: ignore[arg-type]
    assert not letters.decide(waiting.deps, waiting.portal_id + 1, first.id, verdict, "чужой")  # type: ignore[arg-type]
    waiting.tick()
    row = waiting.letters()[0]
    assert row.status == "done"
    copies = [letter for letter in waiting.post.sent if letter.message_id == first.message_id]
    assert len(copies) == (1 if verdict == "resend" else 0)
    assert any(e.what == f"letter_{verdict}" and e.who == "Пётр Сом" for e in waiting.events())


def test_a_worker_killed_during_the_hand_over_leaves_one_letter_unknown_and_the_rest_goes_on(
    waiting: World,
) -> None:
    waiting.post.answers = [Killed]
    with pytest.raises(Killed):
        letters.drain(waiting.deps)
    assert waiting.post.sent == []
    waiting.clock.advance(minutes=11)
    waiting.tick()
    assert [row.status for row in waiting.letters()] == ["unknown", "done"]
    assert [letter.recipient_address for letter in waiting.post.sent] == ["p300@client.example.com"]


def test_a_worker_killed_before_the_note_loses_nothing(
    waiting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: object) -> bool:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(rows, "pass_on", killed)
        with pytest.raises(Killed):
            letters.drain(waiting.deps)
    waiting.clock.advance(minutes=11)
    waiting.tick()
    assert [row.status for row in waiting.letters()] == ["done", "done"]
    assert len(waiting.post.sent) == 2


def test_a_worker_whose_lease_ran_out_keeps_its_hands_off(waiting: World) -> None:
    """Another worker takes the letters over while this one sleeps; each goes once."""
    genuine = waiting.post.send

    def sleepy(batch: list[OutgoingLetter]) -> list[object]:
        waiting.post.send = genuine  # type: ignore[method-assign]
        waiting.clock.advance(minutes=30)
        letters.drain(waiting.deps)
        return genuine(batch)  # type: ignore[return-value]

    waiting.post.send = sleepy  # type: ignore[assignment, method-assign]
    letters.drain(waiting.deps)
    waiting.tick()
    sent = [letter.recipient_address for letter in waiting.post.sent]
    assert sent.count("p300@client.example.com") == 1
    assert waiting.letters()[0].status == "unknown"


def test_the_hour_is_checked_again_at_the_moment_of_sending(waiting: World) -> None:
    waiting.clock.moment = msk(2, 16, 22)
    waiting.tick()
    assert waiting.post.sent == []
    assert {row.due_at for row in waiting.letters()} == {msk(2, 17, 9)}
    waiting.until(msk(2, 17, 9))
    assert len(waiting.post.sent) == 2


@pytest.mark.parametrize("what", ["answered", "opted_out", "excluded", "cancelled"])
def test_what_has_become_useless_is_taken_back_not_sent(waiting: World, what: str) -> None:
    if what == "answered":
        waiting.answer(200, 9)
    elif what == "opted_out":
        optouts.opt_out(waiting.deps, waiting.invitations()[200].token, one_click=True)
    elif what == "excluded":
        line = waiting.lines()[("company", 2)]
        waves.exclude(waiting.deps, waiting.portal_id, waiting.wave().id, line.id, "Ольга Лис", "суд")
    else:
        waves.cancel(waiting.deps, waiting.portal_id, waiting.wave().id, "Пётр Сом")
    waiting.tick()
    assert waiting.letters()[0].status == "cancelled"
    assert "p200@client.example.com" not in {letter.recipient_address for letter in waiting.post.sent}


def test_a_letter_a_worker_has_taken_already_still_minds_a_hold(waiting: World) -> None:
    """Set by a colleague, or on the card, while other letters were leaving; it goes when the hold is lifted."""
    waiting.set(Company, (waiting.portal_id, 2), hold_until=date(2026, 2, 18))
    waiting.tick()
    assert [letter.recipient_address for letter in waiting.post.sent] == ["p300@client.example.com"]
    held = next(row for row in waiting.letters() if row.status == "waiting")
    assert (held.error, held.due_at) == ("hold", msk(2, 17, 10))  # people lift it on the card too
    waiting.set(Company, (waiting.portal_id, 2), hold_until=None)
    waiting.until(msk(2, 17, 11))
    assert len(waiting.post.sent) == 2


def test_a_letter_a_worker_has_taken_already_still_minds_not_now(waiting: World) -> None:
    wanted = waiting.invitations()[200]
    waiting.set(Invitation, wanted.id, snoozed_until=msk(3, 2))
    waiting.tick()
    assert {row.status for row in waiting.letters() if row.invitation_id == wanted.id} == {"cancelled"}
    assert len(waiting.post.sent) == 1


def test_two_who_send_a_doubtful_letter_again_send_it_once(waiting: World) -> None:
    """The second one waits for the first, and by then there is nothing to decide."""
    letter = waiting.letters()[0]
    waiting.set(LetterRow, letter.id, status="unknown", handed_at=waiting.clock.now())
    with transaction(waiting.deps.sessions) as session:
        assert rows.letter(session, waiting.portal_id, letter.id, lock=True) is not None
        second = threading.Thread(
            target=letters.decide, args=(waiting.deps, waiting.portal_id, letter.id, "resend", "Bob (2)")
        )
        second.start()
        second.join(0.3)
        assert second.is_alive()
        session.execute(update(LetterRow).where(LetterRow.id == letter.id).values(status="done"))
    second.join(120)
    assert waiting.letters()[0].status == "done"


def test_letters_of_a_paused_wave_wait(waiting: World) -> None:
    waves.pause(waiting.deps, waiting.portal_id, waiting.wave().id, "Пётр Сом")
    waiting.until(msk(2, 17, 12))
    assert waiting.post.sent == []
    waves.resume(waiting.deps, waiting.portal_id, waiting.wave().id, "Пётр Сом")
    waiting.until(msk(2, 17, 18))
    assert len(waiting.post.sent) == 2


def test_after_an_outage_of_the_mail_server_nobody_gets_two_letters_at_once(waiting: World) -> None:
    """Announcements expire on D and are named; question and reminder keep three days between them."""
    waiting.post.ready = False
    waiting.until(msk(3, 6, 12))
    waiting.post.ready = True
    waiting.until(msk(3, 18, 8))
    by_kind = {row.kind: row for row in waiting.letters(recipient_address="p200@client.example.com")}
    assert by_kind["announcement"].status == "cancelled"
    assert waiting.invitations()[200].skipped["announcement"] == "expired"
    sent = sorted(row.sent_at for row in by_kind.values() if row.sent_at)
    assert sent[0] == msk(3, 6, 12)
    assert all(after - before > timedelta(days=2, hours=12) for before, after in itertools.pairwise(sent))
    assert len(sent) >= 2


def test_a_mailbox_keeps_its_pace(world: World) -> None:
    for number in range(2, 9):
        world.client(number)
    world.policy(letters_per_hour=3)
    world.approved()
    world.until(msk(2, 16, 9, 5))
    assert len(world.post.sent) == 3
    world.until(msk(2, 16, 12))
    assert len(world.post.sent) == 7


def test_a_person_s_letters_keep_their_order(waiting: World) -> None:
    address = "p200@client.example.com"
    waiting.post.answers = [MailLater("451")]
    letters.drain(waiting.deps)
    with transaction(waiting.deps.sessions) as session:
        first = session.get_one(LetterRow, waiting.letters(recipient_address=address)[0].id)
        session.add(
            LetterRow(
                portal_id=first.portal_id, lane=first.lane, due_at=waiting.clock.now(), created_at=waiting.clock.now(),
                key="test:1", kind="test", sender_name="A", sender_address="a@agency.example.com",
                recipient_address=address, subject="Спасибо", body_text="t", body_html="", message_id="<thanks@x>",
            )
        )  # fmt: skip
    waiting.until(msk(2, 20, 17))  # thanks keep the gap, too
    assert [letter.subject for letter in waiting.post.sent if letter.recipient_address == address][
        -1
    ] == "Спасибо"


def test_a_test_letter_goes_at_any_hour(world: World) -> None:
    world.clock.moment = msk(2, 15, 3)
    letter_id = letters.send_test(
        world.deps, world.portal_id, "head", "Админ", "admin@agency.example.com", "uk"
    )
    assert letter_id is not None
    world.tick()
    (letter,) = world.post.sent
    assert (letter.recipient_address, letter.sender_name) == ("admin@agency.example.com", "Пётр Сом")
    assert "перевірний лист" in letter.body_text
    assert letters.send_test(world.deps, world.portal_id, "nobody", "", "x@example.com", "") is None


def test_a_suspended_portal_s_letters_wait_and_a_removed_one_s_are_taken_back(waiting: World) -> None:
    from integration.store.portals import Portal

    waiting.set(Portal, waiting.portal_id, status="suspended")
    waiting.tick()
    assert {row.status for row in waiting.letters()} == {"waiting"}
    waiting.set(Portal, waiting.portal_id, status="uninstalled")
    waiting.clock.advance(hours=2)
    waiting.tick()
    assert {row.status for row in waiting.letters()} == {"cancelled"}
    assert waiting.post.sent == []


@pytest.fixture(autouse=True)
def _no_connection_stays_open() -> Iterator[None]:
    yield
    while smtp.OPENED:
        smtp.OPENED.pop().close()


def test_a_letter_without_an_end_is_given_up_after_days(world: World) -> None:
    letters.send_test(world.deps, world.portal_id, "head", "Админ", "admin@agency.example.com", "ru")
    start = world.clock.now()
    while world.clock.now() < start + timedelta(days=7):
        world.post.answers = [MailLater("451")]
        world.tick()
        if world.letters()[0].status == "buried":
            break
        world.clock.moment = max(world.letters()[0].due_at, world.clock.now() + timedelta(hours=1))
    row = world.letters()[0]
    assert (row.status, row.error) == ("buried", "gave_up 451")
    letters.send_test(world.deps, world.portal_id, "head", "Админ", "boss@agency.example.com", "ru")
    world.clock.advance(days=6)  # it had to wait; a server that greylists says "later" to the first attempt
    world.post.answers = [MailLater("450")]
    world.tick()
    assert world.letters()[1].status == "waiting"
    world.clock.advance(hours=1)
    world.tick()
    assert world.letters()[1].status == "done"
    assert row.finished_at is not None
    assert (
        timedelta(days=5)
        < row.finished_at - datetime.fromtimestamp(start.timestamp(), UTC)
        < timedelta(days=6)
    )
