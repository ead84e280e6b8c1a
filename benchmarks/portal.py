"""The other end of `portal_process`: starts it, asks it, and leads Molva to it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, MultiFernet

from benchmarks.databases import Database
from integration.adapters import KeySigner, OAuthServers, PooledRest, SecretDice
from integration.bitrix.client import Report
from integration.bitrix.oauth import OAuthClient
from integration.bitrix.sandbox.clock import VirtualClock
from integration.bitrix.sandbox.server import control
from integration.clock import OffsetClock
from integration.mail.smtp import NoMailer
from integration.services import setup
from integration.services.deps import Deps, Settings
from integration.store.base import Vault, make_engine, make_sessions, transaction
from integration.store.portals import Portal

KEY = "benchmarks-" + "k" * 32


@dataclass
class PortalProcess:
    """A running portal. ``clock`` is the virtual time that it and its callers share."""

    process: subprocess.Popen[str]
    folder: Path
    url: str
    tls: str
    token: str
    clock: VirtualClock
    authority: Path
    hooks: list[str] = field(default_factory=list)

    def ask(self, word: str) -> dict[str, Any]:
        """``seen`` tells what happened, ``reset`` forgets it first."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def control(self, path: str, data: Any = None, verb: str = "POST") -> Any:
        """A control call of the sandbox."""
        return control(self.url, self.token, path, data, verb)

    def settings(self, **values: Any) -> None:
        """Switches of the sandbox."""
        self.control("/settings", values, "PUT")

    def webhook(self) -> str:
        """A new incoming webhook of the administrator: its path ``1/code``. Budgets are kept for each."""
        path = str(self.control("/webhooks", {"user_id": 1})["url"]).rstrip("/").split("/rest/")[1]
        self.hooks.append(path)
        return path


@contextmanager
def portal(deals: int, companies: int) -> Iterator[PortalProcess]:
    """A portal with so many deals, for the length of a ``with`` block."""
    folder = Path(tempfile.mkdtemp(prefix="molva-bench-portal-"))
    (folder / "clock").write_text("0\n", encoding="ascii")
    command = [sys.executable, "-m", "benchmarks.portal_process", str(folder), str(deals), str(companies)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        clock = VirtualClock(folder / "clock")
        yield PortalProcess(
            process, folder, told["portal"], told["tls"], told["token"], clock, folder / "authority.pem"
        )
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _silent(report: Report) -> None:
    """The portal counts."""


def molva(database: Database, there: PortalProcess) -> tuple[Deps, int]:
    """Molva connected to the portal by a webhook and set up, in this database, on the portal's virtual time."""
    Vault.configure(MultiFernet([Fernet(Fernet.generate_key())]))
    sessions = make_sessions(make_engine(database.url))
    clock = OffsetClock(there.folder / "clock")
    deps = Deps(
        sessions=sessions,
        clock=clock,
        settings=Settings(public_url="http://127.0.0.1", allow_http=True),
        rest=PooledRest(allow_http=True, observer=_silent),
        oauth=OAuthServers(OAuthClient((there.url,), allow_http=True)),
        mailer=NoMailer(),
        signer=KeySigner((KEY,)),
        dice=SecretDice(),
    )
    with transaction(sessions) as session:
        row = Portal(**_row(there, clock.now()))
        session.add(row)
    there.ask("reset")  # others may have filled the bucket
    setup.setup(deps, row.id)
    return deps, row.id


def _row(there: PortalProcess, now: datetime) -> dict[str, Any]:
    hook = there.webhook()
    return {
        "member_id": hook, "client_id": "", "kind": "webhook", "status": "active",
        "domain": there.url.partition("://")[2], "endpoint": f"{there.url}/rest/", "access_token": hook,
        "installed_at": now,
    }  # fmt: skip
