"""The page of a rehearsal: what was found, who gets what and when, and how each sender's mail stands (product.md W4).

What was found is kept with the wave and read from there; the plan is worked out anew for the people shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.nps import mail_checks
from integration.nps.findings import Finding
from integration.nps.intents import LetterKind
from integration.nps.letter_source import Received
from integration.nps.mail_checks import Look, Sending
from integration.nps.policy import Policy, Sender
from integration.services import policies, rehearsal_letters, rehearsals, reports, rights, waves_checks
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.letter_drafts import Scene, scene
from integration.services.rehearsal_plan import PlanPage, page_in
from integration.services.rehearsals import STAGES, Making
from integration.services.report_types import WaveView
from integration.store import mailboxes, wave_lists, wave_queries
from integration.store import rehearsals as rows
from integration.store.base import reading
from integration.store.mailboxes import SenderMailbox
from integration.store.waves import Wave


@dataclass(frozen=True, slots=True)
class Kept:
    """What the last rehearsal found. `refusal`: why it does not count any more, empty if it does."""

    at: datetime
    by: str
    refusal: str
    findings: tuple[Finding, ...]
    calendar: str
    zones: Mapping[str, int]

    def of(self, level: str) -> list[Finding]:
        """The findings of a level: error, warning, note."""
        return [one for one in self.findings if one.level == level]


@dataclass(frozen=True, slots=True)
class Mail:
    """How the letters of one sender leave and what is known of its domain. `look`: nothing before the first one.

    `place`: of the sender in the settings of today, -1 where it is not there any more.
    """

    sender: Sender
    way: str
    selector: str
    received: Received | None
    received_at: datetime | None
    look: Look | None
    proven: bool
    place: int


@dataclass(frozen=True, slots=True)
class RehearsalPage:
    """All the page shows. `open`: it may still be rehearsed; `plan`: nothing where no list stands."""

    wave: WaveView
    open: bool
    making: Making | None
    kept: Kept | None
    clients: int
    eligible: int
    people: int
    reasons: Mapping[str, int]
    names: Mapping[str, list[str]]
    plan: PlanPage | None
    letters: tuple[LetterKind, ...]
    mail: tuple[Mail, ...]
    policy: Policy


NAMES = 8  # of those left out, by reason


def read(
    deps: Deps, who: Viewer, wave_id: int, words: str = "", show: str = "", page: int = 1
) -> RehearsalPage | None:
    """The page for somebody who may run surveys; nothing if the portal has no such wave.

    Raises `PermissionError` for everybody else, `LookupError` if the portal is gone.
    """
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        if not rights.of(session, who.portal_id, who).may_run_waves:
            raise PermissionError("rehearsal")
        wave = wave_queries.yearly(session, who.portal_id, wave_id)
        if wave is None:
            return None
        making = rehearsals.making(session, wave)
        today, _ = policies.load(session, who.portal_id)
        stage = scene(session, wave, now) if "zone" in wave.plan else None
        listed = stage is not None and wave.frozen_at is not None and making is None
        reasons = wave_lists.reasons(session, who.portal_id, wave_id) if listed else {}
        eligible = reasons.pop("", 0)
        return RehearsalPage(
            wave=reports.wave_view(wave), open=not wave.approved_by and wave.stage in STAGES, making=making,
            kept=_kept(wave, now), clients=sum(reasons.values()) + eligible, eligible=eligible, reasons=reasons,
            people=rows.count(session, who.portal_id, wave_id, (), "") if listed else 0,
            names={
                reason: [
                    row.name for row in wave_lists.lines_by_reason(session, who.portal_id, wave_id, reason, NAMES)
                ]
                for reason in reasons
            },
            plan=page_in(session, stage, now, words, show, page) if stage is not None and listed else None,
            letters=tuple(rehearsal_letters.kinds(stage, today)) if stage is not None else (),
            mail=tuple(_mail(deps, session, wave, stage, today)) if stage is not None else (),
            policy=today,
        )  # fmt: skip


def making(deps: Deps, who: Viewer, wave_id: int) -> Making | None:
    """How far a rehearsal is, for the script of the page. Raises `PermissionError`, `LookupError`."""
    with reading(deps.sessions) as session:
        if not rights.of(session, who.portal_id, who).may_run_waves:
            raise PermissionError("rehearsal")
        wave = wave_queries.yearly(session, who.portal_id, wave_id)
        if wave is None:
            raise LookupError("no such wave")
        return rehearsals.making(session, wave)


def _kept(wave: Wave, now: datetime) -> Kept | None:
    at = waves_checks.looked_at(wave)
    if at is None:
        return None
    report: Mapping[str, Any] = wave.looked.get("report") or {}
    found = [
        Finding.from_json(one) for kind in ("errors", "warnings", "notes") for one in report.get(kind, ())
    ]
    return Kept(
        at, str(wave.looked.get("by") or ""), waves_checks.refusal(wave, now), tuple(found),
        str(report.get("calendar") or ""), dict(report.get("zones") or {}),
    )  # fmt: skip


def _mail(deps: Deps, session: Session, wave: Wave, stage: Scene, today: Policy) -> list[Mail]:
    boxes = mailboxes.of(session, wave.portal_id)
    looks: Mapping[str, Any] = ((wave.looked or {}).get("outside") or {}).get("senders") or {}
    keys = [sender.key for sender in today.senders]
    sendings = waves_checks.sendings(deps, session, wave.portal_id, stage.policy)
    return [
        _one(sender, sending, boxes.get(sender.key), looks.get(sender.key), keys)
        for sender, sending in zip(stage.policy.senders, sendings, strict=True)
    ]


def _one(sender: Sender, sending: Sending, box: SenderMailbox | None, look: Any, keys: list[str]) -> Mail:
    seen = Look.from_json(look) if look else None
    at = (box.dkim or {}).get("at") if box is not None else None
    return Mail(
        sender=sender, way=box.way if box is not None else "operator", selector=sending.selector,
        received=sending.received, received_at=datetime.fromisoformat(at) if at else None,
        look=seen if seen is not None and seen.domain == sending.domain else None,
        proven=seen is not None and mail_checks.proves(sending, seen),
        place=keys.index(sender.key) if sender.key in keys else -1,
    )  # fmt: skip
