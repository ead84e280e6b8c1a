"""A survey to whose letters clients have written back in every way, for tests and pictures of the page of replies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from integration.services.frames import Viewer
from integration.store.base import transaction
from integration.store.clients import Contact, ContactCompany
from integration.store.letters import LetterRow
from integration.store.replies import Reply
from integration.store.waves import Invitation, WaveClient
from tests.services.report_world import LONG, MARKUP, Client, beat, tell, viewer
from tests.services.wave_world import World

SUBJECT = "Десять секунд о нашей работе: один вопрос"


def wrote(world: World, client: int, words: str, number: int, **columns: Any) -> int:
    """A reply of the first person of a client in the youngest wave; its id."""
    with transaction(world.deps.sessions) as session:
        line = session.scalars(
            select(WaveClient)
            .where(WaveClient.portal_id == world.portal_id, WaveClient.client_id == client)
            .order_by(WaveClient.id.desc())
        ).first()
        assert line is not None
        one = session.scalars(select(Invitation).where(Invitation.wave_client_id == line.id)).first()
        assert one is not None
        values: dict[str, Any] = {
            "invitation_id": one.id, "contact_id": one.contact_id, "client_kind": line.client_kind,
            "client_id": line.client_id, "from_address": one.address, "subject": f"Re: {SUBJECT}", "words": words,
            "received_at": world.clock.now() - timedelta(minutes=number),
        }  # fmt: skip
        row = Reply(portal_id=world.portal_id, activity_id=number, **values | columns)
        session.add(row)
        session.flush()
        return row.id


def survey(world: World, **columns: Any) -> None:
    """A survey under way with some clients; nobody has written back."""
    clients = [
        Client(1, (("decides", None),), name=LONG), Client(2, (("", None),)), Client(3, (("", 9),)),
        Client(4, (("", None),), name=MARKUP), Client(5, (("", None),)), Client(6, (("", None),)),
        Client(7, (("", None),)), Client(8, (("", None),)),
    ]  # fmt: skip
    tell(world, "2026", clients, **columns)
    with transaction(world.deps.sessions) as session:
        for invitation in session.scalars(select(Invitation).order_by(Invitation.id)):
            company = invitation.contact_id // 100
            session.add(Contact(portal_id=world.portal_id, id=invitation.contact_id, name=invitation.name))
            session.add(
                ContactCompany(
                    portal_id=world.portal_id, contact_id=invitation.contact_id, company_id=company
                )
            )
            at = world.clock.now() - timedelta(days=1)
            session.add(
                LetterRow(
                    portal_id=world.portal_id, lane=invitation.address, status="done", due_at=at, created_at=at,
                    key=f"invitation:{invitation.id}", kind="invitation", wave_id=invitation.wave_id,
                    invitation_id=invitation.id, sender_name="Ольга Лис", sender_address="lis@agency.example.com",
                    subject=SUBJECT, body_text="", body_html="", recipient_address=invitation.address,
                    message_id=f"<r{invitation.id}>", handed_at=at, sent_at=at,
                )
            )  # fmt: skip
    beat(world)


def replied(world: World) -> Viewer:
    """Replies of every kind, some of them settled; an administrator looks."""
    survey(world)
    wrote(world, 1, "Девять, спасибо! Отчёты стали понятнее, Анна всегда на связи.", 1, proposed=9)
    wrote(world, 2, "Здравствуйте! Сложно сказать одной цифрой. " * 40, 2)
    wrote(world, 3, "Ставлю 3, сроки сорваны второй раз.", 3, proposed=3)
    wrote(
        world, 4, f"{MARKUP}\nНе пишите мне больше, пожалуйста.", 4, kind="refusal", subject=f"Re: {MARKUP}"
    )
    wrote(world, 5, "Это спам, буду жаловаться!", 5, kind="complaint", proposed=0)
    wrote(world, 6, "Нахожусь в отпуске до 5 декабря.", 6, kind="absence", status="noted")
    wrote(world, 7, "550 5.1.1 No such user", 7, kind="bounce", status="noted",
          from_address="mailer-daemon@mx.example.com")  # fmt: skip
    wrote(
        world,
        7,
        "550 5.1.1 No such user here",
        9,
        kind="bounce",
        from_address="mailer-daemon@else.example.com",
    )
    wrote(world, 8, "", 8, status="dismissed", settled_by="Ольга Лис (5)", settled_at=world.clock.now())
    return viewer(world, administrator=True)


def many(world: World) -> Viewer:
    """Forty-five that wait."""
    survey(world)
    for number in range(1, 46):
        wrote(world, 2, f"Ответ {number}", number)
    return viewer(world, administrator=True)


def nobody_yet(world: World) -> Viewer:
    """A survey under way, and nobody has written back."""
    survey(world)
    return viewer(world, administrator=True)
