"""Versions of the wording of extra questions: made when settings are saved, never changed (product.md W13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from integration.nps import questions as rules
from integration.nps.policy import Policy
from integration.nps.questions import Question
from integration.services.deps import Deps
from integration.store import questions as rows
from integration.store.base import reading


def keep_wording(session: Session, portal_id: int, policy: Policy, author: str, now: datetime) -> None:
    """Make a version of every wording that has none yet. A wording that comes back is the version it was."""
    if not policy.extra_questions:
        return
    known = kept(session, portal_id, [one.key for one in policy.extra_questions])
    for one in policy.extra_questions:
        if not number_of(known, one):
            rows.add_version(session, portal_id, one.key, rules.to_body(one), author, now)


def ever(deps: Deps, portal_id: int) -> dict[str, list[Question]]:
    """Every question there ever was with its versions: none of the keys, and of the codes of options, may be given to
    something else."""
    with reading(deps.sessions) as session:
        return kept(session, portal_id, None)


def kept(session: Session, portal_id: int, keys: Sequence[str] | None) -> dict[str, list[Question]]:
    """The versions of these questions, or of all, by key, oldest first."""
    found: dict[str, list[Question]] = {}
    for row in rows.versions(session, portal_id, keys):
        found.setdefault(row.key, []).append(rules.from_body(row.key, row.version, row.body))
    return found


def by_number(session: Session, portal_id: int) -> dict[tuple[str, int], Question]:
    """Every wording there ever was, by key and version."""
    found = kept(session, portal_id, None)
    return {(key, one.version): one for key, each in found.items() for one in each}


def number_of(known: Mapping[str, Sequence[Question]], one: Question) -> int:
    """The version of a wording among those that were kept; 0 if it never was."""
    body = rules.to_body(one)
    return max((q.version for q in known.get(one.key, ()) if rules.to_body(q) == body), default=0)
