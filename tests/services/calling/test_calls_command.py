"""`molva calls`: a sheet out and in from the command line (product.md W9)."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import openpyxl
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from integration.cli import common
from integration.cli.main import cli
from integration.store.base import make_sessions
from tests.conftest import HandClock
from tests.services.calling import desk_world
from tests.services.calling.desk_world import Desk


@pytest.fixture
def desk(one_engine: Engine, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Two people to call; the command works on their database by their clock."""
    made = desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1})
    monkeypatch.setattr(common, "application", lambda: SimpleNamespace(deps=made.deps))
    return made


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["calls", *map(str, arguments)])


def test_a_sheet_is_taken_out_and_brought_back(desk: Desk, tmp_path: Path) -> None:
    """As a workbook and as CSV; a dry run records nothing; rows that cannot be taken are named with the reason."""
    book, table = tmp_path / "calls.xlsx", tmp_path / "calls.csv"
    done = _run("export", desk.wave_id, book, "--language", "uk")
    assert (done.exit_code, "2 people" in done.output) == (0, True), done.output
    codes = [row[0].value for row in list(openpyxl.load_workbook(book).worksheets[0].rows)[1:]]
    again = _run("export", desk.wave_id, table)
    assert (again.exit_code, "Nobody is left" in again.output, table.exists()) == (1, True, False)
    assert _run("export", desk.wave_id, book).exit_code == 1  # there is such a file
    desk.clock.moment += timedelta(hours=1)
    with table.open("w") as out:
        csv.writer(out).writerows(
            [("Code", "Date", "Time", "Outcome", "Score"), (codes[0], "2026-03-02", "10:05", "Gave a score", 7),
             (codes[1], "2026-03-02", "10:05", "Gave a score", "")]
        )  # fmt: skip
    dry = _run("import", desk.wave_id, table, "--dry-run")
    assert "1 would be taken in" in dry.output
    assert "calls row 3: An answer needs a score" in dry.output
    assert not desk.attempts()
    output = _run("import", desk.wave_id, table, "--json").output
    told = json.loads(output[output.index("{\n") :])  # behind the lines of the log
    assert told == {
        "done": 1, "new": 0, "same": 0, "refused": 1,
        "problems": [{"page": "calls", "row": 3, "status": "refused", "codes": ["no_score"]}],
    }  # fmt: skip
    assert [one.outcome for one in desk.attempts()] == ["answered"]
    assert "1 there already" in _run("import", desk.wave_id, table).output
    table.write_text("a,b\n")
    wrong = _run("import", desk.wave_id, table)
    assert (wrong.exit_code, "No column has the codes" in wrong.output) == (1, True)
