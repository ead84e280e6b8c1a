"""An agency that asks after a project: clients with deals, the stage history as it is mirrored, a worker's round."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from integration.services import survey
from integration.services.projects import asking, entries
from integration.store import mirror
from integration.store.base import Sessions, transaction
from integration.store.clients import Deal, StageMove
from integration.store.project_runs import ProjectRun
from integration.store.waves import Invitation
from tests.conftest import HandClock
from tests.services import wave_world
from tests.services.survey_world import BROWSER, TOUCH
from tests.services.wave_world import SERVICE

DONE = f"C{SERVICE}:WON"
MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)  # noon in Moscow
ON: dict[str, Any] = {"project_surveys": True, "project_stages": [DONE], "wave_month": 3}


class World(wave_world.World):
    """A portal whose surveys after a project are on since 30 October 2026."""

    def enters(self, deal: int, stage: str = DONE, at: datetime | None = None, number: int = 0) -> int:
        """A deal enters a stage, and the history is read; the number of its row."""
        moment = at or self.clock.now()
        with transaction(self.deps.sessions) as session:
            number = number or (session.scalar(select(func.max(StageMove.id))) or 0) + 1
            semantics = "S" if stage.endswith("WON") else "F" if stage.endswith("LOSE") else ""
            row = {
                "portal_id": self.portal_id, "id": number, "deal_id": deal, "category_id": SERVICE,
                "stage_id": stage, "semantics": semantics, "moved_at": moment,
            }  # fmt: skip
            found = session.get_one(Deal, (self.portal_id, deal))
            found.stage_id, found.semantics = stage, semantics or "P"
            mirror.put_moves(session, self.portal_id, [row])
            entries.entered(session, self.portal_id, [row])
        return number

    def work(self) -> None:
        """Everything due now, the runs too."""
        for _ in range(50):
            found = asking.advance_due(self.deps)
            self.tick()
            if not found:
                return
        raise AssertionError("the runs do not come to rest")

    def pass_to(self, moment: datetime) -> None:
        """Let time pass from one due moment to the next."""
        self.work()
        while self.clock.moment < moment:
            with transaction(self.deps.sessions) as session:
                run = session.scalar(
                    select(func.min(ProjectRun.due_at)).where(ProjectRun.due_at > self.clock.moment)
                )
            due = [at for at in (*self._due(), run) if at is not None and at > self.clock.moment]
            self.clock.moment = min([*due, moment])
            self.work()

    def runs(self) -> list[ProjectRun]:
        return self.rows(ProjectRun)

    def said(self) -> list[tuple[int, str, str]]:
        """Deal, status and reason of each run."""
        return [(run.deal_id, run.status, run.reason) for run in self.runs()]

    def sent(self) -> list[tuple[str, str, str]]:
        """Letters that left: to whom, what kind, which day and hour UTC."""
        return [
            (row.recipient_address, row.kind, f"{row.handed_at:%m-%d %H}")
            for row in self.letters()
            if row.handed_at is not None
        ]

    def asked(self) -> Invitation:
        """The person asked about a project last."""
        found: Invitation = self.rows(Invitation)[-1]
        return found

    def human(self, score: int, comment: str = "", one: Invitation | None = None) -> None:
        """A person opens the letter's page, touches it and answers."""
        token = (one or self.asked()).token
        page = survey.page(self.deps, token)
        self.clock.advance(seconds=5)
        proof = survey.prove(self.deps, token, page.nonce, TOUCH, user_agent=BROWSER) or ""
        done = survey.answer(
            self.deps, token, {"score": str(score), "comment": comment}, proof=proof, user_agent=BROWSER
        )
        assert done.status == "counted", done


def make_world(sessions: Sessions, clock: HandClock, **policy: Any) -> World:
    clock.moment = datetime(2026, 10, 30, 9, tzinfo=UTC)
    made = wave_world.make_world(sessions, clock, policy={**ON, **policy})
    clock.moment = MONDAY
    return World(made.deps, clock, made.portal_id, made.contacts, made.post)
