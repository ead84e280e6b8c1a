"""What the figures rest on: cores, memory, versions. No names."""

from __future__ import annotations

import os
import platform
import sqlite3
from importlib.metadata import version

_PACKAGES = ("SQLAlchemy", "gunicorn", "Flask", "fast-bitrix24", "b24pysdk")


def describe(postgres: str = "") -> str:
    """One line for under a table; the load tells how much else the machine had to do meanwhile."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    parts = [f"{cores} cores", f"{memory:.0f} GB of memory", f"Python {platform.python_version()}"]
    parts.append(f"SQLite {sqlite3.sqlite_version}")
    if postgres:
        parts.append(f"PostgreSQL {postgres}")
    parts += [f"{name} {version(name)}" for name in _PACKAGES]
    return ", ".join([*parts, f"load average of the last five minutes {os.getloadavg()[1]:.1f}"])
