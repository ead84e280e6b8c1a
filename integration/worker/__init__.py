"""The background process: a table of ticks, each harmless to repeat (architecture.md 3, Clock)."""
