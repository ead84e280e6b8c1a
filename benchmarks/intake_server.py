"""The two web servers of the intake benchmark, both under gunicorn with Molva's options.

`python -m benchmarks.intake_server molva|bare ADDRESS`; the database is named by MOLVA_DATABASE_URL.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, request
from gunicorn.app.base import BaseApplication
from sqlalchemy import JSON, Column, DateTime, Integer, MetaData, String, Table, select

from integration import logs
from integration.app import build, create_app
from integration.config import Config
from integration.server import OPTIONS
from integration.store.base import make_engine
from integration.store.portals import Portal

WORKERS = 2
BARE = Table(
    "bare_events",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("portal_id", Integer, nullable=False),
    Column("event", String(64), nullable=False),
    Column("entity_id", Integer, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)


def bare() -> Flask:
    """A view that parses, looks up one row and inserts one, and does nothing else."""
    app = Flask("bare")
    engine = make_engine(os.environ["MOLVA_DATABASE_URL"])

    @app.post("/bitrix/events")
    def receive() -> Response:
        form = request.form
        with engine.begin() as connection:
            found = select(Portal.id).where(Portal.member_id == form["auth[member_id]"])
            row = {
                "portal_id": connection.execute(found).scalar_one(),
                "event": form["event"],
                "entity_id": int(form["data[FIELDS][ID]"]),
                "payload": {},
                "at": datetime.now(UTC),
            }
            connection.execute(BARE.insert().values(row))
        return Response("ok\n", 200, mimetype="text/plain")

    return app


def molva() -> Flask:
    """The product's application, as `molva web` makes it."""
    config = Config.from_env()
    logs.configure(config.log_level, config.log_format)
    return create_app(build(config))


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with Molva's options; workers are not renewed while it is measured."""

    def __init__(self, name: str, bind: str) -> None:
        self._name = name
        self._options: dict[str, Any] = OPTIONS | {
            "bind": bind, "workers": WORKERS, "loglevel": "warning", "max_requests": 0, "max_requests_jitter": 0,
        }  # fmt: skip
        super().__init__()

    def load_config(self) -> None:
        """Hand the options over."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """In each worker, after the fork."""
        return {"molva": molva, "bare": bare}[self._name]()


if __name__ == "__main__":
    Server(sys.argv[1], sys.argv[2]).run()
