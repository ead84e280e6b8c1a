"""What people see: the answer page, installation, the main page, health. No rules and no rows here."""

from __future__ import annotations

from flask import Flask

from integration.web import (
    calls,
    card,
    card_project,
    card_referrer,
    colleague,
    colleagues,
    desk,
    direct,
    direct_desk,
    errors,
    health,
    install,
    legal,
    main,
    pages,
    partners,
    parts,
    projects,
    referral_import,
    referrals,
    rehearsal,
    replies,
    session,
    settings,
    start,
    survey,
    tracing,
    unsubscribe,
    wave,
    wave_line,
    wave_report,
    wave_trail,
    waves,
)


def register(app: Flask) -> None:
    """Give an application all pages, their headers and their error pages.

    Reads `app.config`: `BX24_SCRIPT_URL` (the portal's frame script), `METRICS_TOKEN` (empty: the
    loopback only) and `OPERATOR` (`name`, `contacts`, `hours` of whoever runs this). `app.extensions["molva"]`
    must hold the `Deps` when the first request comes.
    """
    app.config.setdefault("BX24_SCRIPT_URL", "https://api.bitrix24.com/api/v1/")
    app.config.setdefault("METRICS_TOKEN", "")
    app.config.setdefault("OPERATOR", {"name": "", "contacts": (), "hours": ""})
    for module in (
        pages,
        survey,
        unsubscribe,
        direct,
        colleague,
        colleagues,
        desk,
        direct_desk,
        install,
        main,
        rehearsal,
        wave,
        wave_line,
        wave_trail,
        waves,
        wave_report,
        partners,
        calls,
        card,
        card_project,
        card_referrer,
        projects,
        referral_import,
        referrals,
        replies,
        session,
        legal,
        parts,
        settings,
        start,
        health,
    ):
        app.register_blueprint(module.blueprint)
    errors.register(app)
    pages.register(app)
    tracing.register(app)
