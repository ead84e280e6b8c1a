"""The report of a wave for one viewer: the result as it was frozen or as it stands, and what it rests on (N, W14).

A head or administrator sees the frozen result with the corrections made since beside it. Who sees only some of the
clients gets the numbers of these, as they stand: the frozen ones are everybody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from integration.nps.rights import Rights
from integration.services import (
    policies,
    question_numbers,
    reports,
    rights,
    wave_accounts,
    wave_result,
    workbooks,
)
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.report_types import WaveView
from integration.services.wave_accounts import Account as Account
from integration.services.wave_accounts import Json
from integration.store import reports as report_rows
from integration.store import wave_queries
from integration.store import wave_report as rows
from integration.store.base import reading
from integration.store.past_answers import ORIGIN
from integration.store.portals import Portal
from integration.store.question_numbers import Line
from integration.store.reports import Scope
from integration.store.wave_report import Correction as Correction
from integration.store.wave_report import LeftOut as LeftOut
from integration.store.waves import Wave

Standing = Literal["planned", "running", "cancelled", "preliminary", "frozen", "imported"]
NAMES = 8  # clients left out that are named for each reason
CORRECTIONS = 50
SPLIT = 20  # clients named whose people disagree
# Parts of a result that a newer Molva counts besides.
LATER = ("channels", "funnel", "inside", "branches", "managers", "change", "calls", "questions")


@dataclass(frozen=True, slots=True)
class Report:
    """What the report page shows. `shown`: the numbers (`wave_result.numbers`) as frozen, or as they stand; `live`: as
    they stand; `anew`: parts that the frozen result lacks and that are counted today.

    `standing`: `preliminary` from the end until the result is frozen; `everyone`: whether these are all clients.
    """

    wave: WaveView
    rights: Rights
    standing: Standing
    everyone: bool
    shown: Json
    live: Json
    anew: tuple[str, ...]
    frozen_at: datetime | None
    closed_at: datetime | None
    closed_by: str
    closed_why: str
    corrections: tuple[Correction, ...]
    left_out: tuple[LeftOut, ...]
    reasons: Mapping[str, int]
    split: tuple[Account, ...]
    names: Mapping[int, str]
    min_group: int
    currency: str
    workbooks: bool
    said: tuple[Line, ...] = ()  # answers in own words to extra questions, the newest first

    @property
    def sees_none(self) -> bool:
        """Whether none of the viewer's clients is on the list."""
        return not self.everyone and not self.reasons

    @property
    def corrected(self) -> bool:
        """Whether what has changed since moves the frozen index."""
        was, now = self.shown["clients"].get("nps"), self.live["clients"].get("nps")
        return self.standing == "frozen" and was is not None and now is not None and abs(was - now) > 0.005


def read(deps: Deps, who: Viewer, wave_id: int) -> Report | None:
    """The report of a wave for this viewer; nothing if the portal has no such wave. Raises `LookupError` if the portal
    is gone."""
    with reading(deps.sessions) as session:
        mine = rights.of(session, who.portal_id, who)
        wave = wave_queries.yearly(session, who.portal_id, wave_id)
        portal = session.get(Portal, who.portal_id)
        if wave is None or portal is None:
            return None
        scope = reports.scope_of(session, portal.id, mine, [wave.id])
        return report_in(session, portal, wave, mine, scope)


def numbers_of(deps: Deps, portal_id: int, wave_id: int) -> Json | None:
    """The result of a wave for programs: as frozen, else as it stands; nothing if there is no such wave."""
    with reading(deps.sessions) as session:
        wave = wave_queries.yearly(session, portal_id, wave_id)
        portal = session.get(Portal, portal_id)
        if wave is None or portal is None:
            return None
        found = report_in(session, portal, wave, Rights("administrator", 0), report_rows.EVERYONE)
        head = {"id": wave.id, "name": wave.name, "stage": wave.stage, "standing": found.standing}
        moment = wave.result_frozen_at.isoformat() if wave.result_frozen_at else None
        return {**head, "result_frozen_at": moment, "result": found.shown, "since": found.live["clients"]}


def report_in(session: Session, portal: Portal, wave: Wave, mine: Rights, scope: Scope) -> Report:
    """The report of the clients of `scope`, for somebody with these rights."""
    policy, _ = policies.load(session, portal.id)
    rules = policies.load_version(session, portal.id, wave.policy_version)
    live = wave_result.numbers(session, portal, wave, scope)
    standing = _standing(wave)
    kept = wave.result if scope.everyone and standing in ("frozen", "imported") else {}
    whole = bool(wave_accounts.kept_clients(wave)) and bool(kept)
    shown = {**live, **kept} if whole else live
    given = wave_accounts.read(session, portal, wave, scope, rules)
    split = sorted((one for one in given if one.split), key=lambda one: (-one.spread, one.name, one.key))
    since = wave.result_frozen_at if standing == "frozen" else None
    managers = {row["key"] for row in shown["managers"] if row["key"]}
    return Report(
        wave=reports.wave_view(wave), rights=mine, standing=standing, everyone=scope.everyone, shown=shown, live=live,
        anew=tuple(name for name in LATER if whole and standing == "frozen" and _is_anew(name, live, kept)),
        frozen_at=wave.result_frozen_at, closed_at=wave.closed_at, closed_by=wave.closed_by,
        closed_why=wave.closed_why or str(wave.plan.get("why") or ""),
        corrections=tuple(
            rows.corrections(session, portal.id, wave.id, scope, since, CORRECTIONS) if since else ()
        ),
        left_out=tuple(rows.left_out(session, portal.id, wave.id, scope, NAMES)),
        reasons=report_rows.standings(session, portal.id, [wave.id], scope)[wave.id],
        split=tuple(split[:SPLIT]), names=report_rows.names(session, portal.id, managers),
        min_group=policy.min_group, currency=portal.currency, workbooks=workbooks.available(),
        said=tuple(question_numbers.words(session, portal.id, wave.id, scope, shown.get("questions") or [])),
    )  # fmt: skip


def _is_anew(name: str, live: Json, kept: Json) -> bool:
    """Whether a part is counted today, since the kept result lacks it; calls and extra questions only where there
    were any."""
    return name not in kept and (name not in ("calls", "questions") or bool(live[name]))


def _standing(wave: Wave) -> Standing:
    if wave.origin == ORIGIN:
        return "imported"
    if wave.stage in ("draft", "rehearsed"):
        return "planned"
    if wave.stage == "cancelled":
        return "cancelled"
    if wave.stage != "closed":
        return "running"
    return "frozen" if wave.result_frozen_at else "preliminary"
