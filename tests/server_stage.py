"""A server to try `docs/install.md` on: its commands run as they stand, in a folder instead of the system's paths.

Real are nginx with TLS, the program of the units with their environment, every `molva` command. Stood in for are what
only the system's administrator may do: users, systemd as a whole (the units' own lines are followed), certificates of
a public authority.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from integration.demo.processes import Child, StuckError, free_port, wait_for
from tests.browser import in_ci

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
GUIDE = ROOT / "docs/install.md"
HOST = "localhost"
BIN = Path(sys.executable).parent
#: Seconds until something that does not come is given up, on a machine that has other things to do.
PATIENCE = 180.0
#: Says what it was asked, and no more.
SAID = 'printf "%s\\n" "$(basename "$0") $*" >> "$STAGE/orders"\n'
STAND_INS = {
    "useradd": SAID,
    "certbot": SAID,
    "systemctl": SAID,
    # Owners are those of the test; the rest is the real command.
    "install": 'for arg; do shift; if [ "$skip" ]; then skip=; elif [ "$arg" = -o ] || [ "$arg" = -g ]; then skip=1; '
    'else set -- "$@" "$arg"; fi; done; exec /usr/bin/install "$@"\n',
    "runuser": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"\n',
    "nginx": f'"{sys.executable}" "{Path(__file__)}" "$STAGE" && exec "$STAGE_NGINX" -c "$STAGE/nginx.conf" "$@"\n',
}
#: What `MemoryDenyWriteExecute=yes` and `UMask=` do, before the program begins; 65 is PR_SET_MDWE (Linux 6.3).
UNDER = """import ctypes, os, sys
os.umask(int(sys.argv[1], 8))
if sys.argv[2] == "yes":
    ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
os.execvp(sys.argv[3], sys.argv[3:])"""


def nginx() -> str | None:
    """The nginx of this machine, which is not on everybody's path."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def tool(name: str, path: str | None) -> str:
    """A program of the system that the check needs; without it the test is left out, but never in CI."""
    if path is None:
        said = f"{name} is missing: .ci/run installs it where it may"
        pytest.fail(said, pytrace=False) if in_ci() else pytest.skip(said)
    return path


def blocks(text: str) -> list[tuple[str, str]]:
    """Every block of commands in a guide with the mark before it: a name, or the reason why it is not tested."""
    return re.findall(r"(?:<!-- (?:tested: )?([^\n]*) -->\n)?```sh\n(.*?)```", text, re.DOTALL)


def for_here(config: str, changes: dict[str, str]) -> str:
    """A configuration with some of its words changed; each of them must be in it."""
    for old, new in changes.items():
        assert old in config, old
        config = config.replace(old, new)
    return config


def around(folder: Path, site: Path) -> str:
    """What the distribution's nginx.conf has around a site."""
    paths = "".join(
        f"  {kind}_temp_path {folder}/tmp/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root root;\n" if os.geteuid() == 0 else ""
    return (
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log stderr error;\n"
        f"events {{ worker_connections 128; }}\nhttp {{\n{paths}  include {site};\n}}\n"
    )


def unit(text: str) -> dict[str, list[str]]:
    """The settings of a unit by name, each with all its values."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, mark, value = line.partition("=")
        if mark and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@dataclass
class Stage:
    """A folder that stands for a server, what runs on it, and the certificate authority that vouches for it."""

    folder: Path
    authority: trustme.CA = field(default_factory=trustme.CA)
    running: dict[str, Child] = field(default_factory=dict)
    https: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)
    web: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.url = f"https://{HOST}:{self.https}"
        for name in ("bin", "etc", "var", "units", "conf.d", "live", "log", "tmp"):
            (self.folder / name).mkdir(parents=True)
        self.log, self.bundle = self.folder / "log", self.folder / "authority.pem"
        self.authority.cert_pem.write_to_path(self.bundle)
        ports = f"http={self.http}\nhttps={self.https}\nweb={self.web}\n"
        (self.folder / "ports").write_text(ports, encoding="ascii")
        certificate = self.authority.issue_cert(HOST)
        live = self.folder / "live" / HOST
        live.mkdir()
        certificate.private_key_pem.write_to_path(live / "privkey.pem")
        for part in certificate.cert_chain_pems:
            part.write_to_path(live / "fullchain.pem", append=True)
        for name, script in STAND_INS.items():
            path = self.folder / "bin" / name
            path.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
            path.chmod(0o755)
        own = {name: value for name, value in os.environ.items() if not name.startswith("MOLVA_")}
        path = f"{self.folder / 'bin'}:{own.get('PATH', '')}:/usr/sbin:/sbin"
        self.env = own | {
            "PATH": path, "STAGE": str(self.folder), "STAGE_NGINX": nginx() or "nginx",
            "CURL_CA_BUNDLE": str(self.bundle), "PYTHONPATH": str(ROOT),
        }  # fmt: skip

    def here(self, text: str, **words: str) -> str:
        """A text of the guide with this folder's paths, this host and the words of this installation."""
        changes = {
            "https://YOUR.HOST": self.url, "YOUR.HOST": HOST, "/opt/molva/bin": str(BIN), "/opt/molva/src": str(ROOT),
            "/etc/molva": f"{self.folder}/etc", "/var/lib/molva": f"{self.folder}/var",
            "/etc/systemd/system": f"{self.folder}/units", "/etc/nginx/conf.d": f"{self.folder}/conf.d", **words,
        }  # fmt: skip
        for old, new in changes.items():
            text = text.replace(old, new)
        return text

    def follow(self, name: str, *, typed: str = "", obey: bool = True, **words: str) -> str:
        """Do what the guide says under a name, to the first command that fails; gives what was printed.
        `obey` False: systemd has nothing to do yet."""
        guide = blocks(GUIDE.read_text(encoding="utf-8"))
        found = [text for mark, text in guide if mark == name]
        assert found, f"the guide has no commands for: {name}"
        short = next(text for _, text in guide if text.startswith("molva()"))
        script = self.here("set -eu\n" + short + "".join(found), **words)
        done = subprocess.run(
            ["bash", "-c", script], env=self.env, input=typed, capture_output=True, text=True, timeout=PATIENCE,
            check=False, cwd=self.folder, start_new_session=True,
        )  # fmt: skip
        if done.returncode:
            raise StuckError(f"{name}: {done.stdout}\n{done.stderr}\n{self.tails()}")
        self._obey() if obey else (self.folder / "orders").unlink()
        return done.stdout

    def _obey(self) -> None:
        """What was asked of systemd meanwhile."""
        orders = self.folder / "orders"
        for line in orders.read_text(encoding="utf-8").splitlines() if orders.exists() else ():
            command, *words = shlex.split(line)
            names = [word for word in words[1:] if not word.startswith("-") and not word.endswith(".timer")]
            if command == "systemctl" and words[0] in ("stop", "disable", "restart"):
                for name in names:
                    self.stop(name)
            if command == "systemctl" and words[0] in ("enable", "start", "restart", "reload"):
                for name in names:
                    self.start(name)
        orders.unlink(missing_ok=True)

    def start(self, name: str) -> None:
        """Start a unit by its own file, or nginx with what is in its folder now; wait until it says that it is up."""
        if name == "nginx":
            self._start_nginx()
            return
        told = unit((self.folder / "units" / f"{name}.service").read_text(encoding="utf-8"))
        if told["Type"] == ["oneshot"]:
            for command in told["ExecStart"]:
                subprocess.run(
                    self._command(told, command),
                    env=self.env,
                    cwd=self.folder / "etc",
                    check=True,
                    timeout=PATIENCE,
                )
            return
        notices = self.folder / f"{name}.sock"
        child = Child(
            name,
            self._command(told, *told["ExecStart"]),
            self.env,
            self.log / f"{name}.log",
            self.folder / "etc",
        )
        self.running[name] = child
        if told["Type"] != ["notify"]:
            child.start()
            return
        notices.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
            ear.bind(str(notices))
            ear.settimeout(PATIENCE)
            child.env = dict(child.env) | {"NOTIFY_SOCKET": str(notices)}
            child.start()
            assert b"READY=1" in ear.recv(4096), child.tail()

    def _command(self, told: dict[str, list[str]], line: str) -> list[str]:
        """The line of a unit as systemd would run it, on this stage's port."""
        words = shlex.split(self.here(line).replace("%%", "%").replace("--port 8000", f"--port {self.web}"))
        denied = "yes" if told.get("MemoryDenyWriteExecute") == ["yes"] else "no"
        return [sys.executable, "-c", UNDER, *told.get("UMask", ["0022"]), denied, *words]

    def _start_nginx(self) -> None:
        self.stop("nginx")
        program = nginx()
        assert program is not None
        config = write_nginx(self.folder)
        child = Child("nginx", [program, "-c", str(config)], self.env, self.log / "nginx.log", self.folder)
        self.running["nginx"] = child
        child.start()
        if (self.folder / "conf.d/molva.conf").exists():
            wait_for("nginx", lambda: _listens(self.https), PATIENCE, child.tail)

    def stop(self, name: str) -> None:
        """Stop a unit, or nginx, as systemd would with `KillMode=mixed`; one that does not run is stopped already."""
        child = self.running.pop(name, None)
        if child is None:
            return
        if child.process is not None and child.alive:
            child.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(PATIENCE)
        child.stop()

    def tails(self) -> str:
        """The ends of all logs, for a failure."""
        return "\n".join(f"--- {child.name}\n{child.tail(40)}" for child in self.running.values())

    def add_settings(self, **settings: str) -> None:
        """What a sandbox needs and a real portal does not, at the end of `.env`; its paths are this folder's."""
        file = self.folder / "etc/.env"
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        file.write_text(self.here(file.read_text(encoding="utf-8")) + lines, encoding="utf-8")

    def close(self) -> None:
        """End everything that runs."""
        for name in list(self.running):
            self.stop(name)

    @contextlib.contextmanager
    def secure(self, *protocols: str, source: str = "127.0.0.1") -> Iterator[ssl.SSLSocket]:
        """A bare TLS connection to nginx from an address of the loopback, for what no client would send."""
        context = ssl.create_default_context(cafile=str(self.bundle))
        context.set_alpn_protocols(list(protocols))
        address = ("127.0.0.1", self.https)
        with (
            socket.create_connection(address, timeout=60, source_address=(source, 0)) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as connection,
        ):
            yield connection


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(20)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def write_nginx(folder: Path) -> Path:
    """Make what nginx reads of what lies in the stage's folder for its sites; gives its main file."""
    ports = dict(line.split("=") for line in (folder / "ports").read_text(encoding="ascii").split())
    site = folder / "site.conf"
    source = folder / "conf.d/molva.conf"
    text = ""
    if source.exists():
        text = for_here(source.read_text(encoding="utf-8"), {
            "listen 80;": f"listen 127.0.0.1:{ports['http']};", "listen [::]:80;": "",
            "listen 443 ssl": f"listen 127.0.0.1:{ports['https']} ssl", "listen [::]:443 ssl http2;": "",
            "server 127.0.0.1:8000": f"server 127.0.0.1:{ports['web']}", "/var/log/nginx": f"{folder}/log",
            "/etc/letsencrypt/live": f"{folder}/live",
        })  # fmt: skip
    site.write_text(text, encoding="utf-8")
    main = folder / "nginx.conf"
    main.write_text(around(folder, site), encoding="utf-8")
    return main


if __name__ == "__main__":
    write_nginx(Path(sys.argv[1]))
