"""``molva demo``: a portal to walk around in is there in time, moves by its panel, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from integration.bitrix.sandbox.story_staff import CALLER
from integration.demo.browser import Browser, words
from integration.demo.world import CLIENT_ID

ROOT = Path(__file__).resolve().parents[2]
#: A week on a machine that has other things to do.
PATIENCE = 150.0


@dataclass
class Walk:
    """A running demo and the folder it keeps its things in."""

    process: subprocess.Popen[str]
    told: dict[str, Any]
    folder: Path
    printed: str

    def live(self) -> str:
        """The changing parts of the panel."""
        return requests.get(f"{self.told['panel']}/live", headers={"Accept-Language": "en"}, timeout=30).text

    def order(self, do: str) -> int:
        """Presses a button of the panel."""
        page = requests.get(self.told["panel"], timeout=30).text
        found = re.search(r'name="token" value="(\w+)"', page)
        assert found is not None
        body = {"do": do, "token": found[1]}
        head = {"X-Requested-With": "fetch"}
        return requests.post(f"{self.told['panel']}/clock", data=body, headers=head, timeout=30).status_code

    def until_rest(self) -> None:
        """Waits for the move under way."""
        deadline = time.monotonic() + PATIENCE
        while 'data-busy="1"' in self.live():
            assert time.monotonic() < deadline, self.live()
            time.sleep(0.2)

    def day(self) -> str:
        """The agency's day on the panel."""
        found = re.search(r'<time datetime="(\d{4}-\d\d-\d\d)T', self.live())
        assert found is not None
        return found[1]


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("MOLVA_")}
    env |= {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "integration", "demo", "--port", "0", "--clients", "24", "--seed", "2"]
    process = subprocess.Popen(
        command, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        printed, told = "", None
        for line in process.stdout:
            printed += line
            if line.startswith("{"):
                told = json.loads(line)
                break
        assert told is not None, process.stderr and process.stderr.read()
        yield Walk(process, told, tmp_path, printed)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def _ours(folder: Path) -> list[str]:
    """Processes whose command line or working folder lies in the demo's folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            where = os.readlink(entry / "cwd")
        except OSError:
            continue
        if where.startswith(str(folder / "molva-demo-")):
            found.append(entry.name)
    return found


def _somebody_calls(walk: Walk) -> None:
    """On the first day of calls the caller opens the desk in the portal; the panel tells what the client says."""
    for stage in ("announced", "calls"):
        assert walk.order("next") == 204
        walk.until_rest()
        assert f">{stage}<" in walk.live()
    assert "take a client: what the client says stands here" in walk.live()
    browser = Browser()
    asked = {"app": CLIENT_ID, "placement": "DEFAULT", "options": {}, "user": CALLER, "lang": "ru"}
    portal = walk.told["portal"].rstrip("/")
    head = {"Origin": portal}
    answer = requests.post(f"{portal}/ui-api/frame/open", json=asked, headers=head, timeout=30)
    assert answer.ok, answer.text
    frame = answer.json()
    opened = browser.post(frame["url"], frame["fields"])
    idle = next(form for form in opened.forms if "auto" in form.fields)
    desk = browser.post(f"{walk.told['molva']}/app/desk", idle.fields | {"do": "take"})
    number = re.search(r'href="tel:(\+\d+)"', desk.text)
    assert number is not None, words(desk.text)[:600]
    shown = walk.live()
    assert "<blockquote>" in shown
    assert number[1].removeprefix("+") in shown


@pytest.mark.journey
@pytest.mark.timeout(400)
def test_a_newcomer_walks_in_moves_a_week_and_leaves_nothing_behind(walk: Walk) -> None:
    for name in ("portal", "mail"):
        assert walk.told[name] in walk.printed
        answer = requests.get(walk.told[name], timeout=30)
        assert answer.ok
        assert "text/html" in answer.headers["Content-Type"]
    assert requests.get(f"{walk.told['molva']}/readyz", timeout=30).ok
    walk.until_rest()
    deadline = time.monotonic() + PATIENCE
    while "Getting the agency ready" in walk.live():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "Past survey 2025 is in" in walk.live()
    assert walk.day() == "2026-09-08"
    assert walk.order("week") == 204
    walk.until_rest()
    assert walk.day() == "2026-09-15"
    shown = walk.live()
    assert "approved survey 2026" in shown
    assert "It does not go on" not in shown
    _somebody_calls(walk)
    if Path("/proc").is_dir():
        assert len(_ours(walk.folder)) >= 4
    walk.process.send_signal(signal.SIGINT)
    assert walk.process.wait(PATIENCE) == 0
    assert list(walk.folder.glob("molva-demo-*")) == []
    assert _ours(walk.folder) == []
    with pytest.raises(requests.ConnectionError):
        requests.get(walk.told["portal"], timeout=5)
