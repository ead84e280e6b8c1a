"""What happened in the portal, who is to be told, and the queue server that tells them (bitrix24.md 6).

One thread delivers: form-encoded POST, no retries, nothing before ``installFinish``. Tokens of the acting
user are put in at the moment of sending, and left out for robots.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import requests

from .agency import Json
from .forms import encode
from .state import App, State
from .tokens import Tokens

log = logging.getLogger(__name__)

#: Codes that applications may bind (``events``); names are compared without regard to case.
CODES = frozenset(
    [
        f"ONCRM{kind}{verb}"
        for kind in ("LEAD", "DEAL", "CONTACT", "COMPANY")
        for verb in ("ADD", "UPDATE", "DELETE")
    ]
    + [
        f"ONCRM{kind}USERFIELD{verb}"
        for kind in ("LEAD", "DEAL", "CONTACT", "COMPANY")
        for verb in ("ADD", "UPDATE", "DELETE", "SETENUMVALUES")
    ]
    + [
        "ONCRMDEALMOVETOCATEGORY",
        "ONCRMDEALRECURRINGADD",
        "ONCRMDEALRECURRINGUPDATE",
        "ONCRMDEALRECURRINGDELETE",
    ]
    + ["ONCRMDEALRECURRINGEXPOSE", "ONCRMACTIVITYADD", "ONCRMACTIVITYUPDATE", "ONCRMACTIVITYDELETE"]
    + ["ONCRMTIMELINECOMMENTADD", "ONCRMTIMELINECOMMENTUPDATE", "ONCRMTIMELINECOMMENTDELETE"]
    + ["ONTASKADD", "ONTASKUPDATE", "ONTASKDELETE", "ONTASKCOMMENTADD", "ONUSERADD", "ONOFFLINEEVENT"]
    + ["ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL", "ONAPPPAYMENT", "ONAPPTEST", "ONAPPMETHODCONFIRM"]
)
#: Events about the application itself: delivered even while it is not (or no longer) installed.
_SYSTEM = frozenset({"ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL"})
_WITH_REFRESH = frozenset({"ONAPPINSTALL", "ONAPPUPDATE", "ONOFFLINEEVENT"})
#: Calls of robots: no event, their data is the message itself (14.2).
_ROBOT = "ROBOT"


@dataclass
class Parcel:
    """One call to be made to one handler."""

    app: App
    event: str
    url: str
    data: Json
    actor: int
    handler_id: int
    due: float
    auth: Json | None = None


@dataclass
class Delivered:
    """What came of a parcel; ``status`` 0 means no answer."""

    event: str
    url: str
    status: int
    data: Json
    at: float


@dataclass
class Queue:
    """The queue server of one portal."""

    state: State
    tokens: Tokens
    waiting: deque[Parcel] = field(default_factory=deque)
    done: deque[Delivered] = field(default_factory=lambda: deque(maxlen=5000))
    counted: int = 0
    busy: bool = False
    wake: threading.Event = field(default_factory=threading.Event)
    stopped: bool = False
    _session: requests.Session = field(default_factory=requests.Session)

    def fire(self, event: str, data: Json, actor: int) -> int:
        """Queues the event for every online binding of every installed application; gives their number.
        ``actor`` 0 is a robot or an agent: its events carry no tokens."""
        sent = 0
        for binding in list(self.state.bindings):
            if binding["event"] != event or binding["event_type"] != "online":
                continue
            app = self.state.apps[binding["client_id"]]
            if app.state == "installed" or event in _SYSTEM:
                self.put(app, event, binding["handler"], data, binding["auth_type"] or actor, binding["id"])
                sent += 1
        return sent

    def put(
        self,
        app: App,
        event: str,
        url: str,
        data: Json,
        actor: int,
        handler_id: int,
        auth: Json | None = None,
    ) -> None:
        """Queues one call, with the faults of delivery that are switched on."""
        faults = self.state.settings.events
        self.counted += 1
        if faults.lose_every and self.counted % faults.lose_every == 0:
            return
        parcel = Parcel(
            app, event, url, data, actor, handler_id, self.state.clock.time() + faults.delay, auth
        )
        if faults.reorder and self.waiting and self.state.random.random() < 0.5:
            self.waiting.insert(len(self.waiting) - 1, parcel)
        else:
            self.waiting.append(parcel)
        if faults.duplicate_every and self.counted % faults.duplicate_every == 0:
            self.waiting.append(parcel)
        self.wake.set()

    def auth_block(self, app: App, event: str, actor: int) -> Json:
        """The ``auth`` of a message (6.2)."""
        origin = self.state.origin
        block: Json = {
            "domain": origin.domain,
            "server_endpoint": origin.server_endpoint,
            "client_endpoint": origin.client_endpoint,
            "member_id": self.state.info.member_id,
            "application_token": app.application_token,
        }
        if event == "ONAPPUNINSTALL" or actor <= 0:
            return block
        pair = self.tokens.event_pair(app, actor)
        block |= {
            "access_token": pair.access,
            "expires": int(pair.expires),
            "expires_in": 3600,
            "scope": ",".join(app.scope),
            "status": app.status,
            "user_id": actor,
        }
        if event in _WITH_REFRESH:
            block |= {"refresh_token": pair.refresh, "scope": " ".join(app.scope)}
        if event == _ROBOT:
            block["refresh_token"] = pair.refresh
        return block

    def message(self, parcel: Parcel) -> Json:
        """The whole message at the moment of sending; ``ts`` is that moment."""
        with self.state.lock:
            auth = parcel.auth or self.auth_block(parcel.app, parcel.event, parcel.actor)
        if parcel.event == _ROBOT:
            return parcel.data | {"ts": self.state.now(), "auth": auth}
        body: Json = {"event": parcel.event, "event_handler_id": parcel.handler_id, "data": parcel.data}
        if parcel.event in _SYSTEM:
            del body["event_handler_id"]
        return body | {"ts": self.state.now(), "auth": auth}

    def run(self) -> None:
        """Delivers until :meth:`stop`; the thread's body."""
        while not self.stopped:
            parcel = self._next()
            if parcel is None:
                self.wake.wait(0.05)
                self.wake.clear()
                continue
            try:
                self._send(parcel)
            except Exception:
                log.exception("event %s was not delivered", parcel.event)
            self.busy = False
        self._session.close()

    def _next(self) -> Parcel | None:
        with self.state.lock:
            ready = self.waiting and not self.state.settings.events.paused
            if not ready or self.waiting[0].due > self.state.clock.time():
                return None
            self.busy = True
            return self.waiting.popleft()

    def _send(self, parcel: Parcel) -> None:
        status = 0
        try:
            answer = self._session.post(
                parcel.url,
                data=encode(self.message(parcel)),
                headers={
                    "Content-Type": "application/x-www-form-urlencoded",
                    "User-Agent": "Bitrix24 Webhook Engine",
                },
                timeout=self.state.settings.events.timeout,
                allow_redirects=False,
            )
            status = answer.status_code
        except requests.RequestException as error:
            log.info("event %s: no answer (%s)", parcel.event, type(error).__name__)
        self.done.append(Delivered(parcel.event, parcel.url, status, parcel.data, self.state.clock.time()))

    def flush(self, timeout: float) -> int:
        """Waits until nothing is left to send; gives what is still waiting after ``timeout`` real seconds."""
        end = time.monotonic() + timeout
        while (self.waiting or self.busy) and time.monotonic() < end:
            time.sleep(0.01)
        return len(self.waiting)

    def stop(self) -> None:
        """Ends the thread after the present parcel."""
        self.stopped = True
        self.wake.set()


def id_data(row_id: int) -> Json:
    """``{"FIELDS": {"ID": "7"}}``."""
    return {"FIELDS": {"ID": str(row_id)}}


def task_data(before: Any, after: Any) -> Json:
    """Data of task events with the literal string "undefined" (bitrix24.md 6.4)."""
    return {
        "FIELDS_BEFORE": {"ID": before} if before else "undefined",
        "FIELDS_AFTER": {"ID": after} if after else "undefined",
        "IS_ACCESSIBLE_BEFORE": "Y" if before and after else "N" if after else "Y",
        "IS_ACCESSIBLE_AFTER": "undefined" if not before or not after else "Y",
    }
