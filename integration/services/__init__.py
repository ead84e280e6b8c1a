"""Use cases: one transaction each. Nothing above commits, nothing below decides."""
