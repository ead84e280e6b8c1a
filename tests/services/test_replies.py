"""What people write back is found in the portal, told apart, and costs little (product.md W18)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from integration.services import inbox, privacy, replies, reply_reader
from integration.store.base import Sessions, reading, transaction
from integration.store.inbox import InboxRow
from integration.store.replies import set_mark
from integration.store.waves import Wave
from tests.services.mail_world import MANAGER, PEOPLE, SUBJECT, Mail, mail_world
from tests.services.portal_world import on_sqlite


@pytest.fixture
def mail(sqlite_url: str) -> Iterator[Mail]:
    """On one database."""
    with on_sqlite(sqlite_url) as sessions, mail_world(sessions) as made:
        yield made


def test_an_answer_to_a_letter_is_found_with_its_words_and_a_proposed_score(sessions: Sessions) -> None:
    """On both databases; the quoted letter is cut off, nothing is recorded by itself."""
    with mail_world(sessions) as mail:
        quoted = f"\n\nпт, 20 нояб. 2026 г. в 10:00, Ольга Лис <olga@agency.example.com> пишет:\n> {SUBJECT}\n> 0 1 2 3"
        mail.arrives(PEOPLE[1].upper(), text=f"Девять, спасибо!{quoted}")
        (found,) = mail.heard()
        assert (found.kind, found.status, found.proposed, found.words) == (
            "reply",
            "new",
            9,
            "Девять, спасибо!",
        )
        assert (found.client_kind, found.client_id, found.contact_id) == ("company", 1, 1)
        assert mail.invitation(1).outcome == ""
        with reading(mail.there.deps.sessions) as session:
            assert replies.waiting(session, mail.there.portal_id, mail.wave_id) == 1
            assert replies.waiting(session, mail.there.portal_id + 1) == 0


def test_daily_business_of_the_same_people_is_not_even_read(mail: Mail) -> None:
    """A mail to the manager about something else stays unread and unkept; strangers', outgoing and older ones too."""
    mail.arrives(PEOPLE[1], subject="Счёт за ноябрь", text="10", to_user=MANAGER)
    mail.arrives("somebody@else.example.com", text="10")
    mail.there.act(5, "crm.activity.todo.add", ownerTypeId=3, ownerId=1, deadline="2030-01-01T10:00:00+03:00")
    mail.there.fresh_counters()
    assert mail.heard() == []
    assert "crm.activity.get" not in mail.there.counters()["by_method"]


def test_whose_reply_it_is_tells_the_address_then_the_card(mail: Mail) -> None:
    """From a private address the portal knows the card; a subject of one's own to the signer is an answer, too."""
    mail.arrives("private@mail.example.com", text="7", owner=[3, 3])
    mail.arrives(PEOPLE[2], subject="По вашему опросу", text="Всё хорошо, ставлю 10")
    mail.arrives(
        PEOPLE[3], subject="Автоответ: нет на месте", text="Я в отпуске до 5 декабря", to_user=MANAGER
    )
    mail.arrives(PEOPLE[1], text="Не пишите мне больше", html="")
    mail.arrives(PEOPLE[1], text="", html="<p>Это спам, буду жаловаться</p><blockquote>9</blockquote>")
    found = mail.heard()
    assert [(one.contact_id, one.kind, one.status, one.proposed) for one in found] == [
        (3, "reply", "new", 7), (2, "reply", "new", 10), (3, "absence", "noted", None), (1, "refusal", "new", None),
        (1, "complaint", "new", None),
    ]  # fmt: skip
    assert mail.invitation(3).due_at is None  # an absence stops nothing


def test_no_mail_is_asked_for_while_no_survey_is_listened_to(mail: Mail) -> None:
    """Before a wave, and once answers can no longer be corrected, an event ends without a row and without a request."""
    for changes in (
        {"stage": "rehearsed"},
        {"stage": "cancelled"},
        {"stage": "closed", "closed_at": _ago(mail, 91)},
    ):
        mail.change(Wave, mail.wave_id, **changes)
        mail.arrives(PEOPLE[1], text="9")
        mail.there.fresh_counters()
        assert mail.heard() == []
        assert "crm.activity.list" not in mail.there.counters()["by_method"]
        assert not [row for row in mail.row(InboxRow) if row.kind == inbox.MAIL]
    mail.change(Wave, mail.wave_id, stage="closed", closed_at=_ago(mail, 20))  # edit_days is 14
    mail.arrives(PEOPLE[1], text="9")
    assert mail.heard() == []
    mail.change(Wave, mail.wave_id, closed_at=_ago(mail, 3))
    mail.arrives(PEOPLE[1], text="9")
    assert len(mail.heard()) == 5  # those that came meanwhile, too: nothing is lost by looking late


def _ago(mail: Mail, days: int):  # type: ignore[no-untyped-def]
    return mail.there.clock.now() - timedelta(days=days)


def test_a_busy_portal_costs_a_request_a_minute(mail: Mail) -> None:
    """Sixty mails fold into one row; what comes within a minute of the last look waits for the next one."""
    for _ in range(60):
        mail.arrives("news@shop.example.com", subject="Скидки", owner=[3, 1])
    mail.arrives(PEOPLE[1], text="9")
    mail.there.fresh_counters()
    mail.there.box.control("/events/flush", {"timeout": 60})
    mail.there.work()
    assert mail.there.counters()["by_method"]["crm.activity.list"] == 2  # 50 and 11
    mail.arrives(PEOPLE[2], text="8")
    mail.there.box.control("/events/flush", {"timeout": 60})
    mail.there.work()
    assert mail.there.counters()["by_method"]["crm.activity.list"] == 2
    assert [one.proposed for one in mail.heard()] == [9, 8]


def test_a_lost_event_is_made_good_and_nothing_is_kept_twice(mail: Mail) -> None:
    """The reconciliation reads behind the watermark; reading the same mails again keeps nothing a second time."""
    mail.there.box.control("/settings", {"events": {"lose_every": 1}}, "PUT")
    mail.arrives(PEOPLE[1], text="9")
    assert mail.heard() == []
    mail.there.clock.advance(700)
    assert len(mail.heard()) == 1
    deps, portal = mail.there.deps, mail.there.portal_id
    with transaction(deps.sessions) as session:
        set_mark(session, portal, 0, mail.there.clock.now())  # never backwards
    assert not reply_reader.read(deps, portal)
    assert len(mail.heard()) == 1


def test_while_the_portal_cannot_be_asked_the_mail_waits(mail: Mail) -> None:
    """A refusal to read one mail leaves that one out; a breakdown keeps the mark where it was."""
    mail.arrives(PEOPLE[1], text="9")
    mail.there.fault("503", method="crm.activity.list", count=1)
    mail.there.fault("500", method="crm.activity.get", count=1)
    assert [one.proposed for one in mail.heard() + mail.heard()][-1:] == [9]


def test_what_a_person_wrote_is_given_out_and_goes_with_the_person(mail: Mail) -> None:
    """Export, the history in the card's tab, erasing; afterwards a further mail of theirs is nobody's answer."""
    mail.arrives(PEOPLE[1], text="9, спасибо")
    mail.bounces(PEOPLE[3])
    assert len(mail.heard()) == 2
    deps, portal = mail.there.deps, mail.there.portal_id
    given = privacy.export(deps, portal, 1)
    assert given is not None
    assert [(one["text"], one["score_read"], one["status"]) for one in given["replies"]] == [
        ("9, спасибо", 9, "new")
    ]
    assert privacy.erase(deps, portal, 1, 1) is not None
    mail.arrives(PEOPLE[1], text="10")
    assert [one.kind for one in mail.heard()] == ["bounce"]
