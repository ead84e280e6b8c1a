"""One wave advanced in a process of its own: `python -m benchmarks.advancing_run molva|sql URL`.

Prints, as JSON, for each step its seconds, its statements and the letters it wrote, and the process's highest memory.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, event, func, insert, select, update

from benchmarks.advancing_rows import LINK, STEPS, address, token
from benchmarks.portal import KEY
from integration.adapters import KeySigner, OAuthServers, SecretDice, vault_keys
from integration.bitrix.calls import item_update
from integration.bitrix.oauth import OAuthClient
from integration.mail.smtp import NoMailer
from integration.services import waves
from integration.services.deps import Deps, Settings
from integration.store.base import Vault, make_engine, make_sessions
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.waves import Invitation

SLICE = 1000  # rows in one statement of the plain side


class Hand:
    """A clock that is moved from step to step."""

    moment: datetime

    def now(self) -> datetime:
        """The moment of the step under way."""
        return self.moment


class Counted:
    """Statements sent to the database; one with the rows of many people is one."""

    def __init__(self, engine: Engine) -> None:
        self.count = 0
        event.listen(engine, "before_cursor_execute", self._more)

    def _more(self, *_: Any) -> None:
        self.count += 1


def _molva(engine: Engine) -> Iterator[str]:
    clock = Hand()
    nobody: Any = None
    deps = Deps(
        sessions=make_sessions(engine), clock=clock, settings=Settings(public_url="https://molva.example"),
        rest=nobody, oauth=OAuthServers(OAuthClient(("https://oauth.example",))), mailer=NoMailer(),
        signer=KeySigner((KEY,)), dice=SecretDice(),
    )  # fmt: skip
    for step, moment in STEPS:
        clock.moment = moment
        yield step
        while waves.advance_due(deps):
            pass


def _sql(engine: Engine, people: int, bodies: dict[str, tuple[str, str, str]]) -> Iterator[str]:
    """The same rows, their texts made by filling in four places, a thousand people to a statement."""
    for step, moment in STEPS:
        yield step
        with engine.begin() as connection:
            for first in range(1, people + 1, SLICE):
                some = range(first, min(first + SLICE, people + 1))
                _plain(connection, step, moment, some, bodies)


def _plain(connection: Any, step: str, moment: datetime, some: Sequence[int], bodies: dict[str, Any]) -> None:
    table: Any = Invitation.__table__
    kept = {table.c.outcome: "no_answer", table.c.due_at: None} if step == "closing" else {
        table.c.touches: {step: moment.isoformat()}, table.c.last_letter_at: moment, table.c.due_at: moment,
    }  # fmt: skip
    connection.execute(update(table).where(table.c.id.between(some[0], some[-1])).values(kept))
    if step in bodies:
        connection.execute(
            insert(LetterRow.__table__), [_letter(step, moment, n, bodies[step]) for n in some]
        )  # type: ignore[arg-type]
    if step in ("invitation", "closing"):
        connection.execute(insert(OutboxRow.__table__), [_link(step, moment, n) for n in some])  # type: ignore[arg-type]


def _letter(step: str, moment: datetime, n: int, body: tuple[str, str, str]) -> dict[str, Any]:
    subject, plain, html = (
        part.replace(token(1), token(n)).replace("Company 1", f"Company {n}") for part in body
    )
    sender = "branch@agency.example.com"
    return {
        "portal_id": 1, "lane": address(n), "status": "waiting", "due_at": moment, "created_at": moment,
        "attempts": 0, "error": "", "key": f"{step}:{n}", "kind": step, "wave_id": 1, "invitation_id": n,
        "language": "ru", "wording": "", "sender_key": "branch", "sender_name": "Olga Branch",
        "sender_address": sender, "recipient_name": f"Eva Ray-{n}", "recipient_address": address(n),
        "subject": subject, "body_text": plain, "body_html": html, "message_id": f"<{step}-{n}@agency.example.com>",
        "headers": {"Reply-To": sender, "List-Unsubscribe": f"<https://molva.example/u/{token(n)}>"},
        "expires_at": moment, "way": "",
    }  # fmt: skip


def _link(step: str, moment: datetime, n: int) -> dict[str, Any]:
    call = item_update(
        "contact", n, {LINK: f"https://molva.example/s/{token(n)}" if step == "invitation" else ""}
    )
    return {
        "portal_id": 1, "lane": f"contact:{n}", "status": "waiting", "due_at": moment, "created_at": moment,
        "attempts": 0, "error": "", "key": f"{step}:{n}", "purpose": "field", "method": call.method,
        "call": call.to_json(), "cause_kind": "invitation", "cause_id": n,
    }  # fmt: skip


def _sent(engine: Engine, moment: datetime) -> int:
    """All letters written so far have left; how many there are."""
    table: Any = LetterRow.__table__
    with engine.begin() as connection:
        connection.execute(
            update(table)
            .where(table.c.status == "waiting")
            .values(status="done", handed_at=moment, sent_at=moment)
        )
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def main(side: str, url: str, people: int, bodies: str) -> None:
    """Run one side; `bodies`: a file for subject and text of the first person's letters, written by the product."""
    Vault.configure(vault_keys((KEY,)))
    engine = make_engine(url)
    counted = Counted(engine)
    if side == "molva":
        steps = _molva(engine)
    else:
        with open(bodies, encoding="utf-8") as file:
            steps = _sql(engine, people, {name: tuple(body) for name, body in json.load(file).items()})
    told: dict[str, Any] = {}
    letters = 0
    running = iter(steps)
    step = next(running, None)
    while step is not None:
        before, began = counted.count, time.perf_counter()
        following = next(running, None)
        seconds, statements = time.perf_counter() - began, counted.count - before
        total = _sent(engine, dict(STEPS)[step].astimezone(UTC))
        told[step] = {"seconds": seconds, "statements": statements, "letters": total - letters}
        letters, step = total, following
    if side == "molva":
        _keep(engine, bodies)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"steps": told, "peak": peak, "open": _open(engine)}))


def _keep(engine: Engine, path: str) -> None:
    table: Any = LetterRow.__table__
    rows = select(table.c.key, table.c.subject, table.c.body_text, table.c.body_html)
    with engine.connect() as connection:
        found = connection.execute(rows.where(table.c.invitation_id == 1)).all()
    with open(path, "w", encoding="utf-8") as file:
        json.dump(
            {key.partition(":")[0]: [subject, plain, html] for key, subject, plain, html in found}, file
        )


def _open(engine: Engine) -> int:
    table: Any = Invitation.__table__
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).where(table.c.outcome == "")).scalar_one())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
