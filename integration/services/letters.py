"""Letters as finished texts: written when queued, sent by `drain`, settled by people (architecture.md 2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from integration.i18n import known
from integration.mail.render import Rendered, render
from integration.nps.policy import Sender
from integration.services import letter_texts, policies
from integration.services.deps import Deps
from integration.services.letter_drafts import Draft
from integration.services.letters_drain import MAIN_LETTERS as MAIN_LETTERS
from integration.services.letters_drain import drain as drain
from integration.store import letters as rows
from integration.store import wave_queries
from integration.store.answers import agency_name
from integration.store.base import reading, transaction
from integration.store.letters import LetterRow
from integration.store.portals import Portal
from integration.store.queue import put_once

__all__ = ["MAIN_LETTERS", "decide", "drain", "queue", "send_test", "settle", "unfinished", "write"]


def queue(deps: Deps, session: Session, portal_id: int, draft: Draft, now: datetime) -> int | None:
    """Write a letter and queue it in the caller's transaction; nothing if its key was queued before.

    What is stored is what will be sent. Raises `integration.mail.render.MissingFact` if a fact is missing.
    """
    text = write(deps, draft)
    message_id = f"<{deps.dice.token()}@{_domain(draft.sender)}>"
    return put_once(
        session,
        LetterRow,
        portal_id=portal_id,
        lane=rows.lane_of(draft.recipient_address),
        now=now,
        key=draft.key,
        kind="test" if draft.test else draft.kind,
        wave_id=draft.wave_id,
        invitation_id=draft.invitation_id,
        language=draft.language,
        wording=letter_texts.carried(draft.kind, known(draft.language), draft.own),
        sender_key=draft.sender.key,
        sender_name=draft.sender.name[:200],
        sender_address=draft.sender.email.strip(),
        recipient_name=draft.recipient_name[:200],
        recipient_address=draft.recipient_address,
        subject=text.subject[:500],
        body_text=text.text,
        body_html=text.html,
        headers=_headers(deps, draft),
        message_id=message_id,
        planned_for=draft.planned_for,
        expires_at=draft.expires_at,
    )


def write(deps: Deps, draft: Draft) -> Rendered:
    """The finished text of a draft, with its links."""
    links = {"survey_url": survey_url(deps, draft.token), "unsubscribe_url": ""}
    if draft.token:
        links["unsubscribe_url"] = unsubscribe_url(deps, draft.token)
    own = draft.own.text if draft.own else None
    return render(draft.kind, draft.language, {**draft.facts, **links}, own)


def survey_url(deps: Deps, token: str) -> str:
    """The personal address of the answer page (interface.md 4)."""
    return f"{deps.settings.public_url}/s/{token}"


def unsubscribe_url(deps: Deps, token: str) -> str:
    """The personal address of "never again" (interface.md 4)."""
    return f"{deps.settings.public_url}/u/{token}"


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


def send_test(
    deps: Deps, portal_id: int, sender_key: str, name: str, address: str, language: str
) -> int | None:
    """Queue a test letter from one of the senders to an administrator (product.md W4), at any hour.

    Returns the letter's id, nothing if there is no such sender. Its buttons lead to a page that knows no one.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = session.get(Portal, portal_id)
        policy, _ = policies.load(session, portal_id)
        sender = policy.sender(sender_key)
        if portal is None or sender is None or not sender.email.strip():
            return None
        facts: dict[str, Any] = {
            "sender_name": sender.name, "sender_position": sender.position, "sender_phone": sender.phone,
            "agency": agency_name(session, portal),
        }  # fmt: skip
        draft = Draft(
            key=f"test:{deps.dice.token()}", kind="test", language=language or policy.language, sender=sender,
            recipient_name=name, recipient_address=address.strip(), facts=facts,
        )  # fmt: skip
        return queue(deps, session, portal_id, draft, now)


def _headers(deps: Deps, draft: Draft) -> dict[str, str]:
    """RFC 8058 one-click unsubscribing, RFC 3834 automatic submission, RFC 5322 threading."""
    headers = {
        "Reply-To": draft.sender.email.strip(),
        "Auto-Submitted": "auto-generated",
        "Content-Language": draft.language,
    }
    if draft.token:
        headers["List-Unsubscribe"] = f"<{unsubscribe_url(deps, draft.token)}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    if draft.thread:
        headers["In-Reply-To"] = draft.thread[-1]
        headers["References"] = " ".join(draft.thread[-10:])
    return headers


def _domain(sender: Sender) -> str:
    return sender.email.strip().rpartition("@")[2] or "localhost"
