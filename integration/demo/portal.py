"""The sandbox portal seen from outside: what employees do in it, and what REST says about it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

import requests

Json = dict[str, Any]
TIMEOUT = 90.0
BATCH = 50


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
        """One call with JSON; the whole answer. Waits when the portal says that it was too much."""
        for _ in range(60):
            self.requests += 1
            response = self._session.post(f"{self._url}{method}", json=params, timeout=TIMEOUT)
            answer: Json = response.json()
            if answer.get("error") != "QUERY_LIMIT_EXCEEDED":
                break
            time.sleep(0.5)
        if "error" in answer:
            raise PortalError(f"{method}: {answer['error']} {answer.get('error_description', '')}")
        return answer

    def batch(self, commands: dict[str, str]) -> dict[str, Any]:
        """Results of many calls by key, 50 to a request. Raises ``PortalError`` for the first that failed."""
        results: dict[str, Any] = {}
        keys = list(commands)
        for start in range(0, len(keys), BATCH):
            part = {key: commands[key] for key in keys[start : start + BATCH]}
            answer = self.call("batch", {"halt": 0, "cmd": part})["result"]
            if answer["result_error"]:
                raise PortalError(f"batch: {answer['result_error']}")
            results |= answer["result"]
        return results

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

    def comments(self, cards: Iterable[tuple[str, int]]) -> dict[tuple[str, int], list[Json]]:
        """Timeline comments of many cards, oldest first (at most 50 to a card)."""
        wanted = {f"{kind}_{number}": (kind, number) for kind, number in cards}
        commands = {
            key: "crm.timeline.comment.list?"
            + urlencode({"filter[ENTITY_TYPE]": kind, "filter[ENTITY_ID]": number, "order[ID]": "ASC"})
            for key, (kind, number) in wanted.items()
        }
        return {wanted[key]: list(rows) for key, rows in self.batch(commands).items()}

    def addresses(self) -> list[Json]:
        """All addresses; each names the client above its requisite."""
        return list(self._pages("crm.address.list", {"select": ["*"]}, lambda result: result))

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
