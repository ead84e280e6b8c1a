"""The sandbox portal seen from outside: what employees do in it, and what REST says about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests

Json = dict[str, Any]
TIMEOUT = 30.0


class PortalError(RuntimeError):
    """The sandbox refused something the demo asked for."""


class Control:
    """The sandbox's own door for the demo and for tests (not part of the platform)."""

    def __init__(self, portal: str, token: str) -> None:
        self.portal = portal
        self._session = requests.Session()
        self._session.headers["X-Sandbox-Token"] = token

    def get(self, path: str, **query: Any) -> Any:
        """GET ``/_sandbox/<path>``."""
        return self._answer(
            self._session.get(f"{self.portal}/_sandbox/{path}", params=query, timeout=TIMEOUT)
        )

    def post(self, path: str, body: Any = None) -> Any:
        """POST ``/_sandbox/<path>``."""
        return self._answer(
            self._session.post(f"{self.portal}/_sandbox/{path}", json=body or {}, timeout=TIMEOUT)
        )

    def put(self, path: str, body: Any) -> Any:
        """PUT ``/_sandbox/<path>``."""
        return self._answer(self._session.put(f"{self.portal}/_sandbox/{path}", json=body, timeout=TIMEOUT))

    def act(self, user: int, method: str, params: Json) -> Any:
        """An employee does something in the portal's pages. Raises ``PortalError`` if it was refused."""
        answer = self.post(f"as/{user}/{method}", params)
        if "error" in answer:
            raise PortalError(
                f"user {user}, {method}: {answer['error']} {answer.get('error_description', '')}"
            )
        return answer.get("result")

    @staticmethod
    def _answer(response: requests.Response) -> Any:
        if response.status_code >= 400:
            raise PortalError(f"{response.request.path_url}: {response.status_code} {response.text[:300]}")
        return response.json()


class Reader:
    """Reads cards, comments and tasks by REST through an incoming webhook of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.requests = 0
        self._session = requests.Session()

    def call(self, method: str, params: Json) -> Json:
        """One call with JSON; the whole answer."""
        self.requests += 1
        response = self._session.post(f"{self._url}{method}", json=params, timeout=TIMEOUT)
        answer: Json = response.json()
        if "error" in answer:
            raise PortalError(f"{method}: {answer['error']} {answer.get('error_description', '')}")
        return answer

    def items(self, kind: int) -> dict[int, Json]:
        """All cards of a kind by id, user fields under their original names."""
        params = {
            "entityTypeId": kind,
            "select": ["*", "UF_*"],
            "useOriginalUfNames": "Y",
            "order": {"id": "ASC"},
        }
        rows = self._pages("crm.item.list", params, lambda result: result["items"])
        return {int(row["id"]): row for row in rows}

    def enum(self, kind: str, field: str) -> dict[str, str]:
        """Item id → XML_ID of an enumeration on lead, deal, company or contact."""
        answer = self.call(f"crm.{kind}.userfield.list", {"filter": {"FIELD_NAME": field}})
        return {
            str(row["ID"]): row["XML_ID"] for found in answer["result"] for row in found.get("LIST") or ()
        }

    def comments(self, kind: str, number: int) -> list[Json]:
        """Timeline comments of a card, oldest first."""
        params = {"filter": {"ENTITY_TYPE": kind, "ENTITY_ID": number}, "order": {"ID": "ASC"}}
        return list(self._pages("crm.timeline.comment.list", params, lambda result: result))

    def tasks(self) -> list[Json]:
        """All tasks of the portal."""
        select = [
            "ID", "TITLE", "DESCRIPTION", "STATUS", "RESPONSIBLE_ID", "CREATED_BY", "DEADLINE", "AUDITORS",
            "XML_ID", "UF_CRM_TASK", "CREATED_DATE",
        ]  # fmt: skip
        params = {"select": select, "order": {"ID": "asc"}}
        return list(self._pages("tasks.task.list", params, lambda result: result["tasks"]))

    def _pages(self, method: str, params: Json, rows: Any) -> Iterator[Json]:
        start = 0
        while True:
            answer = self.call(method, params | {"start": start})
            yield from rows(answer["result"])
            if "next" not in answer:
                return
            start = int(answer["next"])
