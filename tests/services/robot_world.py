"""A portal whose automation has Molva's robot and triggers: deals of clients that may be asked, a mail server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from integration.bitrix.sandbox.clock import VirtualClock
from integration.services import letters, setup, survey, waves
from integration.services.projects import asking
from integration.store.base import Sessions, reading, transaction
from integration.store.outbox import OutboxRow
from integration.store.policies import PolicyRow
from integration.store.project_runs import ProjectRun
from integration.store.waves import Invitation
from tests.services.life_world import staffed
from tests.services.portal_world import CLIENT_ID, SCOPE, SECRET, World, world
from tests.services.wave_world import Post

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
TOUCH = {"type": "pointerdown", "trusted": True, "purpose": "answer"}
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
PEOPLE = {1: "ira@vega.example.com", 2: "oleh@alone.example.com", 3: "eva@vega.example.com"}
DONE = "C2:WON"
ASK: dict[str, Any] = {"stage": DONE, "code": "molva_ask", "wait": True}
POLICY: dict[str, Any] = {
    "project_surveys": True, "triggers": True, "time_zone": "Europe/Moscow", "language": "en", "country": "",
    "critical_tasks": False,
    "senders": [{"key": "olga", "user_id": 5, "name": "Olga Head", "position": "Head", "phone": "+74950000000",
                 "email": "olga@agency.example.com"}],
    "default_sender": "olga", "head_sender": "olga", "head_user_id": 5, "default_owner": 5,
}  # fmt: skip


@dataclass
class Robots:
    """The portal, and what our worker does in it."""

    there: World
    post: Post

    def settle(self, rounds: int = 12) -> None:
        """Everything delivered and done, short waits passed."""
        deps, quiet = self.there.deps, 0
        for _ in range(rounds):
            self.there.settle()
            found = [asking.advance_due(deps), waves.advance_due(deps), letters.drain(deps)]
            quiet = 0 if any(found) else quiet + 1
            if quiet > 1:
                return
            self.there.clock.advance(61)

    def policy(self, **changes: Any) -> None:
        """Other settings from now on."""
        with transaction(self.there.deps.sessions) as session:
            version = session.scalars(select(func.max(PolicyRow.version))).one() or 0
            session.add(
                PolicyRow(
                    portal_id=self.there.portal_id, version=version + 1, body={**POLICY, **changes},
                    saved_at=self.there.clock.now(), author="Olga Head",
                )
            )  # fmt: skip

    def build(self, *rules: dict[str, Any]) -> None:
        """What the agency has put on its stages."""
        self.there.box.control("/settings", {"automation": list(rules)}, "PUT")

    def moves(self, deal: int = 2, stage: str = DONE) -> None:
        """An employee moves a deal."""
        self.there.act(6, "crm.item.update", entityTypeId=2, id=deal, fields={"stageId": stage})

    def stage(self, deal: int = 2) -> str:
        return str(self.there.box.portal.state.items[2].rows[deal]["stageId"])

    def runs(self) -> list[dict[str, Any]]:
        """The robots that ran, as the portal shows them."""
        return list(self.there.dump()["robots"])

    def triggers(self) -> list[tuple[str, int]]:
        return [(row["CODE"], row["OWNER_ID"]) for row in self.there.dump()["triggers"]]

    def rows(self, table: type[Any]) -> list[Any]:
        with reading(self.there.deps.sessions) as session:
            return list(session.scalars(select(table).order_by(table.id)))

    def outbox(self, purpose: str) -> list[OutboxRow]:
        return [row for row in self.rows(OutboxRow) if row.purpose == purpose]

    def asked(self) -> list[ProjectRun]:
        return self.rows(ProjectRun)

    def answers(self, score: int, comment: str = "") -> None:
        """The person of the newest letter opens the page, chooses, writes and sends."""
        deps, token = self.there.deps, self.rows(Invitation)[-1].token
        page = survey.page(deps, token)
        self.there.clock.advance(5)
        proof = survey.prove(deps, token, page.nonce, TOUCH, user_agent=BROWSER) or ""
        form = {"score": str(score), "comment": comment}
        assert survey.answer(deps, token, form, proof=proof, user_agent=BROWSER).status == "counted"


@contextmanager
def robot_world(
    sessions: Sessions, *, scope: tuple[str, ...] = ("bizproc",), **policy: Any
) -> Iterator[Robots]:
    """Installed with these further rights, set up and synchronised, on a Monday morning."""
    data = staffed()
    for person in data.contacts:
        person["fm"] = [{"typeId": "EMAIL", "valueType": "WORK", "value": PEOPLE[person["id"]]}]
    for person in data.users:
        person["EMAIL"] = f"user{person['ID']}@agency.example.com"
    clock = VirtualClock()
    clock.advance((MONDAY - clock.now()).total_seconds())
    with world(sessions, data, clock) as made:
        post = Post()
        made.deps = replace(made.deps, mailer=post)
        app = {
            "client_id": CLIENT_ID, "client_secret": SECRET, "install_url": f"{made.address}/bitrix/install",
            "app_url": f"{made.address}/bitrix/app", "kind": "local", "ui": True, "scope": [*SCOPE, *scope],
        }  # fmt: skip
        made.box.control("/apps", app)
        made.ready()
        found = Robots(made, post)
        found.policy(**policy)
        setup.setup(made.deps, made.portal_id, people=False)
        yield found
