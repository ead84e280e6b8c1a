"""The wave's list as one statement written by hand, for one set of rules that cannot be changed."""

from __future__ import annotations

from benchmarks.freezing_rows import BEFORE, EMAILS, SERVICE, TROUBLE

LIST = "bench_list"
CREATE = f"""
CREATE TABLE {LIST} (client_kind TEXT, client_id INTEGER, reason TEXT, since DATE, deal_id INTEGER,
                     manager_id INTEGER, yearly_revenue NUMERIC(18, 2))
"""

_DAY = {
    "SQLite": "date({}, '+3 hours')",  # the portal's zone, which has no summer time
    "PostgreSQL": "(({} AT TIME ZONE 'UTC') + interval '3 hours')::date",
}
_ASKED = {"SQLite": "json_extract(i.touches, '$.invitation')", "PostgreSQL": "i.touches->>'invitation'"}
_MOMENT = {
    "SQLite": "date({}, '+3 hours')",
    "PostgreSQL": "(({})::timestamptz AT TIME ZONE 'Europe/Moscow')::date",
}


def statement(kind: str, today: str, year_ago: str, quarter_ago: str, gap: str) -> str:
    """One INSERT … SELECT. Days are ISO texts: today, a year and three months before, and the day since when
    nobody may have been asked."""
    won, served = _DAY[kind].format("d.won_at"), _DAY[kind].format("min(m.moved_at)")
    asked = _MOMENT[kind].format(_ASKED[kind])
    return f"""
INSERT INTO {LIST}
WITH facts AS MATERIALIZED (
  SELECT d.client_kind, d.client_id, d.id, d.semantics, d.stage_id, d.close_on, d.begin_on, d.assigned_by,
         d.amount, d.currency, {won} AS won_on,
         (SELECT {served} FROM stage_moves m WHERE m.portal_id = d.portal_id AND m.deal_id = d.id
             AND m.category_id = {SERVICE} AND m.semantics NOT IN ('S', 'F')) AS service_on,
         (d.semantics = 'P' AND d.category_id = {SERVICE}) AS serving
  FROM deals d WHERE d.portal_id = 1 AND d.deleted_at IS NULL AND NOT d.recurring AND d.client_kind <> ''
), dated AS (
  SELECT f.*, coalesce(won_on, service_on, CASE WHEN semantics = 'S' OR serving THEN begin_on END) AS since,
         CASE WHEN serving THEN coalesce(service_on, begin_on)
              WHEN semantics = 'S' AND coalesce(close_on, won_on) >= '{year_ago}' THEN coalesce(close_on, won_on)
         END AS current_on,
         (serving OR (semantics = 'S' AND coalesce(close_on, won_on) >= '{year_ago}')) AS is_current
  FROM facts f
), ranked AS (
  SELECT client_kind, client_id, id, assigned_by,
         row_number() OVER (PARTITION BY client_kind, client_id
                            ORDER BY serving DESC, current_on IS NOT NULL DESC, current_on DESC, id DESC) AS place
  FROM dated WHERE is_current
), sums AS (
  SELECT client_kind, client_id, min(since) AS since,
         sum(CASE WHEN semantics = 'S' AND currency IN ('', 'RUB') AND coalesce(won_on, close_on) > '{year_ago}'
                   AND coalesce(won_on, close_on) <= '{today}' THEN amount ELSE 0 END) AS revenue,
         max(CASE WHEN semantics = 'P' AND stage_id = '{TROUBLE}' THEN 1 ELSE 0 END) AS trouble
  FROM dated GROUP BY client_kind, client_id
), cards AS (
  SELECT 'company' AS kind, id, assigned_by, opted_out, hold_until FROM companies
  WHERE portal_id = 1 AND deleted_at IS NULL AND NOT own
  UNION ALL
  SELECT 'contact', id, assigned_by, opted_out, hold_until FROM contacts
  WHERE portal_id = 1 AND deleted_at IS NULL
), members AS (
  SELECT 'company' AS kind, company_id AS id, contact_id FROM contact_companies WHERE portal_id = 1
  UNION ALL
  SELECT 'contact', id, id FROM contacts WHERE portal_id = 1
), asked AS (
  SELECT w.client_kind, w.client_id, i.contact_id FROM invitations i
  JOIN wave_clients w ON w.id = i.wave_client_id
  WHERE i.portal_id = 1 AND i.wave_id = {BEFORE} AND {asked} > '{gap}'
), persons AS (
  SELECT m.kind, m.id,
         CASE WHEN EXISTS (SELECT 1 FROM asked a WHERE a.contact_id = c.id) THEN 3
              WHEN c.opted_out OR EXISTS (SELECT 1 FROM opt_outs o WHERE o.portal_id = 1 AND o.address = e.email) THEN 4
              WHEN c.hold_until > '{today}' THEN 5
              WHEN e.email IS NULL THEN 7 ELSE 0 END AS barred
  FROM members m JOIN contacts c ON c.portal_id = 1 AND c.id = m.contact_id AND c.deleted_at IS NULL
  LEFT JOIN {EMAILS} e ON e.contact_id = c.id
), people AS (
  SELECT kind, id, CASE WHEN min(barred) = 0 THEN 99 WHEN max(barred) = 7 THEN 7 ELSE min(barred) END AS barred
  FROM persons GROUP BY kind, id
), judged AS (
  SELECT k.kind, k.id, s.since, r.id AS deal_id, coalesce(k.assigned_by, r.assigned_by) AS manager, s.revenue,
         CASE WHEN r.id IS NULL THEN 1 WHEN s.since IS NULL OR s.since > '{quarter_ago}' THEN 2 ELSE
           least3(CASE WHEN a.client_id IS NOT NULL THEN 3 WHEN k.opted_out THEN 4
                       WHEN k.hold_until > '{today}' OR s.trouble = 1 THEN 5 ELSE 99 END,
                  coalesce(p.barred, 6)) END AS place
  FROM cards k JOIN sums s ON s.client_kind = k.kind AND s.client_id = k.id
  LEFT JOIN ranked r ON r.client_kind = k.kind AND r.client_id = k.id AND r.place = 1
  LEFT JOIN asked a ON a.client_kind = k.kind AND a.client_id = k.id
  LEFT JOIN people p ON p.kind = k.kind AND p.id = k.id
)
SELECT kind, id, CASE place WHEN 1 THEN 'not_current' WHEN 2 THEN 'too_new' WHEN 3 THEN 'asked_recently'
         WHEN 4 THEN 'opted_out' WHEN 5 THEN 'on_hold' WHEN 6 THEN 'no_respondent' WHEN 7 THEN 'no_channel'
         ELSE '' END, since, deal_id, manager, revenue
FROM judged
""".replace("least3(", "min(" if kind == "SQLite" else "least(")  # noqa: S608  (names and days of our own)
