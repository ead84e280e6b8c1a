"""The web processes' own lines keep to the rules of ours, and wrong values are wrong usage."""

from __future__ import annotations

import logging

import pytest
from click.testing import CliRunner
from gunicorn.config import Config

from integration.cli.main import cli
from integration.server import OPTIONS


def test_lines_of_gunicorn_name_no_personal_link(capsys: pytest.CaptureFixture[str]) -> None:
    """It writes addresses in full when a request fails and at the level `debug` (product.md T6)."""
    config = Config()
    config.set("loglevel", "debug")
    config.set("logger_class", OPTIONS["logger_class"])
    logger = config.logger_class(config)
    try:
        logger.debug("%s %s", "GET", "/s/AbCdEfGhIjKlMnOp1234?score=9")
    finally:
        logging.getLogger("gunicorn.error").handlers[:] = []
    written = capsys.readouterr().err
    assert "/s/***?score=9" in written
    assert "AbCdEfGh" not in written


@pytest.mark.parametrize("arguments", ["web --port 99999", "web --workers 0", "serve --port -1"])
def test_a_port_or_count_that_cannot_be_is_wrong_usage(arguments: str) -> None:
    """Exit status 2 before anything is started (interface.md 2)."""
    assert CliRunner().invoke(cli, arguments.split()).exit_code == 2
