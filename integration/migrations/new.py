"""Writes a migration from the difference between models and schema.

`python -m integration.migrations.new "what it does"`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

from integration.store import schema
from integration.store.base import make_engine


def main() -> None:
    """Compare the models with a database at the newest version and write what is missing as a new file."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{Path(folder) / 'schema.db'}")
        if list((schema.MIGRATIONS / "versions").glob("*.py")):
            schema.upgrade(engine)
        with engine.begin() as connection:
            config = schema.alembic_config(connection)
            number = len(list((schema.MIGRATIONS / "versions").glob("*.py"))) + 1
            command.revision(config, sys.argv[1], autogenerate=True, rev_id=f"{number:04d}")
        engine.dispose()


if __name__ == "__main__":
    main()
