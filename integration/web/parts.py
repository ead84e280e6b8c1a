"""A page that shows every part of the pages inside the portal, in every state, on made-up data (product.md P1)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from flask import Blueprint, Response, request

from integration.web.pages import choose_language, show

blueprint = Blueprint("parts", __name__)

LONG = (
    "Общество с ограниченной ответственностью «Научно-производственное объединение “Северо-Западная "
    "электромеханическая компания имени Константина Константиновича Константинопольского”»"
)
MARKUP = "<b>x</b> & “Sons” <script>alert(1)</script>"
NO_BLANKS = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
PEOPLE = (
    {"name": "Анна Ковальчук", "line": "Аккаунт-директор, Москва"},
    {"name": LONG, "line": "client@very-long-domain-name-of-an-agency.example"},
    {"name": MARKUP, "line": MARKUP},
)
CLIENTS = (
    {"name": "Ромашка", "score": 10, "group": "promoter", "manager": "Пётр Лысенко", "revenue": 1250000,
     "asked": date(2026, 11, 3), "words": "Всегда на связи, всё в срок. Рекомендовал двум партнёрам."},
    {"name": LONG, "score": 7, "group": "passive", "manager": "Анна Ковальчук", "revenue": 48000,
     "asked": date(2026, 11, 4), "words": "Нормально."},
    {"name": MARKUP, "score": 2, "group": "detractor", "manager": NO_BLANKS, "revenue": 0,
     "asked": date(2026, 11, 5), "words": MARKUP},
)  # fmt: skip
SETTINGS_MENU = (
    {"path": "/app/settings/senders", "label": "Отправители", "current": True, "icon": "person"},
    {"path": "/app/settings/clients", "label": "Кого спрашиваем", "current": False, "icon": "company"},
    {"path": "/app/settings/outbox", "label": "Очередь", "current": False, "icon": "list", "count": 3},
)
SAMPLE: dict[str, Any] = {
    "long": LONG, "markup": MARKUP, "no_blanks": NO_BLANKS, "people": PEOPLE, "clients": CLIENTS,
    "menu_items": SETTINGS_MENU, "counts": [1, 0, 2, 1, 0, 4, 4, 8, 12, 14, 16],
    "moment_value": datetime(2026, 11, 22, 9, 30, tzinfo=UTC), "day_value": date(2026, 11, 22),
    "funnel": (
        {"label": "Можно спросить", "value": 1214, "share": 1.0, "note": ""},
        {"label": "Письмо ушло", "value": 1180, "share": 0.972, "note": "34 без адреса"},
        {"label": "Ответили", "value": 402, "share": 0.331, "note": ""},
        {"label": "Встречи назначены", "value": 0, "share": 0.0, "note": "ждём критиков"},
    ),
}  # fmt: skip


@blueprint.get("/app/parts")
def gallery() -> Response:
    """All parts, light and dark side by side; `?theme=light` or `dark` shows one. Needs no session."""
    choose_language(request.args.get("lang"))
    themes = [theme for theme in ("light", "dark") if request.args.get("theme", theme) == theme]
    return show("app/parts.html", session="", themes=themes or ["light"], viewer={"origin": ""}, **SAMPLE)
