"""What every table shares: metadata, column types, the engine, one transaction.

All moments are stored as UTC and come back aware; secrets are encrypted with the operator's keys
(`MultiFernet`), so a copy of the database alone opens no portal (product.md T6).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from cryptography.fernet import MultiFernet
from sqlalchemy import DateTime, Engine, LargeBinary, MetaData, create_engine, event
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Root of all tables; constraint names are derived, so that migrations can name them."""

    metadata = MetaData(naming_convention=NAMING)


class UTCDateTime(TypeDecorator[datetime]):
    """An aware moment, kept as UTC. A naive value is a programming error and is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC on the way in; raise `ValueError` for a naive value."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone reached the database")
        moved = value.astimezone(UTC)
        return moved.replace(tzinfo=None) if dialect.name == "sqlite" else moved

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the moment back aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Vault:
    """The operator's keys, handed to the column type once at start (`configure`)."""

    keys: MultiFernet | None = None

    @classmethod
    def configure(cls, keys: MultiFernet) -> None:
        """Set the keys for this process; the first encrypts, all decrypt."""
        cls.keys = keys

    @classmethod
    def get(cls) -> MultiFernet:
        """The configured keys; raise `RuntimeError` if the process forgot to configure them."""
        if cls.keys is None:
            raise RuntimeError("the vault has no keys: call Vault.configure first")
        return cls.keys


class Secret(TypeDecorator[str]):
    """Text that is encrypted at rest and plain in memory (product.md T6)."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """Encrypt with the newest key."""
        return None if value is None else Vault.get().encrypt(value.encode())

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        """Decrypt with whichever key fits; raise `cryptography.fernet.InvalidToken` if none does."""
        return None if value is None else Vault.get().decrypt(bytes(value)).decode()


def make_engine(url: str) -> Engine:
    """An engine for SQLite or PostgreSQL with the settings the queue relies on (architecture.md 3).

    Errors name no parameters: those are people's addresses, words and links, and errors are logged.

    SQLite: WAL, foreign keys, a busy time-out of 30 seconds, and `BEGIN IMMEDIATE`, because every
    transaction here may write after it has read.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=10, hide_parameters=True)


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": 30}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "busy_timeout=30000", "foreign_keys=ON", "synchronous=NORMAL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        reading = connection.get_execution_options().get("molva_read_only", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


Sessions = sessionmaker[Session]


def make_sessions(engine: Engine) -> Sessions:
    """A session factory; objects stay usable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def transaction(sessions: Sessions) -> Iterator[Session]:
    """One unit of work: commit at the end of the block, roll back if it raises."""
    with sessions() as session, session.begin():
        yield session


@contextmanager
def one_connection(sessions: Sessions) -> Iterator[Sessions]:
    """Sessions that share one connection for the length of the block, for many short transactions in a row.

    Only for `transaction`: what `reading` asks of a connection would stay with it.
    """
    with sessions.kw["bind"].connect() as connection:
        yield sessionmaker(connection, expire_on_commit=False)


@contextmanager
def at_once(sessions: Sessions) -> Iterator[Sessions | None]:
    """Sessions over one connection on which each statement commits by itself; nothing where that gains nothing.

    For what is one statement: PostgreSQL then needs no word before and after it. SQLite has nobody to talk to.
    """
    engine: Engine = sessions.kw["bind"]
    if engine.dialect.name == "sqlite":
        yield None
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield sessionmaker(connection, expire_on_commit=False)


@contextmanager
def reading(sessions: Sessions) -> Iterator[Session]:
    """A transaction that only reads: on SQLite it takes no write lock."""
    with sessions() as session:
        session.connection(execution_options={"molva_read_only": True})
        yield session
        session.expunge_all()  # what was read stays usable: a rollback would expire it
        session.rollback()
