"""Processes and upkeep: web, worker, serve, migrate, demo, doctor, backup and restore."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from integration import __version__
from integration.cli import admin, answers, calls, data, doctor, referrals, wave_report, waves
from integration.cli.common import application, configuration, database, fail

PORT = click.IntRange(0, 65535)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="molva")
def cli() -> None:
    """Molva: who would recommend your agency, who already has, and what to do about the rest."""


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=PORT, help="Port to listen on.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1), help="Web processes.")
def web(host: str, port: int, workers: int) -> None:
    """Run the web processes."""
    config = configuration()
    database(config).dispose()
    from integration.server import serve_web

    serve_web(config, f"{host}:{port}", workers)


@cli.command()
@click.option("--once", is_flag=True, help="Do what is due now, then end.")
def worker(once: bool) -> None:
    """Run the background process; any number may run side by side."""
    app = application()
    from integration.worker import clock

    if once:
        clock.run_once(app.deps)
    else:
        clock.run(app.deps, fast=app.config.test_clock is not None)


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=PORT, help="Port to listen on.")
def serve(host: str, port: int) -> None:
    """Run web and worker in one process, for one small agency."""
    config = configuration()
    database(config).dispose()
    from integration.server import serve_web

    serve_web(config, f"{host}:{port}", 1, with_worker=True)


@cli.command()
def migrate() -> None:
    """Bring the database to the current schema."""
    from integration.store.base import make_engine
    from integration.store.schema import upgrade

    config = configuration()
    try:
        before, after = upgrade(make_engine(config.database_url))
    except Exception as error:
        fail(f"the database could not be migrated: {type(error).__name__}: {str(error).splitlines()[0]}")
    click.echo(f"The database is at schema {after}" + (" already." if before == after else "."))


@cli.command()
@click.option("--once", is_flag=True, help="Live one whole year, print the summary and end.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--clients", default=60, show_default=True, help="How many clients the agency has.")
@click.option("--seed", default=1, show_default=True, help="Which agency: the same seed gives the same one.")
@click.option("--port", default=0, type=PORT, help="First port to use; 0 takes free ones.")
@click.option(
    "--kills",
    default=0,
    show_default=True,
    help="With --once: kill worker or web this many times on the way.",
)
@click.option("--bare", is_flag=True, help="Without --once: leave the installation of Molva to you.")
def demo(once: bool, as_json: bool, clients: int, seed: int, port: int, kills: int, bare: bool) -> None:
    """A sandbox portal with an agency in it, and Molva at work there, until Ctrl-C.

    With --once nothing is left running: one whole year is lived and compared with what should have come out.
    """
    try:
        from integration.demo.live import run_live
        from integration.demo.runner import run_demo
    except ModuleNotFoundError as error:
        fail(f"the demo needs the package {error.name}; install it with: pip install 'molva[demo]'")
    if once and bare:
        raise click.UsageError("--bare goes without --once")
    if not once and (as_json or kills):
        raise click.UsageError("--json and --kills go with --once")
    if once:
        sys.exit(run_demo(once=once, as_json=as_json, clients=clients, seed=seed, port=port, kills=kills))
    sys.exit(run_live(clients=clients, seed=seed, port=port, bare=bare))


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Write a consistent copy of the database to FILE, while everything runs."""
    from integration.store import backups

    config = configuration()
    try:
        rows = backups.dump(database(config), file)
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror}")
    click.echo(f"{rows} rows written to {file}. Keep it with the secret key: tokens in it are encrypted.")


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True))
def restore(file: Path) -> None:
    """Fill an empty, migrated database from FILE, whichever kind of database it came from."""
    from integration.store import backups

    config = configuration()
    try:
        rows = backups.load(database(config), file)
    except backups.BackupError as error:
        fail(str(error))
    click.echo(f"{rows} rows restored.")


admin.register(cli)
doctor.register(cli)
waves.register(cli)
wave_report.register(cli)
data.register(cli)
answers.register(cli)
referrals.register(cli)
calls.register(cli)


def main() -> None:
    """The entry point of `molva`."""
    cli(prog_name="molva")
