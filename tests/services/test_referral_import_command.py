"""`molva referrals import`: what would happen, choices, entries, and the way back, in a terminal (interface.md 2)."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from integration.cli import common
from integration.cli.main import cli
from integration.store.base import make_sessions
from integration.store.outbox import OutboxRow
from integration.store.referral_import_rows import ReferralImport
from tests.conftest import HandClock
from tests.services.import_world import HEAD, ImportWorld, import_world


@pytest.fixture
def place(one_engine: Engine, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> ImportWorld:
    made = import_world(make_sessions(one_engine), clock)
    monkeypatch.setattr(common, "application", lambda: SimpleNamespace(deps=made.world.deps))
    return made


def molva(place: ImportWorld, *arguments: Any) -> Result:
    portal = ["--portal", str(place.world.portal_id)]
    return CliRunner().invoke(cli, ["referrals", *map(str, arguments), *portal])


def test_the_command_previews_names_the_choices_enters_and_takes_back(
    place: ImportWorld, tmp_path: Path
) -> None:
    file = tmp_path / "past.csv"
    file.write_text(
        "\n".join(
            [
                HEAD,
                "Орион;Вега;12.03.2021",
                "Ромашка;Вега;12.03.2021",
                "Лира;Вега;03/04/2021",
                "company:3;Орион;x",
            ]
        ),
        encoding="cp1251",
    )
    done = molva(place, "import", file, "--dry-run", "--who", "Anna")
    assert done.exit_code == 0, done.output
    assert (
        "row 3: client 'Ромашка': several cards have this name; choices: company:4 Ромашка, company:5 ромашка"
        in done.stdout
    )
    assert (
        "row 4: '03/04/2021': day and month could be mixed up, say --dates dmy or --dates mdy" in done.stdout
    )
    assert "row 5: 'x' is no date" in done.stdout
    assert "1 rows would be taken over." in done.stdout
    assert {made.stage for made in place.world.rows(ReferralImport)} == {"dropped"}
    assert place.world.rows(OutboxRow) == []

    done = molva(
        place, "import", file, "--pick", "3:client=company:5", "--dates", "dmy", "--json", "--who", "Anna"
    )
    told = json.loads(done.stdout)
    assert (done.exit_code, told["counts"]) == (0, {"ready": 0, "taken": 2, "same": 0, "open": 1, "bad": 1})
    assert told["rows"][2]["code"] == "twins"
    again = molva(place, "import", file, "--pick", "3:client=company:5", "--dates", "dmy", "--who", "Anna")
    assert "0 rows taken over." in again.stdout
    assert "2 rows are there already." in again.stdout
    assert f"{told['list']}  2026-01-12  done  4 rows  past.csv (Anna)" in molva(place, "lists").stdout
    assert "2 rows taken back, 0 changed since and kept" in molva(place, "undo", told["list"]).stdout


def test_wrong_usage_and_failures_are_said_in_one_line(place: ImportWorld, tmp_path: Path) -> None:
    file = tmp_path / "past.csv"
    file.write_text(f"{HEAD}\nОрион;Вега;2021-01-02", encoding="utf-8")
    assert molva(place, "import", file, "--pick", "nonsense").exit_code == 2
    done = molva(place, "import", file, "--pick", "77:client=company:5")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (
        1,
        "molva: there is no row 77 to pick a card for",
    )
    place.portal.silent = True
    file.write_text(f"{HEAD}\nira@vega.example;Орион;2021-01-02", encoding="utf-8")
    assert "the portal does not answer just now" in molva(place, "import", file).stderr
    file.write_text("a;b\n1;2", encoding="utf-8")
    done = molva(place, "import", file)
    assert (done.exit_code, done.stderr) == (
        1,
        "molva: no column tells the client: name one client or company id\n",
    )
    assert "there is no list 99" in molva(place, "undo", 99).stderr
    done = CliRunner().invoke(cli, ["referrals", "import", str(file), "--portal", "999"])
    assert "there is no portal 999" in done.stderr
