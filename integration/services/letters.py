"""Letters as finished texts: written when queued, sent by `drain`, settled by people (architecture.md 2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from integration.services import dead_addresses, policies
from integration.services.deps import Deps
from integration.services.letter_drafts import MAIN_LETTERS, Draft
from integration.services.letters_drain import drain as drain
from integration.services.letters_queue import letter_row, queue, survey_url, unsubscribe_url, write
from integration.store import letters as rows
from integration.store import wave_queries
from integration.store.answers import agency_name
from integration.store.base import reading, transaction
from integration.store.letters import LetterRow
from integration.store.portals import Portal

__all__ = [
    "MAIN_LETTERS", "decide", "drain", "letter_row", "queue", "send_test", "settle", "survey_url", "test_draft",
    "unfinished", "unsubscribe_url", "write",
]  # fmt: skip


def unfinished(deps: Deps, portal_id: int, limit: int = 500) -> list[dict[str, Any]]:
    """Letters that have not gone for sure, the doubtful ones first, then those given up, then those waiting."""
    with reading(deps.sessions) as session:
        found = rows.unfinished(session, portal_id, limit)
    return [
        {
            "id": row.id, "status": row.status, "kind": row.kind, "recipient": row.recipient_address,
            "subject": row.subject, "message_id": row.message_id, "error": row.error,
            "due_at": row.due_at.isoformat(), "handed_at": row.handed_at.isoformat() if row.handed_at else None,
        }
        for row in found
    ]  # fmt: skip


def decide(
    deps: Deps, portal_id: int, letter_id: int, verdict: Literal["resend", "was_sent"], who: str
) -> bool:
    """A person says what became of a letter whose fate is unknown, or lets a buried one go again.

    `resend`: it goes once more under its old Message-ID; `was_sent`: it stands as sent when it was handed
    over. False: there is no such letter, or it needs no decision.
    """
    with transaction(deps.sessions) as session:
        return settle(session, portal_id, letter_id, verdict, who, deps.clock.now())


def settle(
    session: Session, portal_id: int, letter_id: int, verdict: Literal["resend", "was_sent"], who: str,
    now: datetime,
) -> bool:  # fmt: skip
    """`decide` in the caller's transaction."""
    row = rows.letter(session, portal_id, letter_id, lock=True)  # a second click must not send it twice
    if row is None or row.status not in ("unknown", "buried"):
        return False
    if verdict == "resend":
        if _by_address(row):  # whoever sends it again says that the address works
            dead_addresses.revived(session, portal_id, row.recipient_address, who, now, f"letter {row.id}")
        row.status, row.due_at, row.handed_at, row.attempts = "waiting", now, None, 0
        row.owner, row.finished_at, row.error = None, None, ""
    elif row.status == "unknown":
        row.status, row.sent_at = "done", row.handed_at
    else:
        return False
    wave = wave_queries.wave(session, portal_id, row.wave_id) if row.wave_id else None
    if wave is not None:
        wave_queries.note(session, wave, now, f"letter_{verdict}", who, f"{row.kind} {row.key}")
    return True


def refused(session: Session, portal_id: int, letter_id: int) -> LetterRow | None:
    """A letter whose address was refused for good, held until the end of the transaction; nothing if it is none."""
    row = rows.letter(session, portal_id, letter_id, lock=True)
    return row if row is not None and _by_address(row) else None


def _by_address(row: LetterRow) -> bool:
    return row.status == "buried" and row.error.startswith("address_refused")


def send_test(
    deps: Deps, portal_id: int, sender_key: str, name: str, address: str, language: str
) -> int | None:
    """Queue a test letter from one of the senders to an administrator (product.md W4), at any hour.

    Returns the letter's id, nothing if there is no such sender. Its buttons lead to a page that knows no one.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        key = f"test:{deps.dice.token()}"
        made = test_draft(session, portal_id, sender_key, name, address, language, key)
        return queue(deps, session, portal_id, made, now) if made is not None else None


def test_draft(
    session: Session, portal_id: int, sender_key: str, name: str, address: str, language: str, key: str
) -> Draft | None:
    """The short letter that only shows that a sender's letters arrive; nothing if there is no such sender."""
    portal = session.get(Portal, portal_id)
    policy, _ = policies.load(session, portal_id)
    sender = policy.sender(sender_key)
    if portal is None or sender is None or not sender.email.strip():
        return None
    facts: dict[str, Any] = {
        "sender_name": sender.name, "sender_position": sender.position, "sender_phone": sender.phone,
        "agency": agency_name(session, portal),
    }  # fmt: skip
    return Draft(
        key=key, kind="test", language=language or policy.language, sender=sender, recipient_name=name,
        recipient_address=address.strip(), facts=facts,
    )  # fmt: skip
