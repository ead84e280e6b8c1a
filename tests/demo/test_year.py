"""The agenda keeps the order of time, processes are really started and really killed."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integration.demo import processes, year
from integration.demo.processes import Child, StuckError, free_port, wait_for
from integration.demo.year import Agenda, Year

START = datetime(2026, 1, 12, 6, tzinfo=UTC)


def test_the_agenda_gives_what_is_due_in_the_order_of_time_and_of_entry() -> None:
    agenda, done = Agenda(), []
    for hours, name in ((3, "c"), (1, "a"), (1, "b"), (9, "z")):
        agenda.put(START + timedelta(hours=hours), name, lambda name=name: done.append(name))
    assert agenda.next == START + timedelta(hours=1)
    for _, thunk in agenda.pop_due(START + timedelta(hours=3)):
        thunk()
    assert done == ["a", "b", "c"]
    assert agenda.next == START + timedelta(hours=9)


@dataclass
class FakeWorld:
    """Molva tells how many rows are due, one number a look, in the end none; what the runner does is written down."""

    folder: Path
    due: list[int]
    moment: datetime = START
    seen: list[Any] = field(default_factory=list)
    children: dict[str, Any] = field(default_factory=dict)
    upheaval: Any = field(default_factory=threading.RLock)
    deaths: int = 0

    def __post_init__(self) -> None:
        self.control, self.mail = self, self.folder

    def post(self, *_: Any) -> dict[str, int]:
        return {"pending": 0}

    def now(self) -> datetime:
        return self.moment

    def jump(self, moment: datetime) -> None:
        self.seen.append("leap")
        self.moment = moment

    def metrics(self) -> dict[str, float]:
        self.seen.append(self.due.pop(0) if self.due else 0)
        return {"molva_due_rows": self.seen[-1]}


def test_the_clock_does_not_leap_over_what_became_due_between_two_looks(tmp_path: Path) -> None:
    """A letter to be tried again in two seconds waits for nobody who looks a moment too early."""
    world = FakeWorld(tmp_path, [0, 0, 1])  # at rest, and due when the next moment is looked for
    Year(world, {}, lambda _: None).run(START + timedelta(days=1))  # type: ignore[arg-type]
    assert world.seen[:7] == [0, 0, 1, 0, 0, 0, "leap"]


@pytest.mark.parametrize(("deaths", "leaps"), [(0, 0), (1, 1)])
def test_the_clock_leaps_over_what_a_dead_worker_holds_and_waits_for_a_slow_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int, leaps: int
) -> None:
    """Whoever is slow still has its work in hand; one minute passes for one death."""
    monkeypatch.setattr(year, "STALLED_SECONDS", 0.0)
    world = FakeWorld(tmp_path, [2, 2, 2, 2, 2], deaths=deaths)
    lived = Year(world, {}, lambda _: None)  # type: ignore[arg-type]
    lived.settle()
    assert (world.seen.count("leap"), world.due, lived.rested) == (leaps, [], {"molva_due_rows": 0})


def test_a_port_that_was_given_away_is_given_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while nobody listens on it, as between the death of a process and its next start."""
    given = free_port()
    monkeypatch.setattr(processes, "PORTS", range(given, given + 1))
    with pytest.raises(StuckError):
        free_port()
    socket.create_server(("127.0.0.1", given)).close()


def a_child(tmp_path: Path, program: str) -> Child:
    command = [sys.executable, "-c", program]
    return Child("child", command, dict(os.environ), tmp_path / "log", tmp_path, ready_line=True)


FAMILY = """
import json, os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
print(json.dumps({"child": child.pid}), flush=True)
time.sleep(300)
"""


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_process_goes_together_with_its_children(tmp_path: Path, end: str) -> None:
    child = a_child(tmp_path, FAMILY)
    pid = child.start()["child"]
    assert child.alive
    getattr(child, end)()
    assert not child.alive
    wait_for("the grandchild's end", lambda: not _runs(pid), 60)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_process_that_does_not_start_says_why(tmp_path: Path) -> None:
    child = a_child(tmp_path, "raise SystemExit('no luck')")
    with pytest.raises(StuckError, match="no luck"):
        child.start()


def test_waiting_ends_with_what_was_waited_for() -> None:
    begun = time.monotonic()
    with pytest.raises(StuckError, match=r"waited 0 s for the moon\. it is new"):
        wait_for("the moon", lambda: False, 0.2, lambda: "it is new")
    assert time.monotonic() - begun < 60
