"""The documentation names every setting, command, address and decision that exists."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from integration.cli.main import cli
from integration.config import ConfigError, _Reader

ROOT = Path(__file__).parent.parent


def _settings() -> set[str]:
    reader = _Reader({})
    with pytest.raises(ConfigError):
        reader.config()
    return {name for name in reader.known if not name.endswith("_FILE")}


def _commands(group: click.Group, prefix: str = "molva") -> set[str]:
    found = set()
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= _commands(command, f"{prefix} {name}")
        else:
            found.add(f"{prefix} {name}")
    return found


def test_every_setting_is_in_the_operators_table_and_no_other() -> None:
    text = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(MOLVA_[A-Z_0-9]+)`", text, re.MULTILINE))
    assert documented == _settings()


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    assert {name for name in _commands(cli) if f"`{name}" not in text} == set()


def test_every_command_says_what_it_does_in_its_help() -> None:
    def nameless(group: click.Group) -> list[str]:
        out = []
        for name, command in group.commands.items():
            if not (command.help or "").strip():
                out.append(name)
            if isinstance(command, click.Group):
                out += nameless(command)
        return out

    assert nameless(cli) == []


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []


def test_files_named_in_the_documentation_exist() -> None:
    missing = []
    for page in ("README.md", "CONTRIBUTING.md", "docs/architecture.md"):
        for name in re.findall(
            r"`((?:integration|webhooks|tests|docs)/[\w./-]+?)`", (ROOT / page).read_text("utf-8")
        ):
            if not (ROOT / name).exists():
                missing.append(f"{page}: {name}")
    assert missing == []
