"""`python -m integration` is `molva`."""

from integration.cli import main

main()
