"""Schema versions (alembic). Widen first, deploy, then narrow."""
