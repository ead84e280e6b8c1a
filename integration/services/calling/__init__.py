"""Calls: the desk, partner call centres, what calls brought (ADR 0013)."""
