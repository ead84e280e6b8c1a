"""A Bitrix24 portal and its authorisation server in memory, served as a process of its own.

Start it::

    python -m integration.bitrix.sandbox.server --agency FILE --clock-file FILE --control-token TOKEN

The first line on standard output is JSON with the addresses of the portal (``/rest/…``, ``/bx24.js``,
``/frame/<client_id>``), of the authorisation server (``/oauth/token/``, ``/rest/app.info``) and the control
token. Everything a test or the demo may do with it lies under ``/_sandbox`` (``control.py``), guarded by
the header ``X-Sandbox-Token``. In one process: ``with server.running(Agency()) as box``.

It answers as bitrix24.md says, pitfalls included; the official SDK reads it in
``tests/bitrix/sandbox``. One process is one portal. Where to look: ``agency`` (the data it opens with),
``state`` and ``tables`` (what it remembers), ``rest`` and ``batch`` (one request), ``methods`` (the REST
methods by topic), ``items``, ``fates``, ``fields``, ``tasks`` (what they do), ``install``, ``oauth``,
``tokens``, ``events`` (applications), ``limits``, ``faults``, ``settings`` (what can be switched).

Deviations from the platform, on purpose:

* plain HTTP is accepted (the platform refuses it with ``INVALID_REQUEST``); ``PROTOCOL`` of frames says so;
* one portal per authorisation server, and the portal itself also answers ``/oauth/token/``;
* only leads, deals, contacts and companies; no smart processes, invoices, quotes, orders, products;
* no REST 3.0, no offline events (``feature.get`` says N), no workflows beside the robots of applications (put on a
  stage by ``settings.automation``, not in a designer), no telephony, no own field types, no files, no configurable
  activities, no silent import;
* rights are three words per user (all, own, none), not roles; scopes are checked, consent per method is not;
* ``time.operating`` of a method is its real running time, plus virtual seconds on a slow portal;
* texts of errors are English whatever the portal's language, and only their codes are to be relied on;
* dictionaries come whole, without pages; the closing date is written when a deal reaches a final stage
  (``close_date_on_final``), as the platform's code does and its documentation does not say;
* an unread reference in a batch becomes an empty string, whatever the reason (undocumented);
* a card's layout is ``[]`` until somebody customised it (undocumented; ``layout_default`` gives the other
  answer), list items left out of a ``userfield.update`` stay, the old refresh token dies at once;
* answers to ``tasks.task.*`` hold the fields a client may ask for, not the whole card with rights and trees;
* ``crm.item.list`` also takes ``ID`` for ``id`` in orders and filters, because clients of the platform do;
* calendar absences are whole events, unknown users have none;
* the delivery of events is one thread: in order, unless ``settings.events`` says otherwise;
* ``/frame/<client_id>`` opens an application in the name of any user without asking who is there.
"""
