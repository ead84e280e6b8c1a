"""Is the process up, can it work, how deep are the queues (product.md T8).

Machines read these, so nothing is translated. `/metrics` is open to the operator's token, or without one
to the loopback only.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping

from flask import Blueprint, Response, abort, current_app, jsonify, request

from integration.current import deps
from integration.services import health, request_pages

PROBES = ("database", "schema", "worker")  # in the order they are made

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
def ready() -> Response:
    """200 if the database, its schema and a worker are fine, else 503; the details say which is not."""
    found = health.ready(deps())
    checks = {name: "failed" if name in found.problems else _known(name, found.problems) for name in PROBES}
    answer = jsonify({"status": "ready" if found.ready else "not ready", "checks": checks})
    answer.status_code = 200 if found.ready else 503
    return answer


def _known(name: str, problems: tuple[str, ...]) -> str:
    """A probe is fine unless an earlier one has failed: then it was not made."""
    earlier = PROBES[: PROBES.index(name)]
    return "unknown" if any(problem in earlier for problem in problems) else "ok"


@blueprint.get("/metrics")
def metrics() -> Response:
    """Gauges for Prometheus: depths of the queues by status, letters by status, what is due and when next."""
    if not _may_read_metrics():
        abort(403)
    try:
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
    except ImportError:
        return Response("install molva[metrics] to get metrics\n", 501, mimetype="text/plain")
    registry = CollectorRegistry()
    for name, text, label, values in _gauges():
        gauge = Gauge(name, text, label, registry=registry)
        for key, value in values.items():
            (gauge.labels(*key) if label else gauge).set(value)
    return Response(generate_latest(registry), mimetype=CONTENT_TYPE_LATEST.split(";")[0])


Gauged = tuple[str, str, tuple[str, ...], Mapping[tuple[str, ...], float]]


def _gauges() -> list[Gauged]:
    now = deps().clock.now()
    depths = health.depths(deps())
    ignored: dict[tuple[str, ...], float] = {
        (name,): n for name, n in depths.pop("ignored_events", {}).items()
    }
    by_status: dict[tuple[str, ...], float] = {
        (queue, status): n for queue, rows in depths.items() for status, n in rows.items()
    }
    letters: dict[tuple[str, ...], float] = {(s,): n for s, n in depths.get("letters", {}).items()}
    portals: dict[tuple[str, ...], float] = {(state,): n for state, n in health.portals(deps()).items()}
    requests: dict[tuple[str, ...], float] = {(r,): n for r, n in request_pages.last_hour(deps()).items()}
    following = health.next_due(deps())
    calls: dict[tuple[str, ...], float] = {(state,): n for state, n in health.calls(deps()).items()}
    gauges: list[Gauged] = [
        ("molva_queue_rows", "Rows of each queue by status", ("queue", "status"), by_status),
        ("molva_letters", "Letters by status", ("status",), letters),
        ("molva_portals", "Portals by state", ("status",), portals),
        ("molva_portal_requests", "Requests to portals in the last hour by result", ("result",), requests),
        ("molva_ignored_events", "Genuine events of no use since this process began", ("event",), ignored),
        ("molva_calls", "People to be called by state", ("state",), calls),
        ("molva_due_rows", "Rows whose time has come", (), {(): health.due_now(deps())}),
        ("molva_clock_timestamp_seconds", "The time the application goes by", (), {(): now.timestamp()}),
    ]
    if following is not None:
        name = "molva_next_due_timestamp_seconds"
        gauges.append((name, "When the next waiting row is due", (), {(): following.timestamp()}))
    return gauges


def _may_read_metrics() -> bool:
    token = str(current_app.config.get("METRICS_TOKEN") or "")
    if token:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False  # a proxy on this machine speaks for somebody else
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
