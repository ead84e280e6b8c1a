"""Alembic's environment: the engine is handed in by `integration.store.schema`."""

from __future__ import annotations

import importlib
import pkgutil

from alembic import context

import integration.store
from integration.store.base import Base

for module in pkgutil.iter_modules(integration.store.__path__):
    importlib.import_module(f"integration.store.{module.name}")

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
