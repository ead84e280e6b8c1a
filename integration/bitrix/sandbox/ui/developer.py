"""*Developer resources → Other → Local application*: the form that makes one and shows its keys (bitrix24.md 1.1)."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, redirect, request

from ..agency import Json
from ..install import begin_install, register
from ..portal import METHODS
from .shell import missing, page, refused
from .visit import visit

_FORM = "/devops/edit/application/"


def developer_pages(views: Blueprint) -> None:
    """The empty form, and the application that was made by it."""

    @views.get(_FORM)
    def new_application() -> Response:
        return (
            _form({"ui": True}) if visit().admin else refused(visit().t("Only an administrator may do this"))
        )

    @views.post(_FORM)
    def add_application() -> Any:
        who = visit()
        if not who.admin:
            return refused(who.t("Only an administrator may do this"))
        typed = _typed()
        problem = _problem(typed)
        if problem:
            return _form(typed, problem, 422)
        app = register(who.desk.portal, typed | _keys())
        begin_install(who.desk.portal, app, who.user_id)
        return redirect(f"{_FORM}{app.client_id}/", 303)

    @views.get(f"{_FORM}<client_id>/")
    def made_application(client_id: str) -> Response:
        who = visit()
        app = who.state.apps.get(client_id)
        if app is None or app.kind != "local":
            return missing()
        if not who.admin:
            return refused(who.t("Only an administrator may do this"))
        return page("portal/developer.html", current="market", app=app, typed={}, problem="", scopes=())


def _form(typed: Json, problem: str = "", status: int = 200) -> Response:
    return page(
        "portal/developer.html",
        status,
        current="market",
        app=None,
        typed=typed,
        scopes=scopes(),
        problem=problem,
    )


def scopes() -> list[str]:
    """Every right that a method of this portal asks for."""
    return sorted({scope for method in METHODS.values() for scope in method.scopes})


def _typed() -> Json:
    form = request.form
    return {
        "title": form.get("title", "").strip(), "app_url": form.get("app_url", "").strip(),
        "install_url": form.get("install_url", "").strip(), "ui": form.get("api_only") != "1",
        "scope": [one for one in scopes() if one in form.getlist("scope")], "kind": "local",
    }  # fmt: skip


def _problem(typed: Json) -> str:
    t = visit().t
    if not typed["title"]:
        return t("Give the application a name")
    for url in filter(None, (typed["app_url"], typed["install_url"])):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return t("Give full addresses that begin with https://")
    return "" if typed["app_url"] else t("Give the path of the handler")


def _keys() -> Json:
    return {
        "client_id": f"local.{secrets.token_hex(7)}.{secrets.randbelow(90_000_000) + 10_000_000}",
        "client_secret": secrets.token_urlsafe(37)[:50],
    }
