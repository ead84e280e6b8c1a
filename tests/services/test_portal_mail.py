"""Letters through the portal's mail: sent once, looked up when in doubt, refused with a reason (product.md W19)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from integration.nps.policy import Sender
from integration.services import letters, portal_mail
from integration.services.stuck_reasons import letter_reason
from integration.store import letters as rows
from integration.store.base import Sessions, reading, transaction
from integration.store.letters import LetterRow
from integration.store.mailboxes import SenderMailbox
from integration.store.waves import Invitation
from tests.services.mail_world import PEOPLE, SIGNER_MAIL, SUBJECT, Mail, mail_world
from tests.services.portal_world import on_sqlite
from tests.services.wave_world import Post


@pytest.fixture
def mail(sqlite_url: str) -> Iterator[Mail]:
    """On one database, the sender's letters by the portal."""
    with on_sqlite(sqlite_url) as sessions, mail_world(sessions) as made:
        by_portal(made)
        yield made


def by_portal(mail: Mail) -> None:
    """The signer's letters leave by the portal's mail."""
    with transaction(mail.there.deps.sessions) as session:
        session.add(
            SenderMailbox(
                portal_id=mail.there.portal_id,
                sender_key="olga",
                way="portal",
                changed_at=mail.there.clock.now(),
            )
        )


def a_letter(mail: Mail, contact: int = 1, **columns: Any) -> int:
    """Thanks to a contact, due now; its id."""
    invitation, now = mail.invitation(contact), mail.there.clock.now()
    values: dict[str, Any] = {
        "lane": invitation.address, "status": "waiting", "due_at": now, "created_at": now, "kind": "test",
        "key": f"x:{contact}:{columns.get('subject', '')}", "wave_id": invitation.wave_id,
        "invitation_id": invitation.id, "sender_key": "olga", "sender_name": 'Ольга "Лис" <x>',
        "sender_address": SIGNER_MAIL, "subject": SUBJECT, "body_text": "текст", "body_html": "<p>Добрый день</p>",
        "recipient_address": invitation.address, "message_id": f"<new{contact}{columns.get('subject', '')}@agency>",
    }  # fmt: skip
    with transaction(mail.there.deps.sessions) as session:
        row = LetterRow(portal_id=mail.there.portal_id, **values | columns)
        session.add(row)
        session.flush()
        return row.id


def drained(mail: Mail, number: int) -> LetterRow:
    """The letter after one run of the drain."""
    letters.drain(mail.there.deps)
    return row_of(mail, number)


def row_of(mail: Mail, number: int) -> LetterRow:
    with reading(mail.there.deps.sessions) as session:
        return session.get_one(LetterRow, number)


def sent(mail: Mail) -> list[dict[str, Any]]:
    """What left the portal."""
    return list(mail.there.dump()["mails"])


def test_a_letter_leaves_by_the_portal_and_stands_in_the_contacts_card(sessions: Sessions) -> None:
    """On both databases: one e-mail in the signer's name, its activity kept with the letter."""
    with mail_world(sessions) as mail:
        by_portal(mail)
        row = drained(mail, a_letter(mail))
        (went,) = sent(mail)
        assert (went["from"], went["to"], went["subject"]) == (SIGNER_MAIL, [PEOPLE[1]], SUBJECT)
        assert (went["name"], went["type"], went["responsible_id"]) == ("Ольга Лис x", "3", 5)
        assert (row.status, row.way, row.activity_id, row.error) == (
            "done",
            "portal",
            went["activity_id"],
            "",
        )
        card = mail.there.act(
            1, "crm.activity.list", filter={"OWNER_TYPE_ID": 3, "OWNER_ID": 1, "TYPE_ID": 4}
        )
        assert [int(one["ID"]) for one in card] == [went["activity_id"]]


@pytest.mark.parametrize("kind", ["drop_after", "500", "502", "bad_json", "empty"])
def test_a_request_that_breaks_off_never_sends_twice(mail: Mail, kind: str) -> None:
    """Whether it took effect is looked up by its mark; if not, nothing goes before the portal must have ended it."""
    mail.there.fault(kind, method="crm.activity.add", count=1)
    number = a_letter(mail)
    row = drained(mail, number)
    for _ in range(12):
        if row.status == "done":
            break
        assert row.error.startswith("in_doubt")
        mail.there.clock.advance(20)
        row = drained(mail, number)
    assert row.status == "done"
    assert [went["activity_id"] for went in sent(mail)] == [row.activity_id]


def test_nothing_goes_again_while_the_portal_may_still_be_at_it(mail: Mail) -> None:
    """The look-up fails, too: sixty seconds pass before a second attempt, and the first mark is asked for before."""
    mail.there.fault("drop_before", method="crm.activity.add", count=1)
    number = a_letter(mail)
    began = mail.there.clock.now()
    while drained(mail, number).status != "done":
        assert not sent(mail)
        mail.there.clock.advance(7)
        assert mail.there.clock.now() - began < timedelta(minutes=5)
    assert mail.there.clock.now() - began > portal_mail.STILL_RUNS
    assert len(sent(mail)) == 1


def test_a_letter_in_doubt_does_not_go_once_more_by_another_way(sessions: Sessions) -> None:
    """On both databases: the way is changed, the letter becomes useless, or is to be written anew; first it is looked
    up. One that never left goes by the new way."""
    with mail_world(sessions) as mail:
        deps, post = mail.there.deps, Post()
        changed = replace(deps, mailer=post)
        by_portal(mail)
        for kind, count in (("drop_after", 1), ("drop_before", 2)):
            mail.there.fault(kind, method="crm.activity.add", count=1)
            mail.there.fault("drop_before", method="crm.activity.list", count=2)
            number = a_letter(mail, 1 if count == 1 else 2, subject=kind)
            assert drained(mail, number).error.startswith("in_doubt")
            with transaction(deps.sessions) as session:
                assert not rows.take_back(session, mail.there.portal_id, number, deps.clock.now(), why="link")
                box = session.scalars(select(SenderMailbox)).one()
                box.way = "operator"
            if count == 1:  # answered meanwhile: nothing is taken back that may have gone
                mail.change(Invitation, mail.invitation(1).id, outcome="answered")
                mail.change(LetterRow, number, kind="reminder")
            for _ in range(40):
                mail.there.clock.advance(20)
                letters.drain(changed)
                if row_of(mail, number).status == "done":
                    break
            row = row_of(mail, number)
            assert (row.status, len(sent(mail)), len(post.sent)) == ("done", 1, count - 1), (
                kind,
                row.error,
                row.attempts,
                row.due_at,
            )
            assert (row.activity_id is not None) == (count == 1)
            with transaction(deps.sessions) as session:
                session.scalars(select(SenderMailbox)).one().way = "portal"


def test_an_e_mail_that_was_recorded_and_could_not_be_sent_is_decided_by_people(mail: Mail) -> None:
    """ "Email send error" after the activity was made: unknown; sent again by a person it is a new attempt."""
    mail.there.box.control("/settings", {"mail_fails": True}, "PUT")
    number = a_letter(mail)
    row = drained(mail, number)
    assert (row.status, row.error.partition(" ")[0]) == ("unknown", "send_error")
    assert letter_reason(row.status, row.error) == ("portal_unsent", "")
    assert sent(mail) == []
    mail.there.box.control("/settings", {"mail_fails": False}, "PUT")
    assert letters.decide(mail.there.deps, mail.there.portal_id, number, "resend", "Head")
    assert drained(mail, number).status == "done"
    assert len(sent(mail)) == 1


def test_what_cannot_go_by_the_portal_is_refused_with_the_reason(mail: Mail) -> None:
    """Nobody to send it as, a dismissed one, no card to put it in, a portal that says no: never the address's fault."""
    deps, portal = mail.there.deps, mail.there.portal_id
    cases = {
        "no_employee": {"sender_key": "gone", "sender_address": "nobody@agency.example.com", "subject": "a"},
        "no_card": {"invitation_id": None, "subject": "b"},
    }
    for code, columns in cases.items():
        outcome = portal_mail.send(deps, portal, row_of(mail, a_letter(mail, **columns)))
        assert isinstance(outcome, portal_mail.MailRefused)
        assert (outcome.code, outcome.recipient) == (code, False)
    mail.change(Invitation, mail.invitation(3).id, contact_id=9999)
    gone = a_letter(mail, 2, invitation_id=mail.row(Invitation, contact_id=9999)[0].id, subject="c")
    row = drained(mail, gone)
    assert (row.status, row.error.startswith("refused portal_refused")) == ("buried", True)
    assert letter_reason(row.status, row.error) == ("portal_refused", "")
    assert mail.invitation(2).due_at is None
    with reading(deps.sessions) as session:
        told = [
            portal_mail.unfit(session, portal, Sender("x", user, email=address))
            for user, address in (
                (5, SIGNER_MAIL),
                (5, "other@agency.example.com"),
                (None, SIGNER_MAIL),
                (None, "?@x"),
            )
        ]
    assert told == ["", "other_address", "", "no_employee"]


def test_a_busy_portal_only_delays(mail: Mail) -> None:
    """A full bucket and a lost access leave the letter waiting, without a mark."""
    for kind, code in (("429", "portal_busy"), ("overload", "portal_busy")):
        mail.there.fault(kind, method="crm.activity.add", count=1)
        number = a_letter(mail, subject=kind)
        row = drained(mail, number)
        assert (row.status, row.error.partition(" ")[0], row.headers) == ("waiting", code, {}), kind
        mail.there.clock.advance(7200)
        assert drained(mail, number).status == "done"
    assert len(sent(mail)) == 2
