"""The demo's processes with one clock and one environment: sandbox, mail room, web, worker."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

import integration
from integration.bitrix.sandbox.clock import VirtualClock
from integration.bitrix.sandbox.story import Story
from integration.bitrix.scopes import CODES

from .browser import patiently
from .portal import Control, Reader
from .processes import READY_SECONDS, Child, StuckError, free_port, python, wait_for

CLIENT_ID, CLIENT_SECRET = "local.molva.demo", "demo-application-key"
COMMAND_SECONDS = 180.0
#: Where the package lies; the processes run in the demo's own folder, where no ``.env`` of anybody is.
ROOT = Path(integration.__file__).resolve().parents[1]


@dataclass
class World:
    """Everything that runs. ``database_url`` "" means an SQLite file in ``folder``, ports 0 any free ones."""

    folder: Path
    story: Story
    database_url: str = ""
    port: int = 0
    portal_port: int = 0
    control: Control = field(init=False)
    reader: Reader = field(init=False)
    children: dict[str, Child] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = VirtualClock(self.folder / "clock")
        self._write_offset(self.story.begin.timestamp() - time.time())
        self.web_port = self.port or free_port()
        self.public_url = f"http://127.0.0.1:{self.web_port}"
        self.mail = self.folder / "mail"
        self._metrics = requests.Session()
        #: Held while a process is being killed and started again.
        self.upheaval = threading.RLock()
        #: How many were killed.
        self.deaths = 0

    def now(self) -> datetime:
        """Virtual time, UTC."""
        return self.clock.now()

    def jump(self, moment: datetime) -> None:
        """Moves virtual time forward to a moment; never back."""
        seconds = moment.timestamp() - self.clock.time()
        if seconds > 0:
            self._write_offset(self.clock.offset() + seconds)

    def _write_offset(self, offset: float) -> None:
        path = self.folder / "clock"
        partial = path.with_suffix(".new")
        partial.write_text(f"{offset!r}\n", encoding="ascii")
        os.replace(partial, path)

    def start(self) -> None:
        """Sandbox and mail room first, then the schema, then Molva. Raises ``StuckError``."""
        agency = self.folder / "agency.json"
        agency.write_text(self.story.agency.to_json(), encoding="utf-8")
        token = secrets.token_hex(16)
        clock = str(self.folder / "clock")
        sandbox = self._child(
            "sandbox",
            python("-m", "integration.bitrix.sandbox.server", "--agency", str(agency), "--clock-file", clock,
                   "--control-token", token, "--port", str(self.portal_port or free_port())),
        )  # fmt: skip
        sandbox.ready_line = True
        told = sandbox.start()
        self.control = Control(told["portal"], token)
        mail = self._child(
            "mailroom",
            python("-m", "integration.demo.mailroom", "--folder", str(self.mail), "--clock-file", clock,
                   "--port", str(free_port())),
        )  # fmt: skip
        mail.ready_line = True
        smtp_port = int(mail.start()["port"])
        self.control.put(
            "settings", {"smtp": f"127.0.0.1:{smtp_port}"}
        )  # the portal's own mail goes there, too
        self.env |= self._settings(told, smtp_port)
        self.molva("migrate")
        self._child(
            "web", python("-m", "integration", "web", "--port", str(self.web_port), "--workers", "1")
        ).start()
        self._child("worker", python("-m", "integration", "worker")).start()
        self.wait_for_web()

    def _child(self, name: str, command: list[str]) -> Child:
        env = dict(self.env if name in ("web", "worker") else _plain_environment())
        child = Child(name, command, env, self.folder / f"{name}.log", self.folder)
        self.children[name] = child
        return child

    def _settings(self, told: dict[str, Any], smtp_port: int) -> dict[str, str]:
        return _plain_environment() | {
            "MOLVA_SECRET_KEY": secrets.token_urlsafe(32),
            "MOLVA_PUBLIC_URL": self.public_url,
            "MOLVA_DATABASE_URL": self.database_url or f"sqlite:///{self.folder / 'molva.db'}",
            "MOLVA_BITRIX_CLIENT_ID": CLIENT_ID,
            "MOLVA_BITRIX_CLIENT_SECRET": CLIENT_SECRET,
            "MOLVA_BITRIX_OAUTH_URL": told["oauth"],
            "MOLVA_BX24_SCRIPT_URL": f"{told['portal']}/bx24.js",
            "MOLVA_TEST_CLOCK": str(self.folder / "clock"),
            "MOLVA_ALLOW_HTTP_PORTALS": "1",
            "MOLVA_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
            "MOLVA_LOG_LEVEL": "info",
        }

    def wait_for_web(self) -> None:
        """Until the web processes answer."""
        wait_for("the web process", self._answers, READY_SECONDS, lambda: self.children["web"].tail())

    def _answers(self) -> bool:
        if not self.children["web"].alive:
            raise StuckError(f"the web process ended:\n{self.children['web'].tail()}")
        try:
            return requests.get(f"{self.public_url}/healthz", timeout=20).ok
        except requests.RequestException:
            return False

    def molva(self, *arguments: str) -> str:
        """Runs a ``molva`` command to its end and gives what it printed. Raises ``StuckError`` on failure."""
        done = subprocess.run(
            python("-m", "integration", *arguments),
            env=self.env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if done.returncode:
            raise StuckError(
                f"molva {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-1500:].strip()}"
            )
        return done.stdout

    def install(self) -> None:
        """Adds the application to the portal as its administrator does, up to ``installFinish``."""
        self.register()
        answer = self.control.post(
            f"apps/{CLIENT_ID}/install", {"user_id": 1, "finish": "auto", "lang": "ru"}
        )
        if answer["status"] != 200 or not answer.get("installed"):
            raise StuckError(
                f"the installation failed: {json.dumps(answer)[:600]}\n{self.children['web'].tail()}"
            )
        self.read()

    def register(self) -> None:
        """Tells the portal of the application, without installing it."""
        app = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "install_url": f"{self.public_url}/bitrix/install",
            "app_url": f"{self.public_url}/bitrix/app",
            "kind": "local",
            "title": "Molva",
            "scope": list(CODES),
        }
        self.control.post("apps", app)

    def read(self) -> None:
        """Opens the demo's own way to read the portal, an incoming webhook."""
        self.reader = Reader(self.control.post("webhooks", {"user_id": 1})["url"])

    def metrics(self) -> dict[str, float]:
        """The gauges of ``/metrics`` by name and labels."""
        answer = patiently(lambda: self._metrics.get(f"{self.public_url}/metrics", timeout=20))
        answer.raise_for_status()
        found: dict[str, float] = {}
        for line in answer.text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[name] = float(value)
        return found

    def stop(self) -> None:
        """Ends everything that was started."""
        for name in ("worker", "web", "mailroom", "sandbox"):
            if name in self.children:
                self.children[name].stop()

    def tails(self) -> str:
        """The ends of all logs, for a failure."""
        return "\n".join(f"--- {name}\n{child.tail()}" for name, child in self.children.items())


def _plain_environment() -> dict[str, str]:
    """The environment of this process without settings of Molva; the package is found from any folder."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MOLVA_")}
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    return own | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(path)}
