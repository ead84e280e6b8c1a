"""Extra answers of a person, given out on request (product.md T7, W13)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from integration.services import question_versions
from integration.store import questions as rows
from integration.store.responses import Response


def given(session: Session, portal_id: int, responses: Sequence[Response]) -> list[dict[str, Any]]:
    """Every extra answer with the question as it was asked, and what it was before; moments in ISO 8601 with offset."""
    found = rows.answers_of(session, portal_id, [one.id for one in responses])
    if not found:
        return []
    known = question_versions.kept(session, portal_id, sorted({one.question for one in found}))
    asked = {(key, one.version): one for key, each in known.items() for one in each}
    invitations = {one.id: one.invitation_id for one in responses}
    return [
        {
            "invitation": invitations[row.response_id],
            "question": asked[row.question, row.version].text(row.language)
            if (row.question, row.version) in asked else row.question,
            "version": row.version, "answer": row.value,
            "answer_text": asked[row.question, row.version].label(row.value, row.language)
            if (row.question, row.version) in asked else row.value,
            "status": row.status, "recorded_by": row.recorded_by, "answered_at": row.answered_at.isoformat(),
            "versions": row.earlier,
        }
        for row in found
    ]  # fmt: skip
