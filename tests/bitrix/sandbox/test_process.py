"""The sandbox as a process of its own, and how fast it reads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from integration.bitrix.sandbox.agency import bulk_deals
from integration.bitrix.sandbox.server import control, running
from tests.bitrix.sandbox.agencies import small_agency
from tests.bitrix.sandbox.conftest import Caller

COMMAND = [sys.executable, "-m", "integration.bitrix.sandbox.server"]


def _start(*arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def test_it_starts_says_where_serves_and_ends(tmp_path: Path) -> None:
    """One JSON line when it listens; SIGTERM ends it with status 0; the clock file is obeyed."""
    agency, clock = tmp_path / "agency.json", tmp_path / "clock"
    agency.write_text(small_agency().to_json(), encoding="utf-8")
    clock.write_text("0\n")
    process, ready = _start("--agency", str(agency), "--clock-file", str(clock), "--control-token", "t")
    try:
        assert ready["ready"] is True
        assert ready["pid"] == process.pid
        caller = Caller(control(ready["portal"], "t", "/webhooks", {"user_id": 1})["url"])
        assert caller("crm.item.get", {"entityTypeId": 4, "id": 3})["item"]["title"] == "ACME"
        before = caller("server.time")
        control(ready["portal"], "t", "/clock/advance", {"seconds": 400 * 86400})
        assert int(caller("server.time")[:4]) >= int(before[:4]) + 1
        assert float(clock.read_text()) == 400 * 86400
        assert (
            requests.post(f"{ready['oauth']}/oauth/token/", timeout=60).json()["error"] == "invalid_request"
        )
        caller.session.close()
    finally:
        os.kill(process.pid, signal.SIGTERM)
        _, _ = process.communicate(timeout=120)
    assert process.returncode == 0


def test_a_wrong_agency_is_one_line_and_status_1(tmp_path: Path) -> None:
    """What cannot be loaded ends the start."""
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"nonsense": 1}')
    done = subprocess.run([*COMMAND, "--agency", str(wrong)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    assert "nonsense" in done.stderr


@pytest.fixture(scope="module")
def large() -> Any:
    """A portal with a hundred thousand deals."""
    with running(bulk_deals(100_000, 1_000)) as box:
        box.control("/settings", {"rate_limit": {"on": False}}, "PUT")
        yield box


def test_a_batch_of_fifty_pages_by_id_is_fast_anywhere(large: Any) -> None:
    """2,500 rows from the end of a large table in well under a second of work: the walk does not scan."""
    caller = Caller(large.control("/webhooks", {"user_id": 1})["url"])
    page = "crm.item.list?entityTypeId=2&select[]=id&select[]=title&order[id]=ASC&start=-1&filter[>id]="
    cmd = {"p0": page + "97000"} | {f"p{n}": f"{page}$result[p{n - 1}][items][49][id]" for n in range(1, 50)}
    began = time.process_time()
    pages = caller("batch", {"cmd": cmd})["result"]
    assert time.process_time() - began < 2.0
    assert [row["id"] for n in range(50) for row in pages[f"p{n}"]["items"]] == list(range(97_001, 99_501))
    caller.session.close()


def test_links_are_found_by_index(large: Any) -> None:
    """Deals of one company among a hundred thousand, forty times within two seconds of work."""
    caller = Caller(large.control("/webhooks", {"user_id": 1})["url"])
    began = time.process_time()
    for company in range(1, 41):
        params = {"entityTypeId": 2, "filter": {"companyId": company}, "select": ["id"], "start": -1}
        assert len(caller("crm.item.list", params)["items"]) == 50
    assert time.process_time() - began < 2.0
    caller.session.close()
