"""What the commands share: configuration with clear failures, dependencies, output for people or machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, NoReturn, TypeVar

import click
from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError, OperationalError

from integration import logs
from integration.app import Application, build
from integration.config import Config, ConfigError
from integration.store import schema
from integration.store.base import make_engine

F = TypeVar("F", bound=Callable[..., Any])


def fail(*lines: str) -> NoReturn:
    """Say what is wrong, one line each, and end with status 1."""
    for line in lines:
        click.echo(f"molva: {line}", err=True)
    sys.exit(1)


def configuration() -> Config:
    """The checked configuration with logs set up, or an end with one line per problem."""
    try:
        config = Config.from_env()
    except ConfigError as error:
        fail(*error.problems)
    logs.configure(config.log_level, config.log_format)
    return config


def database(config: Config) -> Engine:
    """An engine whose schema is current, or an end with the hint what to run."""
    engine = make_engine(config.database_url)
    try:
        schema.check(engine)
    except schema.SchemaError as error:
        fail(str(error))
    except (OperationalError, DatabaseError) as error:
        fail(f"the database cannot be opened: {type(error.orig).__name__}; check MOLVA_DATABASE_URL")
    return engine


def application() -> Application:
    """Configuration, a current database, and the use cases' dependencies."""
    config = configuration()
    return build(config, database(config))


def with_app(command: F) -> F:
    """Give a command the application as its first argument."""

    def run(*args: Any, **kwargs: Any) -> Any:
        return command(application(), *args, **kwargs)

    return update_wrapper(run, command)  # type: ignore[return-value]


def show(value: Any, as_json: bool, lines: Callable[[Any], list[str]]) -> None:
    """Print `value` as JSON, or as the lines made of it."""
    if as_json:
        click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
        return
    for line in lines(value):
        click.echo(line)


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
