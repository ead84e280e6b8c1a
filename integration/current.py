"""The one way for a view to reach the use cases' dependencies."""

from __future__ import annotations

from flask import current_app

from integration.services.deps import Deps


def deps() -> Deps:
    """The dependencies the running application was built with (`integration.app`)."""
    found = current_app.extensions["molva"]
    assert isinstance(found, Deps)
    return found
