"""Letters that were taken and come back: the address is marked, nobody is written to there again (W14, W19)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from integration.bitrix.call import Call
from integration.services import dead_addresses, letters, portal_mail, reply_acts, reply_reader
from integration.services.deps import Answer, BatchAnswer
from integration.services.frames import Viewer
from integration.services.reply_acts import ReplyError
from integration.store.base import Sessions, reading
from integration.store.clients import OptOut
from integration.store.dead_addresses import DeadAddress
from integration.store.letters import LetterRow
from integration.store.replies import Reply
from integration.store.waves import Invitation, WaveEvent
from tests.conftest import HandClock
from tests.services.mail_world import MANAGER, PEOPLE, SIGNER, Mail, mail_world
from tests.services.portal_world import on_sqlite
from tests.services.test_portal_mail import a_letter, by_portal, drained, row_of, sent
from tests.services.wave_world import Contacts, Post, World, make_world


@pytest.fixture
def mail(sqlite_url: str) -> Iterator[Mail]:
    """A portal with a survey under way, on one database."""
    with on_sqlite(sqlite_url) as sessions, mail_world(sessions) as made:
        yield made


def test_a_notice_of_a_mail_server_marks_the_address_and_nothing_else(sessions: Sessions) -> None:
    """On both databases; the letter, the address and the history know it, nobody is opted out by a machine."""
    with mail_world(sessions) as mail:
        mail.bounces(PEOPLE[1])
        (found,) = mail.heard()
        assert (found.kind, found.status, found.contact_id, found.proposed) == ("bounce", "noted", 1, None)
        (dead,) = _dead(mail)
        assert (dead.address, dead.source, dead.code) == (PEOPLE[1], "bounce", "5.1.1")
        letter = next(row for row in mail.row(LetterRow) if row.recipient_address == PEOPLE[1])
        assert letter.bounced_at == found.received_at
        assert mail.invitation(1).due_at is not None
        assert (mail.invitation(1).outcome, mail.invitation(2).due_at) == ("", None)
        with reading(mail.there.deps.sessions) as session:
            assert not list(session.scalars(select(OptOut)))


def test_a_notice_that_does_not_quote_our_letter_waits_for_a_person(mail: Mail) -> None:
    """Anybody can write one: neither the address nor another letter's Message-ID is a proof; the person's link is."""
    others = f"Message-ID: <m{mail.invitation(3).id}@agency>"
    for quotes in ("", others, "Message-ID: <invented@agency.example.com>"):
        mail.bounces(PEOPLE[1], quotes=quotes)
    (found,) = mail.heard()
    assert (found.kind, found.status, found.contact_id) == ("bounce", "new", 1), (
        "one question, however many came"
    )
    assert _dead(mail) == []
    assert [row.bounced_at for row in mail.row(LetterRow)] == [None] * 3
    mail.bounces(PEOPLE[3], quotes="https://molva.example/s/=\r\ntoken-3?score=3D9")
    mail.heard()
    assert [row.address for row in _dead(mail)] == [PEOPLE[3]], "broken lines of the wire do not hide it"
    who = Viewer(mail.there.portal_id, MANAGER, True, "en", "", mail.there.clock.now())
    with pytest.raises(ReplyError, match="own_client"):
        reply_acts.act(mail.there.deps, who, found.id, "dead", {})
    who = replace(who, user_id=SIGNER)
    assert reply_acts.act(mail.there.deps, who, found.id, "never", {}) == "nothing"
    assert reply_acts.act(mail.there.deps, who, found.id, "dead", {}) == "returned"
    with pytest.raises(ReplyError, match="settled"):
        reply_acts.act(mail.there.deps, who, found.id, "dead", {})
    (row,) = [one for one in _dead(mail) if one.address == PEOPLE[1]]
    assert (row.source, row.code) == ("bounce", "5.1.1")
    assert [one.bounced_at is not None for one in mail.row(LetterRow)] == [True, True, False]
    trail = [one.who for one in mail.row(WaveEvent, what="bounced")]
    assert [trail[0], trail[1].partition(" ")[0]] == ["molva", "Olga"]


def _dead(mail: Mail) -> list[DeadAddress]:
    with reading(mail.there.deps.sessions) as session:
        return list(session.scalars(select(DeadAddress)))


def test_what_is_no_return_of_our_letter_marks_nothing(mail: Mail) -> None:
    """A delay, a notice about somebody else, one about a letter that nobody sent or that left weeks ago, a client that
    writes about bounces."""
    (old,) = mail.row(LetterRow, recipient_address=PEOPLE[3])
    mail.change(LetterRow, old.id, handed_at=mail.there.clock.now() - timedelta(days=15))
    mail.bounces(PEOPLE[3])
    mail.bounces(PEOPLE[1], "4.4.1", subject="Delivery Status Notification (Delay)")
    mail.bounces("stranger@else.example.com")
    mail.arrives(
        "mailer-daemon@x.example.com", subject="Undelivered Mail", text="550 5.1.1 no address at all"
    )
    mail.arrives(PEOPLE[1], subject="Заказ не доставлен", text=f"500 листовок не пришли. {PEOPLE[1]}")
    mail.arrives(PEOPLE[2], text="Ваше прошлое письмо вернулось: 550 5.1.1, но теперь всё дошло. 8")
    assert [(one.kind, one.proposed) for one in mail.heard()] == [("reply", None)] * 2
    assert _dead(mail) == []


def test_an_address_that_was_said_to_work_again_may_die_anew(mail: Mail) -> None:
    mail.bounces(PEOPLE[1])
    mail.heard()
    assert dead_addresses.revive(mail.there.deps, mail.there.portal_id, PEOPLE[1], "Head")
    mail.bounces(PEOPLE[1], "5.2.1")
    mail.heard()
    assert [(one.code, one.revived_at) for one in _dead(mail)] == [("5.2.1", None)]


def test_a_worker_that_dies_after_the_portal_sent_a_letter_leaves_one_that_is_looked_up(
    mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its fate is unknown until somebody says "send again": then it is found in the card, and nothing goes twice."""
    by_portal(mail)
    number = a_letter(mail)
    with monkeypatch.context() as broken:
        broken.setattr(portal_mail, "created_id", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            letters.drain(mail.there.deps)
    mail.there.clock.advance(700)
    assert drained(mail, number).status == "unknown"
    assert letters.decide(mail.there.deps, mail.there.portal_id, number, "resend", "Head")
    letters.drain(mail.there.deps)
    (went,) = sent(mail)
    assert (row_of(mail, number).status, row_of(mail, number).activity_id) == ("done", went["activity_id"])


# --- a mail server that takes everything and then returns everything


@dataclass
class Returning(Contacts):
    """The portal of a survey, whose mailboxes get a notice for every letter the mail server has taken."""

    post: Post = field(default_factory=Post)
    clock: Any = None
    taken: list[tuple[str, str]] = field(
        default_factory=list
    )  # address and moment, in the order they came back

    def returns(self) -> None:
        """Whatever left since comes back now."""
        for letter in self.post.sent[len(self.taken) :]:
            self.taken.append((letter.recipient_address, self.clock.now().isoformat()))

    def call(self, call: Call) -> Answer:
        if call.method != "crm.activity.list":
            return super().call(call)
        after = int(call.params["filter"][">ID"])
        rows = [
            {
                "ID": str(number), "CREATED": at, "SUBJECT": "Undelivered Mail Returned to Sender",
                "RESPONSIBLE_ID": "5", "OWNER_TYPE_ID": "1", "OWNER_ID": "1",
                "COMMUNICATIONS": [{"VALUE": "MAILER-DAEMON@mx.example.com", "ENTITY_TYPE_ID": "1", "ENTITY_ID": "1"}],
            }
            for number, (_, at) in enumerate(self.taken, 1) if number > after
        ]  # fmt: skip
        return Answer(rows[:50])

    def batch(self, calls: Mapping[str, Call], *, halt: bool = False) -> BatchAnswer:
        if not all(call.method == "crm.activity.get" for call in calls.values()):
            return super().batch(calls, halt=halt)
        return BatchAnswer(
            {key: Answer(self._notice(int(call.params["id"]))) for key, call in calls.items()}, {}
        )

    def _quoted(self, address: str) -> str:
        return "\n".join(one.message_id for one in self.post.sent if one.recipient_address == address)

    def _notice(self, number: int) -> dict[str, Any]:
        address = self.taken[number - 1][0]
        return {
            "ID": str(number),
            "DESCRIPTION_TYPE": "1",
            "DESCRIPTION": f"<{address}>: 550 5.1.1 unknown user\n{self._quoted(address)}",
        }


def test_a_server_that_takes_everything_and_returns_everything_gets_one_letter_for_each_person(
    sqlite_url: str, clock: HandClock
) -> None:
    """No reminder to an address that came back; everybody ends as unreachable with the reason, and the wave closes."""
    with on_sqlite(sqlite_url) as sessions:
        _everything_returns(make_world(sessions, clock), clock)


def _everything_returns(world: World, clock: HandClock) -> None:
    portal = Returning(post=world.post, clock=clock)
    portal.emails = world.contacts.emails
    world.deps = replace(world.deps, rest=portal)
    world.contacts = portal
    for number in range(2, 9):
        world.client(number, people=1 + number % 2)
    world.approved()
    start = clock.moment
    while clock.moment < start + timedelta(days=60) and world.wave().stage != "closed":
        world.until(clock.moment + timedelta(hours=12))
        portal.returns()
        reply_reader.read(world.deps, world.portal_id)
    counted = Counter(letter.recipient_address for letter in world.post.sent)
    people = world.rows(Invitation)
    assert counted == dict.fromkeys([one.address for one in people], 1)
    assert {one.outcome for one in people} == {"unreachable"}
    assert {one.outcome_detail["why"] for one in people} == {"bounce"}
    assert {row.kind for row in world.rows(Reply)} == {"bounce"}
    assert len(world.rows(Reply)) == len(people)
    assert all(row.bounced_at for row in world.letters(status="done"))
    assert world.wave().stage == "closed"
