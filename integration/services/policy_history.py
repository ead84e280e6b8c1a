"""Versions of the settings: who saved what when, what each changed, and bringing one back (product.md P; flow 4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from integration.nps.policy import PolicyProblem
from integration.nps.policy_changes import Change, changes
from integration.nps.policy_json import from_json, to_json
from integration.services import policies, rights
from integration.services.deps import Deps
from integration.services.policies import Refused, Saved
from integration.store import choices as choice_rows
from integration.store import policies as rows
from integration.store.base import reading

PAGE = 20


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the settings. `at` is UTC; `by_machine`: the default, stored because a survey needed it;
    `same_as`: the younger of the earlier versions on the page with the same settings: it was brought back.
    """

    number: int
    author: str
    at: datetime
    by_machine: bool
    changes: tuple[Change, ...]
    same_as: int | None


@dataclass(frozen=True, slots=True)
class KeptRules:
    """A survey that goes on under the rules its list was made with, whatever is saved now."""

    wave_id: int
    name: str
    stage: str
    version: int
    author: str
    at: datetime | None


def versions(deps: Deps, portal_id: int, before: int = 0) -> tuple[list[Version], bool]:
    """A page of versions, the youngest first, and whether there are older ones. `before`: older than that one."""
    with reading(deps.sessions) as session:
        found = rows.latest(session, portal_id, PAGE + 1, before)
    read = [(row, from_json(row.body)[0]) for row in found]
    page: list[Version] = []
    for place, (row, policy) in enumerate(read[:PAGE]):
        earlier = read[place + 1][1] if place + 1 < len(read) else None
        same = (other.version for other, old in read[place + 2 :] if old == policy)
        page.append(
            Version(
                row.version, row.author, row.saved_at, row.author == policies.MACHINE,
                changes(earlier, policy) if earlier is not None else (), next(same, None),
            )
        )  # fmt: skip
    return page, len(found) > PAGE


def author(deps: Deps, portal_id: int, user_id: int) -> str:
    """How whoever saves is recorded."""
    with reading(deps.sessions) as session:
        return rights.name_of(session, portal_id, user_id)


def difference(deps: Deps, portal_id: int, number: int) -> tuple[Change, ...] | None:
    """What bringing a version back would change now; nothing if there is no such version."""
    with reading(deps.sessions) as session:
        row = rows.version(session, portal_id, number)
        if row is None:
            return None
        current, _ = policies.load(session, portal_id)
        return changes(current, from_json(row.body)[0])


def restore(deps: Deps, portal_id: int, number: int, author: str, seen: int) -> Saved | Refused:
    """Bring a version back as a new one. `seen`: the version that counted when the author decided.

    Refused with `changed_meanwhile` if somebody has saved since, with `no_such_version`, or with what cannot
    work any more, e.g. an employee who has left.
    """
    with reading(deps.sessions) as session:
        row = rows.version(session, portal_id, number)
        current, version = policies.load(session, portal_id)
    if row is None:
        return Refused(current, version, (PolicyProblem("", "no_such_version", {"version": number}),))
    policy = from_json(row.body)[0]
    if version != seen and policy != current:
        return Refused(current, version, (PolicyProblem("", "changed_meanwhile", {"version": version}),))
    return policies.submit(deps, portal_id, to_json(policy), author, version)


def kept_rules(session: Session, portal_id: int) -> list[KeptRules]:
    """Surveys whose list has been made, with the version they keep."""
    found = []
    for wave in choice_rows.unfinished_waves(session, portal_id):
        if wave.frozen_at is None:
            continue
        row = rows.version(session, portal_id, wave.policy_version)
        found.append(
            KeptRules(
                wave.id, wave.name, wave.stage, wave.policy_version, row.author if row else "",
                row.saved_at if row else None,
            )
        )  # fmt: skip
    return found
