"""What machines post to us: portal events, calls of its robots, and one-click unsubscribing by mail providers."""

from __future__ import annotations

from flask import Flask

from webhooks import events, robot, unsubscribe


def register(app: Flask) -> None:
    """Add the addresses for machines to the application."""
    app.register_blueprint(events.blueprint)
    app.register_blueprint(robot.blueprint)
    app.register_blueprint(unsubscribe.blueprint)
