"""Real processes: started, waited for, stopped, and now and then killed."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Limits, not expectations: they are for a machine that has other things to do.
READY_SECONDS = 120.0
STOP_SECONDS = 30.0
#: Where free ports are looked for: below those that systems give to outgoing connections.
PORTS = range(20_000, 32_000)


class StuckError(RuntimeError):
    """Something did not happen in time; the text says what was being waited for."""


@dataclass
class Child:
    """One process of the demo with its log file. ``group``: killed together with its children."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    log: Path
    folder: Path
    ready_line: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> dict[str, Any]:
        """Starts it. With ``ready_line``: waits for its line of JSON and returns it. Raises ``StuckError``."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                list(self.command),
                env=dict(self.env),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self.ready_line else log,
                stderr=log,
                start_new_session=True,
            )
        return self._ready() if self.ready_line else {}

    def _ready(self) -> dict[str, Any]:
        stream = self.process.stdout if self.process is not None else None
        if stream is None:
            raise StuckError(f"{self.name} has no output to wait for")
        found: list[bytes] = []
        reader = threading.Thread(target=lambda: found.append(stream.readline()), daemon=True)
        reader.start()
        reader.join(READY_SECONDS)
        if not found or not found[0]:
            raise StuckError(f"{self.name} did not start:\n{self.tail()}")
        threading.Thread(target=_drain, args=(stream,), daemon=True).start()
        answer: dict[str, Any] = json.loads(found[0])
        return answer

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def pids(self) -> list[int]:
        """The process and its children, if the machine tells."""
        if self.process is None:
            return []
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        with contextlib.suppress(OSError, ValueError):
            return [self.process.pid, *map(int, path.read_text().split())]
        return [self.process.pid]

    def kill(self) -> None:
        """SIGKILL to the whole group: nobody gets to say goodbye."""
        self._signal(signal.SIGKILL)
        self._wait(STOP_SECONDS)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not listen."""
        if not self.alive:
            self._signal(signal.SIGKILL)  # children that outlived their parent
            return
        self._signal(signal.SIGTERM)
        if not self._wait(STOP_SECONDS):
            self.kill()

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def _wait(self, seconds: float) -> bool:
        if self.process is None:
            return True
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        if self.process.stdout is not None:
            self.process.stdout.close()
        return True


def _drain(stream: Any) -> None:
    with contextlib.suppress(ValueError, OSError):
        for _ in stream:
            pass


def python(*arguments: str) -> list[str]:
    """A command run by this very interpreter."""
    return [sys.executable, *arguments]


def free_port() -> int:
    """A port of loopback that nobody uses, for this process and those it starts, as long as it lives.

    A port that was free a moment ago may be taken before somebody listens on it, also between the death of who
    listened and the next start. So it is none of those that outgoing connections get, and it is held by a socket of
    the other kind (UDP), which disturbs nobody and shows whoever looks for a port here that this one is given away.
    """
    for number in random.SystemRandom().sample(PORTS, len(PORTS)):
        mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            mark.bind(("127.0.0.1", number))
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", number))
        except OSError:
            mark.close()
            continue
        mark.detach()  # it stays open until this process ends
        return number
    raise StuckError("no port is free")


def wait_for(what: str, check: Callable[[], bool], seconds: float, why: Callable[[], str] = str) -> None:
    """Asks until it is true; raises ``StuckError`` with ``why()`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    pause = 0.01
    while not check():
        if time.monotonic() > deadline:
            raise StuckError(f"waited {seconds:.0f} s for {what}. {why()}".rstrip())
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
