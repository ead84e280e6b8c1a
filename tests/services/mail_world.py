"""A portal in which a survey is under way and people write back, for the tests of replies and of the portal's mail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from integration.services import policies
from integration.store.base import Sessions, reading, transaction
from integration.store.letters import LetterRow
from integration.store.replies import Reply
from integration.store.waves import Invitation, Wave, WaveClient
from tests.services.life_world import staffed
from tests.services.portal_world import World
from tests.services.ready_world import ready_world

SUBJECT = "Десять секунд о нашей работе: один вопрос"
SIGNER, MANAGER = 5, 6  # Olga signs, Mila serves the clients
SIGNER_MAIL = "olga@agency.example.com"
PEOPLE = {1: "ira@vega.example.com", 3: "eva@vega.example.com", 2: "oleh@alone.example.com"}


@dataclass
class Mail:
    """The portal with its wave; `wave_id` runs, its question has left to everybody an hour ago."""

    there: World
    wave_id: int = 0

    def invitation(self, contact: int) -> Invitation:
        with reading(self.there.deps.sessions) as session:
            return session.scalars(
                select(Invitation).where(Invitation.wave_id == self.wave_id, Invitation.contact_id == contact)
            ).one()

    def arrives(self, sender: str, subject: str = f"Re: {SUBJECT}", text: str = "", **more: Any) -> int:
        """An e-mail reaches a mailbox that is connected to the portal; its number there."""
        return int(
            self.there.act(0, "ui.mail.receive", **{
                "from": sender, "subject": subject, "text": text, "to_user": SIGNER, **more,
            })
        )  # fmt: skip

    def bounces(self, address: str, code: str = "5.1.1", quotes: str | None = None, **more: Any) -> int:
        """The notice of a mail server about a letter to an address; `quotes`: what stands in it of the letter, its
        Message-ID if nothing is said."""
        contact = next((number for number, one in PEOPLE.items() if one == address), 0)
        if quotes is None and contact:
            quotes = f"Message-ID: <m{self.invitation(contact).id}@agency>"
        said = {
            "subject": "Undelivered Mail Returned to Sender", "owner": [3, 1],
            "text": f"This is the mail system.\n\n<{address}>: host mx said: 550 {code} No such user\n\n"
                    f"Final-Recipient: rfc822; {address}\nAction: failed\nStatus: {code}\n\n{quotes or ''}",
        }  # fmt: skip
        return self.arrives("MAILER-DAEMON@mx.agency.example.com", **{**said, **more})

    def heard(self) -> list[Reply]:
        """Everything delivered and read; the replies, in the order they were kept."""
        self.there.clock.advance(61)
        self.there.settle()
        with reading(self.there.deps.sessions) as session:
            return list(session.scalars(select(Reply).order_by(Reply.id)))

    def row(self, model: Any, **equal: Any) -> list[Any]:
        with reading(self.there.deps.sessions) as session:
            return list(session.scalars(select(model).filter_by(**equal).order_by(model.id)))

    def change(self, model: Any, number: int, **values: Any) -> None:
        with transaction(self.there.deps.sessions) as session:
            row = session.get_one(model, number)
            for name, value in values.items():
                setattr(row, name, value)


@contextmanager
def mail_world(sessions: Sessions, stage: str = "mailing") -> Iterator[Mail]:
    """The world; contacts 1 and 3 belong to company 1, contact 2 is a client itself."""
    data = staffed()
    for person in data.users:
        person.setdefault("EMAIL", f"{str(person['NAME']).lower()}@agency.example.com")
    for contact in data.contacts:
        contact["fm"] = [{"typeId": "EMAIL", "valueType": "WORK", "value": PEOPLE[contact["id"]]}]
    with ready_world(sessions, data) as there:
        mail = Mail(there)
        with transaction(there.deps.sessions) as session:
            _, version = policies.load(session, there.portal_id)
        sender = {"key": "olga", "user_id": SIGNER, "name": "Ольга Лис", "position": "директор по сервису",
                  "email": SIGNER_MAIL, "phone": "+74950000005"}  # fmt: skip
        saved = policies.save(
            there.deps, there.portal_id, {"senders": [sender], "default_sender": "olga"}, "t", version
        )
        assert isinstance(saved, int), saved
        mail.wave_id = _wave(there, saved, stage)
        yield mail


def _wave(there: World, version: int, stage: str) -> int:
    now = there.clock.now()
    with transaction(there.deps.sessions) as session:
        plan = {"zone": "UTC", "owner_reminders": [], "reminders": [], "calling": None} | {
            name: (now.date() + timedelta(days=days)).isoformat()
            for name, days in (("drafted", -40), ("announce", -14), ("start", 0), ("mailing", 0), ("closing", 30),
                               ("frozen_on", 44))
        }  # fmt: skip
        wave = Wave(
            portal_id=there.portal_id, name="2026", stage=stage, policy_version=version, plan=plan, planned_at=now,
            approved_by="Head", approved_at=now - timedelta(hours=2), frozen_at=now - timedelta(hours=2),
        )  # fmt: skip
        session.add(wave)
        session.flush()
        for client, contacts in ((("company", 1), (1, 3)), (("contact", 2), (2,))):
            line = WaveClient(
                portal_id=there.portal_id, wave_id=wave.id, client_kind=client[0], client_id=client[1],
                name=f"Клиент {client[1]}", eligible=True, manager_id=MANAGER, city="Tver",
            )  # fmt: skip
            session.add(line)
            session.flush()
            for contact in contacts:
                _asked(session, there, wave.id, line.id, contact)
        return wave.id


def _asked(session: Any, there: World, wave_id: int, line_id: int, contact: int) -> None:
    now = there.clock.now()
    invitation = Invitation(
        portal_id=there.portal_id, wave_id=wave_id, wave_client_id=line_id, contact_id=contact,
        name=f"Person {contact}", address=PEOPLE[contact], token=f"token-{contact}", sender_key="olga",
        touches={"invitation": now.isoformat()}, last_letter_at=now,
    )  # fmt: skip
    session.add(invitation)
    session.flush()
    session.add(
        LetterRow(
            portal_id=there.portal_id, lane=PEOPLE[contact], status="done", due_at=now, created_at=now,
            key=f"invitation:{invitation.id}", kind="invitation", wave_id=wave_id, invitation_id=invitation.id,
            sender_key="olga", sender_name="Ольга Лис", sender_address=SIGNER_MAIL, subject=SUBJECT, body_text="?",
            body_html="<p>?</p>", recipient_address=PEOPLE[contact], message_id=f"<m{invitation.id}@agency>",
            handed_at=now - timedelta(hours=1), sent_at=now - timedelta(hours=1),
        )
    )  # fmt: skip
