"""Whatever REST method Molva's code names, the official SDK has performed it and been refused by it here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import integration
from integration.bitrix import calls
from integration.bitrix.calls import ENTITY_TYPES
from integration.bitrix.sandbox.portal import METHODS
from tests.bitrix.sandbox.test_sdk_conformance import CONFORMANCE_COVERED

ROOT = Path(integration.__file__).parent
_BUILDERS = {"Call", "Probe"}
#: The module that defines the two values; it builds them from stored data.
_DEFINES = {ROOT / "bitrix" / "call.py"}


def _sources() -> Iterator[Path]:
    for path in [*ROOT.rglob("*.py"), *(ROOT.parent / "webhooks").rglob("*.py")]:
        if "sandbox" not in path.parts and path not in _DEFINES:
            yield path


def _method_argument(node: ast.Call) -> ast.expr | None:
    if node.args:
        return node.args[0]
    return next((word.value for word in node.keywords if word.arg == "method"), None)


def _names(argument: ast.expr) -> list[str]:
    """Every name the expression can stand for; a placeholder in it is a kind of card."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return [argument.value]
    if isinstance(argument, ast.JoinedStr):
        parts = [
            [str(p.value)] if isinstance(p, ast.Constant) else list(ENTITY_TYPES) for p in argument.values
        ]
        return ["".join(chosen) for chosen in product(*parts)]
    if isinstance(argument, ast.Attribute) and argument.attr == "method":
        return []  # a changed copy of a call that was built, and found, elsewhere
    raise AssertionError(f"a method's name is not written out: {ast.unparse(argument)}")


def _builders(tree: ast.Module) -> set[str]:
    """Which of the two names are the portal's in this module: a call of a caller to a client is another ``Call``."""
    elsewhere = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("integration.bitrix")
        for alias in node.names
    }
    made = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    return _BUILDERS - elsewhere - made


def called_methods() -> set[str]:
    """Names of all methods built with ``Call(…)`` or ``Probe(…)`` anywhere in the product."""
    found: set[str] = set(calls.METHODS)
    for path in _sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        builders = _builders(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in builders:
                argument = _method_argument(node)
                found |= set(_names(argument)) if argument is not None else set()
    return {name.lower() for name in found}


def test_every_called_method_is_in_the_sdk_tables() -> None:
    """A new call needs a success and a refusal in the tables before it can be merged."""
    called = called_methods()
    assert len(called) > 20
    assert called - CONFORMANCE_COVERED == set()


def test_the_sandbox_has_every_called_method() -> None:
    """A called method that the sandbox lacks would only fail on a customer's portal."""
    assert called_methods() - set(METHODS) - {"batch"} == set()


def test_the_scan_understands_names_with_a_kind_of_card() -> None:
    """``crm.{entity}.userfield.add`` stands for one method of each kind."""
    argument = ast.parse('f"crm.{entity}.userfield.add"', mode="eval").body
    assert _names(argument) == [f"crm.{entity}.userfield.add" for entity in ENTITY_TYPES]
