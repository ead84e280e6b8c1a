"""One request to ``/rest``: who calls, limits, faults, the call or the batch, the envelope (bitrix24.md 4)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from . import methods  # noqa: F401  (fills the table of methods)
from .agency import Json
from .batch import run_batch
from .errors import ConnectionCut, RestError
from .faults import Fault, RawAnswer, strike
from .forms import as_list, as_map
from .portal import METHODS, Answer, Context, Portal, check_caller
from .values import to_int


@dataclass(frozen=True)
class Request:
    """A call as it came over the wire: decoded parameters, the caller's address, the webhook's path."""

    method: str
    params: Json
    address: str = "127.0.0.1"
    webhook: tuple[int, str] | None = None


@dataclass
class Work:
    """One HTTP request being served: virtual seconds spent on automation, the fault that waits for it."""

    portal: Portal
    started: float
    real: float
    fault: Fault | None = None
    spent: float = 0.0
    inner: list[str] = field(default_factory=list)

    def elapsed(self) -> float:
        """Seconds of the request: real ones plus those of slow automation."""
        return time.perf_counter() - self.real + self.spent


def handle(portal: Portal, request: Request) -> tuple[int, Json]:
    """Serves one request; gives HTTP status and body. Raises :class:`ConnectionCut` or
    :class:`RawAnswer` where the caller gets no JSON."""
    name = method_name(request.method)
    work = Work(portal, portal.clock.time(), time.perf_counter())
    row: Json = {
        "at": work.started,
        "method": name,
        "status": 0,
        "error": None,
        "user_id": None,
        "client_id": None,
    }
    with portal.state.lock:
        _catch_up(portal)
        try:
            work.fault = _met(portal, request, name)
            status, body = _serve(portal, request, name, work, row)
            row["status"] = status
        except RestError as error:
            status, body = error.status, error.body()
            row |= {"status": status, "error": error.code}
        except RawAnswer as raw:
            row["status"] = raw.args[0]
            raise
        finally:
            row["inner"] = work.inner
            portal.journal.request(row)
    return status, body


def _met(portal: Portal, request: Request, name: str) -> Fault | None:
    """The fault ordered for this request."""
    inner = list(_inner(request)) if name == "batch" else []
    fault = portal.faults.take([name, *inner], str(request.params))
    if fault and fault.kind == "late":
        portal.faults.late.append((portal.clock.time() + fault.seconds, request))
    return fault


def _catch_up(portal: Portal) -> None:
    """What was given up by its caller and takes effect only now; nobody is told."""
    for request in portal.faults.overdue(portal.clock.time()):
        work = Work(portal, portal.clock.time(), time.perf_counter())
        with suppress(RestError, ConnectionCut):
            _serve(portal, request, method_name(request.method), work, {})


def _inner(request: Request) -> Iterator[str]:
    for command in batch_commands(request.params).values():
        yield command.partition("?")[0].strip().lower()


def method_name(path: str) -> str:
    """Lower case, without ``.json`` and slashes."""
    return path.strip("/").lower().removesuffix(".json")


def _serve(portal: Portal, request: Request, name: str, work: Work, row: Json) -> tuple[int, Json]:
    commands = batch_commands(request.params) if name == "batch" else {}
    work.inner = list(_inner(request)) if name == "batch" else []
    settings = portal.state.settings
    if settings.down:
        raise ConnectionCut("down")
    if work.fault and work.fault.before:
        strike(work.fault)
    if not portal.buckets.admit(request.address, settings.rate_limit, portal.state.info.license_family):
        raise RestError("QUERY_LIMIT_EXCEEDED", "Too many requests", 503)
    if settings.suspended:
        raise RestError("ACCESS_DENIED", "REST API is available only on commercial plans", 403)
    ctx = authorise(portal, request)
    row |= {"user_id": ctx.user_id, "client_id": ctx.caller}
    params = {key: value for key, value in request.params.items() if key != "auth"}
    if name == "batch":
        half = work.fault is not None and work.fault.kind == "half_batch"
        result = run_batch(ctx, commands, _halts(params), lambda n, p: call(ctx, n, p, work), half)
        body: Json = {"result": result, "time": time_block(work, None)}
    else:
        answer, seconds = call(ctx, name, params, work)
        body = {"result": answer.result}
        if answer.next is not None:
            body["next"] = answer.next
        if answer.total is not None:
            body["total"] = answer.total
        body["time"] = time_block(work, (ctx.caller, name), seconds)
    if work.fault:
        strike(work.fault)
    return 200, body


def batch_commands(params: Json) -> dict[str, str]:
    """The commands of a batch by key; what is no text is skipped."""
    return {
        key: value
        for key, value in as_map(params.get("cmd", params.get("CMD"))).items()
        if isinstance(value, str)
    }


def _halts(params: Json) -> bool:
    return str(params.get("halt", 0)) in ("1", "True", "true", "Y")


def authorise(portal: Portal, request: Request) -> Context:
    """Token or webhook → who calls; raises the errors of bitrix24.md 3.6."""
    if request.webhook is not None:
        hook = portal.state.webhooks.get(request.webhook)
        if hook is None:
            raise RestError("NO_AUTH_FOUND", "Wrong authorization data", 401)
        return _active(Context(portal, hook.user_id, webhook=hook))
    token = str(next(iter(as_list(request.params.get("auth"))), ""))
    if not token:
        raise RestError("NO_AUTH_FOUND", "Wrong authorization data", 401)
    pair = portal.tokens.by_access.get(token)
    if pair is None:
        raise RestError("invalid_token", "Unable to get application by token", 401)
    if pair.app.state in ("removed", "absent"):
        raise RestError("ERROR_OAUTH", "Application not installed", 401)
    if pair.expires <= portal.clock.time():
        raise RestError("expired_token", "The access token provided has expired.", 401)
    return _active(Context(portal, pair.user_id, app=pair.app))


def _active(ctx: Context) -> Context:
    user = ctx.state.users.get(ctx.user_id)
    if user is None or not user.get("ACTIVE", True):
        raise RestError("authorization_error", "Unable to authorize user", 401)
    return ctx


def call(ctx: Context, name: str, params: Json, work: Work) -> tuple[Answer, float]:
    """One method, outer or inside a batch: budget, slow automation, rights, work. Gives the answer and the
    seconds it is charged with."""
    portal = ctx.portal
    settings = portal.state.settings
    if not ctx.trusted:
        portal.journal.command(name)
    found = METHODS.get(name)
    if found is None or (found.control_only and not ctx.trusted) or name in settings.missing_methods:
        raise RestError("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)
    if not ctx.trusted and portal.budget.blocked(ctx.caller, name, settings.operating):
        raise RestError("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.", 429)
    began = time.perf_counter()
    waited = _automation(portal, name, work) if not ctx.trusted else 0.0
    fault = work.fault or Fault("")
    failure, hollow = fault.inside(name), fault.hollows(name)
    idle = (failure is not None or hollow) and not fault.after
    try:
        check_caller(ctx, found)
        result = None if idle else found.handler(ctx, params)
        if failure:
            raise failure
    finally:
        seconds = time.perf_counter() - began + waited
        if not ctx.trusted:
            portal.budget.add(ctx.caller, name, seconds)
    if hollow:
        return Answer(None), seconds
    return result if isinstance(result, Answer) else Answer(result), seconds


def _automation(portal: Portal, name: str, work: Work) -> float:
    """Virtual seconds that the portal's automation adds to a write on a slow portal; the request dies when
    it would not end within its time (bitrix24.md 5.2)."""
    slow = portal.state.settings.slow
    if not slow.on or name not in slow.methods:
        return 0.0
    seconds = portal.state.random.uniform(slow.min, slow.max)
    room = portal.state.settings.request_seconds - work.elapsed()
    if slow.advance_clock:
        portal.clock.advance(max(min(seconds, room), 0.0))
    work.spent += seconds
    if seconds > room:
        raise ConnectionCut("request time is over")
    return seconds


def time_block(work: Work, charged: tuple[str, str] | None, seconds: float | None = None) -> Json:
    """The ``time`` of an answer; ``operating`` is of one method of one application (4.2)."""
    zone = work.portal.state.zone
    duration = work.elapsed()
    block: Json = {
        "start": work.started,
        "finish": work.started + duration,
        "duration": duration,
        "processing": duration if seconds is None else seconds,
        "date_start": zone.moment(work.started),
        "date_finish": zone.moment(work.started + duration),
    }
    if charged:
        block["operating_reset_at"] = work.portal.budget.reset_at(*charged)
        block["operating"] = work.portal.budget.used(*charged)
    else:
        block["operating"] = 0
    return block


def command_time(ctx: Context, name: str, seconds: float) -> Json:
    """The ``result_time`` of one command of a batch."""
    return {
        "duration": seconds,
        "processing": seconds,
        "operating": ctx.portal.budget.used(ctx.caller, name),
        "operating_reset_at": ctx.portal.budget.reset_at(ctx.caller, name),
    }


def as_employee(portal: Portal, user_id: int, name: str, params: Json) -> Json:
    """What an employee (0: a robot) does at the portal's own pages: no limits, no faults, not counted."""
    work = Work(portal, portal.clock.time(), time.perf_counter())
    with portal.state.lock:
        _catch_up(portal)
        try:
            answer, _ = call(Context(portal, to_int(user_id), trusted=True), method_name(name), params, work)
        except RestError as error:
            return error.body()
    body: Json = {"result": answer.result}
    if answer.total is not None:
        body["total"] = answer.total
    return body
