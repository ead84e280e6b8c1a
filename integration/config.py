"""The process's configuration: read once from the environment, checked, frozen (interface.md 3).

Business settings of a portal are its *policy* and live in the database; nothing here is about clients.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from dotenv import dotenv_values
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PUBLIC_OAUTH = ("https://oauth.bitrix24.tech", "https://oauth.bitrix.info")
PUBLIC_SCRIPT = "https://api.bitrix24.com/api/v1/"
T = TypeVar("T")
LEVELS = ("debug", "info", "warning", "error")
SMTP_SCHEMES = ("smtp", "smtps", "smtp+starttls")
SECRETS = (
    "MOLVA_SECRET_KEY",
    "MOLVA_DATABASE_URL",
    "MOLVA_BITRIX_CLIENT_SECRET",
    "MOLVA_SMTP_URL",
    "MOLVA_METRICS_TOKEN",
)


class ConfigError(Exception):
    """The configuration cannot be used; `problems` holds one clear line for each fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs this installation, as the pages about law and help say it; empty where nobody has said.

    `contacts`: e-mail addresses, phones and web addresses, shown as links; `hours`: when they answer.
    """

    name: str = ""
    contacts: tuple[str, ...] = ()
    hours: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """What the operator decided for this process."""

    secret_keys: tuple[str, ...] = field(repr=False)
    public_url: str
    database_url: str = field(default="sqlite:///molva.db", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    oauth_origins: tuple[str, ...] = PUBLIC_OAUTH
    script_url: str = PUBLIC_SCRIPT
    dns_server: tuple[str, int] | None = None
    test_clock: Path | None = None
    allow_http: bool = False
    portals: frozenset[str] = frozenset()
    smtp_url: str = field(default="", repr=False)
    log_level: str = "info"
    log_format: str = "text"
    metrics_token: str = field(default="", repr=False)
    request_log_days: int = 7
    operator: Operator = Operator()

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Config:
        """Read `.env` in `folder` (default: the working folder) and the environment, which wins.

        Raises `ConfigError` with a line per unknown name, missing or wrong value. A secret may also be
        given as `<NAME>_FILE`, the path of a file that holds it.
        """
        env = dict(os.environ if environ is None else environ)
        merged = {k: v for k, v in dotenv_values((folder or Path.cwd()) / ".env").items() if v is not None}
        merged |= env
        return _Reader({k: v.strip() for k, v in merged.items() if k.startswith("MOLVA_")}).config()


class _Reader:
    """Reads names one by one and collects what is wrong instead of stopping at the first."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values
        self.problems: list[str] = []
        self.known: set[str] = set()

    def config(self) -> Config:
        allow_http = self.get("MOLVA_ALLOW_HTTP_PORTALS", "0", _flag) or False
        made = Config(
            secret_keys=self.get("MOLVA_SECRET_KEY", None, _keys) or (),
            public_url=self.get("MOLVA_PUBLIC_URL", None, lambda v: _origin(v, allow_http, path=True)) or "",
            database_url=self.get("MOLVA_DATABASE_URL", "sqlite:///molva.db", _database) or "",
            client_id=self.get("MOLVA_BITRIX_CLIENT_ID", "", str) or "",
            client_secret=self.get("MOLVA_BITRIX_CLIENT_SECRET", "", str) or "",
            oauth_origins=self.get(
                "MOLVA_BITRIX_OAUTH_URL", ",".join(PUBLIC_OAUTH), lambda v: _origins(v, allow_http)
            )
            or PUBLIC_OAUTH,
            script_url=self.get("MOLVA_BX24_SCRIPT_URL", PUBLIC_SCRIPT, lambda v: _url(v, allow_http)) or "",
            dns_server=self.get("MOLVA_DNS_SERVER", "", _host_port),
            test_clock=self.get("MOLVA_TEST_CLOCK", "", lambda v: _clock(v, allow_http)),
            allow_http=allow_http,
            portals=self.get("MOLVA_PORTALS", "", _names) or frozenset(),
            smtp_url=self.get("MOLVA_SMTP_URL", "", _smtp) or "",
            log_level=self.get("MOLVA_LOG_LEVEL", "info", lambda v: _one_of(v, LEVELS)) or "info",
            log_format=self.get("MOLVA_LOG_FORMAT", "text", lambda v: _one_of(v, ("text", "json"))) or "text",
            metrics_token=self.get("MOLVA_METRICS_TOKEN", "", str) or "",
            request_log_days=self.get("MOLVA_REQUEST_LOG_DAYS", "7", lambda v: _days(v, 3, 90)) or 7,
            operator=Operator(
                name=self.get("MOLVA_OPERATOR_NAME", "", str) or "",
                contacts=self.get("MOLVA_OPERATOR_CONTACTS", "", _contacts) or (),
                hours=self.get("MOLVA_OPERATOR_HOURS", "", str) or "",
            ),
        )
        self.check_the_rest(made)
        if self.problems:
            raise ConfigError(self.problems)
        return made

    def get(self, name: str, default: str | None, read: Callable[[str], T]) -> T | None:
        raw = self.raw(name)
        if raw is None or raw == "":
            if default is None:
                self.problems.append(f"{name} is not set; {HINTS[name]}")
                return None
            raw = default
            if raw == "":
                return None
        try:
            return read(raw)
        except ValueError as error:
            self.problems.append(f"{name}: {error}")
            return None

    def raw(self, name: str) -> str | None:
        self.known |= {name}
        if name in SECRETS:
            self.known |= {f"{name}_FILE"}
            path = self.values.get(f"{name}_FILE")
            if path and name not in self.values:
                try:
                    return Path(path).read_text(encoding="utf-8").strip()
                except OSError as error:
                    self.problems.append(f"{name}_FILE: cannot read {path}: {error.strerror}")
        return self.values.get(name)

    def check_the_rest(self, made: Config) -> None:
        for name in sorted(set(self.values) - self.known):
            self.problems.append(
                f"{name} is not a setting of Molva; the known names are in docs/operating.md"
            )
        if bool(made.client_id) != bool(made.client_secret):
            self.problems.append(
                "MOLVA_BITRIX_CLIENT_ID and MOLVA_BITRIX_CLIENT_SECRET belong together: set both or neither"
            )


HINTS = {
    "MOLVA_SECRET_KEY": 'make one with: python -c "import secrets; print(secrets.token_urlsafe(32))"',
    "MOLVA_PUBLIC_URL": "give the address by which clients and portals reach Molva, such as https://molva.example.com",
}


def _flag(value: str) -> bool:
    if value not in ("0", "1"):
        raise ValueError("give 0 or 1")
    return value == "1"


def _keys(value: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in value.split(",") if key.strip())
    if not keys or any(len(key) < 16 for key in keys):
        raise ValueError(
            "each key needs at least 16 characters; separate several by commas, the first one signs"
        )
    return keys


def _url(value: str, allow_http: bool) -> str:
    parts = urlsplit(value if "://" in value else f"https:{value}" if value.startswith("//") else value)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("give a full address that begins with https://")
    if parts.scheme == "http" and not allow_http:
        raise ValueError("http:// is allowed only with MOLVA_ALLOW_HTTP_PORTALS=1; use https://")
    return parts.geturl()


def _origin(value: str, allow_http: bool, path: bool = False) -> str:
    parts = urlsplit(_url(value, allow_http))
    if parts.query or parts.fragment or parts.username or (parts.path.strip("/") and not path):
        raise ValueError("give scheme and host only, such as https://host.example")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') if path else ''}"


def _origins(value: str, allow_http: bool) -> tuple[str, ...]:
    origins = tuple(_origin(part.strip(), allow_http) for part in value.split(",") if part.strip())
    if not origins:
        raise ValueError("give at least one address")
    return origins


def _database(value: str) -> str:
    try:
        backend = make_url(value).get_backend_name()
    except ArgumentError:
        backend = ""
    if backend not in ("sqlite", "postgresql"):
        raise ValueError("give sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
    return value


def _host_port(value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("give host:port, such as 127.0.0.1:53")
    return host.strip("[]"), int(port)


def _clock(value: str, allow_http: bool) -> Path:
    if not allow_http:
        raise ValueError("a test clock is refused unless MOLVA_ALLOW_HTTP_PORTALS=1")
    path = Path(value)
    if not path.is_file():
        raise ValueError(f"there is no file {value}")
    return path


def _names(value: str) -> frozenset[str]:
    return frozenset(part.strip().lower() for part in value.split(",") if part.strip())


def _contacts(value: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in value.split(",") if part.strip())
    for one in found:
        page = one.startswith("https://") and bool(urlsplit(one).hostname)
        if not (page or re.fullmatch(r"[^\s@]+@[^\s@]+", one) or re.fullmatch(r"\+?[\d ()-]{5,}", one)):
            raise ValueError(
                "give e-mail addresses, phones and addresses that begin with https://, separated by commas"
            )
    return found


def _smtp(value: str) -> str:
    parts = urlsplit(value)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in SMTP_SCHEMES or not parts.hostname or port == -1:
        raise ValueError("give smtp://, smtps:// or smtp+starttls:// followed by user:password@host:port")
    return value


def _days(value: str, least: int, most: int) -> int:
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
        raise ValueError(f"give a number of days from {least} to {most}")
    return int(value)


def _one_of(value: str, choices: tuple[str, ...]) -> str:
    if value.lower() not in choices:
        raise ValueError(f"give one of {', '.join(choices)}")
    return value.lower()
