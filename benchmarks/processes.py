"""The product as it runs in production: web and worker processes on one database, and portals beside them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.databases import Database
from benchmarks.portal import KEY, _silent
from integration.adapters import KeySigner, OAuthServers, PooledRest, SecretDice, vault_keys
from integration.app import build
from integration.bitrix.oauth import OAuthClient
from integration.bitrix.sandbox.server import control
from integration.clock import SystemClock
from integration.config import Config
from integration.mail.smtp import NoMailer
from integration.services.deps import Deps, Settings
from integration.store.base import Vault, make_engine, make_sessions
from integration.worker import clock as worker_clock

CLIENT_ID, SECRET = "local.bench", "secret-of-bench"


@dataclass(frozen=True)
class There:
    """One portal: its addresses and how to control it."""

    url: str
    oauth: str
    token: str
    member_id: str

    def control(self, path: str, data: Any = None, verb: str = "POST") -> Any:
        """A control call of the sandbox."""
        return control(self.url, self.token, path, data, verb)

    def webhook(self) -> str:
        """A new incoming webhook of the administrator: its path ``1/code``."""
        return str(self.control("/webhooks", {"user_id": 1})["url"]).rstrip("/").split("/rest/")[1]


@dataclass
class Portals:
    """The process that holds them."""

    process: subprocess.Popen[str]
    all: list[There]

    def ask(self, word: str) -> list[dict[str, Any]]:
        """``seen`` tells what happened in each, ``reset`` forgets it first."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        answer: list[dict[str, Any]] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def portals(*sizes: int) -> Iterator[Portals]:
    """A portal for each number of deals, for the length of a ``with`` block."""
    command = [sys.executable, "-m", "benchmarks.portals_process", *map(str, sizes)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Portals(
            process,
            [There(one["portal"], one["oauth"], one["control_token"], one["member_id"]) for one in told],
        )
    finally:
        assert process.stdin is not None
        process.stdin.close()
        _stopped(process)


def here(database: Database, there: There) -> Deps:
    """The use cases in this process, on the real clock."""
    Vault.configure(vault_keys((KEY,)))
    return Deps(
        sessions=make_sessions(make_engine(database.url)),
        clock=SystemClock(),
        settings=Settings(
            public_url="http://127.0.0.1", client_id=CLIENT_ID, client_secret=SECRET, oauth_origins=(there.oauth,),
            allow_http=True, worker_name="benchmark",
        ),
        rest=PooledRest(allow_http=True, observer=_silent),
        oauth=OAuthServers(OAuthClient((there.oauth,), allow_http=True)),
        mailer=NoMailer(),
        signer=KeySigner((KEY,)),
        dice=SecretDice(),
    )  # fmt: skip


@contextmanager
def product(database: Database, there: There, workers: int) -> Iterator[int]:
    """Two web processes and so many workers; the port of the web."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MOLVA_")} | {
        "MOLVA_SECRET_KEY": KEY, "MOLVA_PUBLIC_URL": "http://127.0.0.1", "MOLVA_ALLOW_HTTP_PORTALS": "1",
        "MOLVA_DATABASE_URL": database.url, "MOLVA_BITRIX_CLIENT_ID": CLIENT_ID,
        "MOLVA_BITRIX_CLIENT_SECRET": SECRET, "MOLVA_BITRIX_OAUTH_URL": there.oauth, "MOLVA_LOG_LEVEL": "warning",
    }  # fmt: skip
    web = ["benchmarks.intake_server", "molva", f"127.0.0.1:{port}"]
    with ExitStack() as stack:
        parts = {"web": stack.enter_context(_running(database, "web", web, environment))}
        for number in range(workers):
            name = f"worker{number}"
            parts[name] = stack.enter_context(_running(database, name, ["benchmarks.processes"], environment))
        _wait(port)
        time.sleep(3.0)
        _alive(database, parts)
        yield port
        _alive(database, parts)


def _alive(database: Database, parts: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for name, process in parts.items():
        if process.poll() is not None:
            log = (database.folder / f"{name}.log").read_text(errors="replace")
            raise RuntimeError(f"{name} has ended by itself: {log[-500:]}")


@contextmanager
def _running(
    database: Database, name: str, module: list[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    with open(database.folder / f"{name}.log", "wb") as log:
        process = subprocess.Popen([sys.executable, "-m", *module], env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        _stopped(process)


def _stopped(process: subprocess.Popen[Any]) -> None:
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(port: int) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server does not start")


if __name__ == "__main__":
    worker_clock.run(build(Config.from_env()).deps)
