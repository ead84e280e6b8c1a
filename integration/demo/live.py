"""``molva demo``: a portal to walk around in, with Molva in it, a mail room, and a panel that moves the clock."""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

from integration.bitrix.sandbox.httpd import Server
from integration.bitrix.sandbox.story import LEAST, Story

from . import settings
from .agency_life import AgencyLife
from .chronicle import Chronicle
from .conductor import TROUBLES, Conductor
from .days import Office
from .live_story import PERSONAS, autumn
from .panel import create_panel
from .people import town
from .processes import StuckError, free_port, wait_for
from .switches import BY_NAME, Switches
from .world import World
from .year import Year

SYNC_SECONDS = 240.0
GRAIN, TROUBLE_GRAIN = timedelta(seconds=1), timedelta(hours=1)


@dataclass
class Live:
    """Everything of one walk-around demo. ``bare``: the portal alone, Molva is installed by clicking.

    ``ports``: of portal, Molva and panel where no first one is named, ``token``: what the panel's orders carry; both
    stay when it is started over, so that open pages go on. ``again``: somebody wants that.
    """

    folder: Path
    clients: int
    seed: int
    port: int = 0
    bare: bool = False
    ports: tuple[int, int, int] = (0, 0, 0)
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    again: threading.Event = field(default_factory=threading.Event)
    chronicle: Chronicle = field(default_factory=Chronicle)

    def __post_init__(self) -> None:
        self.autumn = autumn(self.seed, self.clients)
        story = self.autumn.story
        self.chronicle.names |= names(story)
        portal, molva, panel = (self.port + n if self.port else self.ports[n] for n in range(3))
        self.panel_port = panel
        self.world = World(self.folder, story, "", molva, portal)
        self.year = Year(self.world, town(self.seed, story.languages), lambda _: None)
        office = Office.of(story.agency.calendar, settings.HOURS)
        self.life = AgencyLife(self.world, self.year, self.autumn, self.chronicle, office)
        self.conductor = Conductor(self.year, self.life.look, self._troubled)
        self.switches = Switches(self.world)
        self._server: Server | None = None

    @property
    def panel_url(self) -> str:
        """Where the panel listens."""
        return f"http://127.0.0.1:{self._server.port}" if self._server else ""

    @property
    def portal_url(self) -> str:
        """The sandbox portal."""
        return self.world.control.portal

    def open(self) -> None:
        """Starts everything up to the moment when a newcomer can look around. Raises ``StuckError``."""
        self.world.start()
        self.life.lived()
        if self.bare:
            self.world.register()
            self.world.read()
        else:
            self.world.install()
        self.life.open()
        self._serve()
        self._hang_up()
        self.chronicle.tell(self.world.now(), "opened", "staff")
        if self.bare:
            self.chronicle.tell(self.world.now(), "not_installed")
        else:
            self._furnish()
        self.conductor.start()

    def _furnish(self) -> None:
        """Waits for the first synchronisation; settings and the past follow while the newcomer looks around."""
        wait_for("the first synchronisation", self._synchronised, SYNC_SECONDS, self.world.tails)
        self.life.note_molva()
        self.life.fill_in()
        self.conductor.job("Getting the agency ready", self.life.bring_past)

    def _synchronised(self) -> bool:
        self.year.check_alive()
        return self.life.synchronised()

    def _serve(self) -> None:
        app = create_panel(self)
        self._server = Server("127.0.0.1", self.panel_port or free_port(), app)
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        ).start()

    def _hang_up(self) -> None:
        """The portal gets the panel, the mail room and the roles into its pages."""
        links = [
            {"title": "Письма клиентов", "url": f"{self.panel_url}/mail"},
            {"title": "Пульт демонстрации", "url": f"{self.panel_url}/"},
        ]
        body = {"links": links, "panel": f"{self.panel_url}/?docked=1", "personas": PERSONAS}
        self.world.control.post("ui", body)

    def start_over(self) -> None:
        """Orders a new portal in place of this one; the command's own loop does it."""
        self.again.set()

    def damage(self) -> None:
        """The portal loses a field and a tab of Molva."""
        self.switches.damage()
        self.chronicle.tell(self.world.now(), "damaged", "bad")

    def taken_ports(self) -> tuple[int, int, int]:
        """Where portal, Molva and panel listen."""
        portal = urlsplit(self.portal_url).port or 0
        return portal, self.world.web_port, self._server.port if self._server else 0

    def turn(self, name: str, on: bool) -> None:
        """Switches a fault; in trouble Molva's many repeats are taken together. Raises ``LookupError``."""
        self.switches.turn(name, on)
        said, tone = ("fault_on", "bad") if on else ("fault_off", "good")
        self.chronicle.tell(self.world.now(), said, tone, fault=BY_NAME[name].text)
        self.year.grain = TROUBLE_GRAIN if self.switches.on() else GRAIN

    def _troubled(self, why: str) -> None:
        self.chronicle.tell(self.world.now(), "stuck", "bad", why=why)

    def close(self) -> None:
        """Ends everything that was started."""
        self.conductor.close()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self.life.close()
        self.world.stop()


def names(story: Story) -> dict[str, str]:
    """Address → who reads it: the person and the client's name."""
    titles = {row["id"]: str(row["title"]) for row in story.agency.companies}
    found: dict[str, str] = {}
    for card in story.agency.contacts:
        client = next((titles[number] for number in card.get("companyIds", ()) if number in titles), "")
        person = f"{card['name']} {card['lastName']}"
        short = client if len(client) <= 40 else f"{client[:39]}…"
        shown = f"{person} ({short})" if client else person
        found |= {entry["value"]: shown for entry in card["fm"] if entry["typeId"] == "EMAIL"}
    return found


def run_live(*, clients: int, seed: int, port: int = 0, bare: bool = False) -> int:
    """The command ``molva demo`` without ``--once``: runs until Ctrl-C. Exit status 0, or 1 if it cannot start."""
    if clients < LEAST:
        sys.stderr.write(f"molva: the demo needs at least {LEAST} clients\n")
        return 2
    over, opened = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set() if opened.is_set() else _interrupt())
    kept: Kept = {}
    while True:
        folder = Path(tempfile.mkdtemp(prefix="molva-demo-"))
        live = Live(folder, clients, seed, port, bare, **kept)
        status = _lived(live, over, opened)
        if status is not None:
            return status
        kept = {"ports": live.taken_ports(), "token": live.token}
        sys.stderr.write("Starting over…\n")


class Kept(TypedDict, total=False):
    """What stays when the demo is started over."""

    ports: tuple[int, int, int]
    token: str


def _lived(live: Live, over: threading.Event, opened: threading.Event) -> int | None:
    """One portal from its beginning to its end: the exit status, or None if it is to be started over."""
    begun = time.monotonic()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, live.folder, ignore_errors=True)
        stack.callback(live.close)
        opened.clear()
        try:
            sys.stderr.write("Starting a portal, Molva and a mail server…\n")
            live.open()
        except KeyboardInterrupt:
            return 130
        except TROUBLES as error:
            sys.stderr.write(f"molva: the demo did not start: {error}\n")
            return 1
        opened.set()
        _print(live, time.monotonic() - begun)
        while not over.wait(1.0):
            if live.again.is_set():
                return None
            try:
                live.year.check_alive()
            except StuckError as error:
                sys.stderr.write(f"molva: {error}\n")
                return 1
        sys.stderr.write("\nStopping…\n")
    return 0


def _interrupt() -> None:
    raise KeyboardInterrupt


def _print(live: Live, seconds: float) -> None:
    told = json.dumps({
        "portal": live.portal_url, "panel": live.panel_url, "mail": f"{live.panel_url}/mail",
        "molva": live.world.public_url,
    })  # fmt: skip
    install = (
        "Open the developer's applications and install Molva"
        if live.bare
        else "Molva is installed: see the left menu"
    )
    sys.stdout.write(
        f"""
Ready after {seconds:.0f} s. Open in a browser:

  portal      {live.portal_url}/
  mail room   {live.panel_url}/mail
  panel       {live.panel_url}/

Try first:
  1. {install}, and the tab "Molva" in a company's card.
  2. In the panel press "Next event of the survey" until letters have come.
  3. Open the mail room, open a letter, answer as that client.
  4. Look at the client's card again: score, words, the director's task.

Ctrl-C stops everything and leaves nothing behind.
{told}
"""
    )
    sys.stdout.flush()
