"""The composition root: the only file that puts the real clock, network, mail and database together."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import asdict, dataclass

from flask import Flask
from sqlalchemy import Engine

import webhooks
from integration import web
from integration.adapters import (
    DnsNames,
    KeySigner,
    OAuthServers,
    PooledRest,
    SecretDice,
    reporter,
    vault_keys,
)
from integration.bitrix.oauth import OAuthClient
from integration.clock import OffsetClock, SystemClock
from integration.config import Config
from integration.mail.reach import CheckedMailers
from integration.mail.smtp import NoMailer, SmtpMailer, SmtpServer
from integration.services.deps import Clock, Deps, Mailer, Settings
from integration.services.request_log import Recorder
from integration.store.base import Vault, make_engine, make_sessions
from integration.web.bodies import Patient
from integration.web.proxied import Proxied

MAX_REQUEST = 256 * 1024  # bytes of any request body; uploads come with their own limit


@dataclass(frozen=True, slots=True)
class Application:
    """One process's configuration, database and dependencies, and what writes its log of requests."""

    config: Config
    engine: Engine
    deps: Deps
    recorder: Recorder


def build(config: Config, engine: Engine | None = None) -> Application:
    """Everything a process needs. Make the engine after a fork, not before."""
    Vault.configure(vault_keys(config.secret_keys))
    engine = engine or make_engine(config.database_url)
    clock: Clock = OffsetClock(config.test_clock) if config.test_clock else SystemClock()
    sessions = make_sessions(engine)
    recorder = Recorder(sessions, clock)
    deps = Deps(
        sessions=sessions,
        clock=clock,
        settings=settings(config),
        rest=PooledRest(allow_http=config.allow_http, observer=reporter, record=recorder.observe),
        oauth=OAuthServers(
            OAuthClient(config.oauth_origins, allow_http=config.allow_http, observer=recorder.observe)
        ),
        mailer=mailer(config),
        signer=KeySigner(config.secret_keys),
        dice=SecretDice(),
        names=DnsNames(config.dns_server),
        mailers=CheckedMailers(allow_private=config.allow_http),
    )
    return Application(config, engine, deps, recorder)


def settings(config: Config) -> Settings:
    """The part of the configuration that use cases may see."""
    return Settings(
        public_url=config.public_url,
        client_id=config.client_id,
        client_secret=config.client_secret,
        oauth_origins=config.oauth_origins,
        allowed_portals=config.portals,
        allow_http=config.allow_http,
        smtp_host=SmtpServer.parse(config.smtp_url).host if config.smtp_url else "",
        request_log_days=config.request_log_days,
        worker_name=f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(3)}",
    )


def mailer(config: Config) -> Mailer:
    """The operator's mail server, or one that keeps letters waiting."""
    return SmtpMailer(SmtpServer.parse(config.smtp_url)) if config.smtp_url else NoMailer()


def create_app(application: Application) -> Flask:
    """The web application: pages for people, addresses for machines."""
    app = Flask("integration.web", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST
    app.config["BX24_SCRIPT_URL"] = application.config.script_url
    app.config["METRICS_TOKEN"] = application.config.metrics_token
    app.config["OPERATOR"] = asdict(application.config.operator)
    app.extensions["molva"] = application.deps
    web.register(app)
    webhooks.register(app)
    app.wsgi_app = Proxied(Patient(app.wsgi_app))  # type: ignore[method-assign]
    return app
