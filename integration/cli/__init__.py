"""The command line: `molva` (also `python -m integration`), interface.md 2.

Exit status 0 on success, 1 on a failure said in one line, 2 on wrong usage.
"""

from integration.cli.main import main

__all__ = ["main"]
