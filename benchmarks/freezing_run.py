"""One freeze in a process of its own: `python -m benchmarks.freezing_run molva|sql KIND URL FILE`.

Prints seconds and the highest resident memory as JSON and writes the list to FILE, one client a line.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, delete, select, text

from benchmarks.freezing_rows import NOW, TODAY, WAVE, email_of
from benchmarks.freezing_sql import CREATE, LIST, statement
from benchmarks.portal import KEY
from integration.adapters import KeySigner, OAuthServers, SecretDice, vault_keys
from integration.bitrix.call import Call
from integration.bitrix.oauth import OAuthClient
from integration.mail.smtp import NoMailer
from integration.services import waves_freeze
from integration.services.deps import Answer, BatchAnswer, Deps, Settings
from integration.store.base import Vault, make_engine, make_sessions, transaction
from integration.store.portals import Limits
from integration.store.waves import Invitation, WaveClient


class Still:
    """A clock that stands."""

    def now(self) -> datetime:
        """The moment of the freeze."""
        return NOW


@dataclass
class Contacts:
    """The portal in memory: the e-mails of contacts, without a network between."""

    requests: int = 0

    def __call__(self, endpoint: str, token: str, *, portal_id: int | None = None) -> Contacts:
        """As the factory of clients."""
        return self

    def call(self, call: Call) -> Answer:
        """Nothing is read one by one but overdue critical tasks, of which there are none."""
        if call.method != "tasks.task.list":
            raise NotImplementedError(call.method)
        return Answer({"tasks": []})

    def batch(self, calls: Mapping[str, Call], *, halt: bool = False) -> BatchAnswer:
        """The cards asked for."""
        self.requests += 1
        pages = {key: [_card(n) for n in call.params["filter"]["@id"]] for key, call in calls.items()}
        return BatchAnswer({key: Answer({"items": page}) for key, page in pages.items()}, {})


def _card(number: int) -> dict[str, Any]:
    address = email_of(number)
    fm = [{"id": 1, "typeId": "EMAIL", "valueType": "WORK", "value": address}] if address else []
    return {"id": number, "fm": fm}


def _molva(engine: Engine) -> tuple[float, list[tuple[Any, ...]], int]:
    contacts = Contacts()
    deps = Deps(
        sessions=make_sessions(engine), clock=Still(), settings=Settings(public_url="https://molva.example"),
        rest=contacts, oauth=OAuthServers(OAuthClient(("https://oauth.example",))), mailer=NoMailer(),
        signer=KeySigner((KEY,)), dice=SecretDice(),
    )  # fmt: skip
    with transaction(deps.sessions) as session:
        session.execute(delete(Invitation).where(Invitation.wave_id == WAVE))
        session.execute(delete(WaveClient).where(WaveClient.wave_id == WAVE))
        session.execute(delete(Limits))  # the clock stands, so the bucket of the last run would not drain
    began = time.perf_counter()
    waves_freeze.freeze(deps, 1, WAVE)
    seconds = time.perf_counter() - began
    columns = (
        WaveClient.client_kind, WaveClient.client_id, WaveClient.reason, WaveClient.since, WaveClient.deal_id,
        WaveClient.manager_id, WaveClient.yearly_revenue,
    )  # fmt: skip
    with engine.connect() as connection:
        rows = connection.execute(select(*columns).where(WaveClient.wave_id == WAVE)).all()
    return seconds, [tuple(row) for row in rows], contacts.requests


def _sql(engine: Engine, kind: str) -> tuple[float, list[tuple[Any, ...]], int]:
    one = statement(kind, "2026-01-12", "2025-01-12", "2025-10-12", (TODAY - timedelta(days=300)).isoformat())
    with engine.begin() as connection:
        connection.execute(text(f"DROP TABLE IF EXISTS {LIST}"))
        connection.execute(text(CREATE))
    began = time.perf_counter()
    with engine.begin() as connection:
        connection.exec_driver_sql(one)
    seconds = time.perf_counter() - began
    with engine.connect() as connection:
        rows = connection.execute(text(f"SELECT * FROM {LIST}")).all()  # noqa: S608
    return seconds, [tuple(row) for row in rows], 0


def main(side: str, kind: str, url: str, path: str) -> None:
    """Run one side."""
    Vault.configure(vault_keys((KEY,)))
    engine = make_engine(url)
    seconds, rows, requests = _molva(engine) if side == "molva" else _sql(engine, kind)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with open(path, "w", encoding="utf-8") as file:
        for row in sorted(rows):
            *facts, revenue = row
            money = Decimal(str(revenue or 0)).quantize(Decimal("0.01"))
            file.write("\t".join(str(fact) for fact in (*facts, money)) + "\n")
    print(json.dumps({"seconds": seconds, "peak": peak, "clients": len(rows), "requests": requests}))


if __name__ == "__main__":
    main(*sys.argv[1:])
