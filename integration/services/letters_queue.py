"""Letters written down: finished text with its links and headers, queued in the transaction of its cause."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.i18n import known
from integration.mail.render import Rendered, render
from integration.nps.policy import Sender
from integration.services import letter_texts
from integration.services.deps import Deps
from integration.services.direct_line import of_letter, url
from integration.services.letter_drafts import Draft
from integration.store import letters as rows
from integration.store.letters import LetterRow
from integration.store.queue import put_once


def queue(
    deps: Deps,
    session: Session,
    portal_id: int,
    draft: Draft,
    now: datetime,
    *,
    due_at: datetime | None = None,
) -> int | None:
    """Write a letter and queue it in the caller's transaction; nothing if its key was queued before.

    `due_at`: when it is to leave, now if nothing is said.

    What is stored is what will be sent. Raises `integration.mail.render.MissingFact` if a fact is missing.
    """
    line = of_letter(deps, session, portal_id, draft, now)
    values = _values(deps, draft, write(deps, draft, line))
    lane = rows.lane_of(draft.recipient_address)
    return put_once(session, LetterRow, portal_id=portal_id, lane=lane, now=now, due_at=due_at, **values)


def letter_row(deps: Deps, draft: Draft, now: datetime) -> dict[str, Any]:
    """What `queue` would queue, for many letters that are put down together (`put_all`).

    The clients of these have their direct lines (`direct_line.lines_of`). Raises `MissingFact`.
    """
    line = url(deps, draft.line_token) if draft.line is not None and draft.line_token else ""
    return {
        "lane": rows.lane_of(draft.recipient_address), "due_at": now, "created_at": now,
        **_values(deps, draft, write(deps, draft, line)),
    }  # fmt: skip


def _values(deps: Deps, draft: Draft, text: Rendered) -> dict[str, Any]:
    return {
        "key": draft.key,
        "kind": "test" if draft.test else draft.kind,
        "wave_id": draft.wave_id,
        "invitation_id": draft.invitation_id,
        "language": draft.language,
        "wording": letter_texts.carried(draft.kind, known(draft.language), draft.own),
        "sender_key": draft.sender.key,
        "sender_name": draft.sender.name[:200],
        "sender_address": draft.sender.email.strip(),
        "recipient_name": draft.recipient_name[:200],
        "recipient_address": draft.recipient_address,
        "subject": text.subject[:500],
        "body_text": text.text,
        "body_html": text.html,
        "headers": _headers(deps, draft),
        "message_id": f"<{deps.dice.token()}@{_domain(draft.sender)}>",
        "planned_for": draft.planned_for,
        "expires_at": draft.expires_at,
    }


def write(deps: Deps, draft: Draft, direct_url: str = "") -> Rendered:
    """The finished text of a draft, with its links; `direct_url`: of the client's direct line, if it has one."""
    links = {"survey_url": survey_url(deps, draft.token), "unsubscribe_url": "", "direct_url": direct_url}
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
