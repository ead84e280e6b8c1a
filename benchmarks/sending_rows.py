"""A wave whose questions are to leave: clients, respondents and letters as the product writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, insert
from sqlalchemy.orm import Session

from integration.mail.render import Rendered, render
from integration.nps.policy import Policy, Sender
from integration.nps.policy_json import to_json
from integration.store.base import make_sessions, transaction
from integration.store.clients import Company, Contact, ContactCompany, Deal
from integration.store.letters import LetterRow, lane_of
from integration.store.policies import PolicyRow
from integration.store.portals import Portal, Staff
from integration.store.waves import Invitation, Wave, WaveClient

BEGAN = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)  # a Monday, ten in the morning of the agency
BLOCK = timedelta(minutes=1)  # between the moments at which the parts of a run become due
HEAD, MANAGER = 1, 6
_TOKEN = "TOKEN-OF-THE-LINK-0123456789"
_SENDER = Sender("head", HEAD, "Пётр Сом", "директор", "som@agency.example.com", "+74950000001")


def fill(engine: Engine, size: int, parts: int) -> None:
    """One portal with so many clients, each with a person who is due the question, in `parts` equal portions."""
    text = _text()
    with transaction(make_sessions(engine)) as session:
        _portal(session)
        for start in range(0, size, 1000):
            numbers = range(start + 1, min(start + 1000, size) + 1)
            _cards(session, numbers)
            session.execute(insert(Invitation), [_invitation(number) for number in numbers])
            session.execute(insert(LetterRow), [_letter(number, text, size // parts) for number in numbers])


def _text() -> Rendered:
    facts = {
        "person": "Анна Коваль", "first_name": "Анна", "client": "Клиент", "service": "Сопровождение",
        "team": ["Иван Петров"], "sender_name": _SENDER.name, "sender_position": _SENDER.position,
        "sender_email": _SENDER.email, "sender_phone": _SENDER.phone, "wave": "2026", "mailing_day": "2026-03-02",
        "closing_day": "2026-03-20", "agency": "Северный ветер", "announced": True,
        "survey_url": f"https://molva.example/s/{_TOKEN}", "unsubscribe_url": f"https://molva.example/u/{_TOKEN}",
    }  # fmt: skip
    return render("invitation", "ru", facts)


def _portal(session: Session) -> None:
    session.add(
        Portal(
            id=1, member_id="m-sending", client_id="local.bench", domain="agency.example",
            endpoint="https://agency.example/rest/", status="active", language="ru", time_zone="Europe/Moscow",
            status_since=BEGAN, installed_at=BEGAN,
        )
    )  # fmt: skip
    session.flush()
    policy = Policy(
        country="", time_zone="Europe/Moscow", language="ru", senders=(_SENDER,), default_sender="head",
        head_sender="head", trouble_stages=("C9:TROUBLE",),
    )  # fmt: skip
    session.add(PolicyRow(portal_id=1, version=1, body=to_json(policy), author="", saved_at=BEGAN))
    for user in (HEAD, MANAGER):
        session.add(
            Staff(
                portal_id=1,
                user_id=user,
                name="Имя",
                last_name=f"{user}",
                email=f"u{user}@agency.example.com",
            )
        )
    session.add(
        Wave(
            id=1, portal_id=1, name="2026", stage="mailing", policy_version=1, plan={}, planned_at=BEGAN,
            approved_by="Пётр Сом",
        )
    )  # fmt: skip
    session.flush()


def _cards(session: Session, numbers: range) -> None:
    mine = {"portal_id": 1}
    session.execute(
        insert(Company), [{**mine, "id": n, "title": f"Клиент {n}", "assigned_by": MANAGER} for n in numbers]
    )
    session.execute(
        insert(Contact), [{**mine, "id": n, "name": "Анна", "last_name": f"Коваль-{n}"} for n in numbers]
    )
    session.execute(insert(ContactCompany), [{**mine, "contact_id": n, "company_id": n} for n in numbers])
    session.execute(
        insert(Deal),
        [
            {
                **mine, "id": n, "title": f"Сделка {n}", "category_id": 9, "stage_id": "C9:NEW",
                "client_kind": "company", "client_id": n, "contact_id": n, "company_id": n, "assigned_by": MANAGER,
            }
            for n in numbers
        ],
    )  # fmt: skip
    session.execute(
        insert(WaveClient),
        [
            {
                **mine, "id": n, "wave_id": 1, "client_kind": "company", "client_id": n, "name": f"Клиент {n}",
                "eligible": True, "deal_id": n, "manager_id": MANAGER,
            }
            for n in numbers
        ],
    )  # fmt: skip


def _invitation(number: int) -> dict[str, object]:
    return {
        "portal_id": 1, "wave_id": 1, "id": number, "wave_client_id": number, "contact_id": number,
        "name": f"Анна Коваль-{number}", "address": _address(number), "token": f"token-{number:020}",
        "touches": {"invitation": BEGAN.isoformat()}, "sender_key": "head",
    }  # fmt: skip


def _letter(number: int, text: Rendered, portion: int) -> dict[str, object]:
    token = f"token-{number:020}"
    due = BEGAN + BLOCK * ((number - 1) // portion)
    headers = {
        "Reply-To": _SENDER.email, "Auto-Submitted": "auto-generated", "Content-Language": "ru",
        "List-Unsubscribe": f"<https://molva.example/u/{token}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }  # fmt: skip
    return {
        "portal_id": 1, "lane": lane_of(_address(number)), "due_at": due, "created_at": BEGAN,
        "key": f"invitation:{number}", "kind": "invitation", "wave_id": 1, "invitation_id": number, "language": "ru",
        "sender_key": "head",
        "sender_name": _SENDER.name, "sender_address": _SENDER.email, "recipient_name": f"Анна Коваль-{number}",
        "recipient_address": _address(number), "subject": text.subject, "body_text": text.text.replace(_TOKEN, token),
        "body_html": text.html.replace(_TOKEN, token), "headers": headers,
        "message_id": f"<letter-{number}@agency.example.com>",
    }  # fmt: skip


def _address(number: int) -> str:
    return f"p{number}@client{number}.example.com"
