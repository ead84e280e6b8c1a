"""Alembic's environment: the engine is handed in by `integration.store.schema`."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any, Literal

from alembic import context

import integration.store
from integration.store.base import Base, Secret, UTCDateTime

for module in pkgutil.iter_modules(integration.store.__path__):
    importlib.import_module(f"integration.store.{module.name}")


def plain(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our column types as what they are in the database: a migration must not depend on later code."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Secret):
        return "sa.LargeBinary()"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=plain,
)
with context.begin_transaction():
    context.run_migrations()
