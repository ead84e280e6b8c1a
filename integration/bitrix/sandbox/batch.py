"""``batch``: fifty commands in order, references to earlier results, maps that are ``[]`` when empty
(bitrix24.md 4.4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .agency import Json
from .errors import ConnectionCut, RestError
from .forms import decode, php_array
from .portal import Answer, Context

MAX = 50
_REFERENCE = re.compile(r"\$result((?:\[[^\[\]]*\])+)")
_FORBIDDEN = frozenset({"batch"})

Call = Callable[[str, Json], tuple[Answer, float]]


def run_batch(ctx: Context, commands: dict[str, str], halt: bool, call: Call, half: bool) -> Json:
    """Runs the commands; with ``half`` the connection dies after the first half took effect."""
    results: dict[str, Any] = {}
    errors: dict[str, Json] = {}
    totals: dict[str, int] = {}
    nexts: dict[str, int] = {}
    times: dict[str, Json] = {}
    for place, (key, command) in enumerate(commands.items()):
        if half and place >= (len(commands) + 1) // 2:
            raise ConnectionCut("half of the batch")
        try:
            name, params = _read(place, command, results)
            answer, seconds = call(name, params)
        except RestError as error:
            errors[key] = error.body()
            ctx.portal.journal.refused(error.code)
            if halt:
                break
            continue
        results[key] = answer.result
        times[key] = _times(ctx, name, seconds)
        if answer.total is not None:
            totals[key] = answer.total
        if answer.next is not None:
            nexts[key] = answer.next
    maps = {"result": results, "result_error": errors, "result_total": totals, "result_next": nexts}
    return {name: php_array(map_, deep=False) for name, map_ in (maps | {"result_time": times}).items()}


def _times(ctx: Context, name: str, seconds: float) -> Json:
    from .rest import command_time

    return command_time(ctx, name, seconds)


def _read(place: int, command: str, results: dict[str, Any]) -> tuple[str, Json]:
    if place >= MAX:
        raise RestError("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
    path, _, query = command.partition("?")
    name = path.strip().strip("/").lower().removesuffix(".json")
    if name in _FORBIDDEN:
        raise RestError("ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage", 405)
    params = {key: resolve(value, results) for key, value in decode(query).items() if key != "auth"}
    return name, params


def resolve(value: Any, results: dict[str, Any]) -> Any:
    """Puts earlier results in the place of ``$result[key][field]``; what is not there becomes ""."""
    if isinstance(value, dict):
        return {key: resolve(item, results) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, results) for item in value]
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return _lookup(whole.group(1), results)
    return _REFERENCE.sub(lambda match: str(_lookup(match.group(1), results)), value)


def _lookup(path: str, results: Any) -> Any:
    here = results
    for key in path[1:-1].split("]["):
        if isinstance(here, dict):
            here = here.get(key)
        elif isinstance(here, list) and key.isdigit() and int(key) < len(here):
            here = here[int(key)]
        else:
            here = None
        if here is None:
            return ""
    return here
