"""What an accountant closed stays closed; entries carry their journal's date; the chart is the product's, and more."""

from __future__ import annotations

import json

from provvypay.services.check_books.check import Check
from provvypay.services.ledger.chart import CHART

CHECKS = (
    Check(
        "I-49",
        "periods.journals_stay_out",
        "No journal was written into a period closed by then; what was moved stands at the first open instant.",
        """
        SELECT 'journals', j.id::text, format('of %s, moved from %s, under lock %s, which opens at %s', j.effective_at,
            coalesce(j.moved_from::text, 'nowhere'), coalesce(p.seq::text, 'none'), p.open_from)
        FROM journals j
        LEFT JOIN LATERAL (
            SELECT l.seq, l.open_from FROM period_locks l WHERE l.organization_id = j.organization_id
            AND (l.seq = j.lock_seq OR (j.lock_seq IS NULL AND l.created_at < j.created_at - interval '1 minute'))
            ORDER BY l.seq DESC LIMIT 1) AS p ON true
        WHERE j.effective_at < p.open_from
            OR (j.moved_from IS NOT NULL
                AND (j.effective_at IS DISTINCT FROM p.open_from OR j.moved_from >= j.effective_at))
        """,
    ),
    Check(
        "I-49",
        "periods.locks_follow",
        "Locks are numbered without a gap, end with a day that was over, and none opens without a reason.",
        """
        SELECT 'period_locks', format('%s/%s', organization_id, seq),
            format('after %s; through %s in %s, open from %s; written %s; reason %L', before_seq, locked_through,
                time_zone, open_from, created_at, reason)
        FROM (SELECT *, lag(seq, 1, 0) OVER w AS before_seq, lag(open_from) OVER w AS before
              FROM period_locks WINDOW w AS (PARTITION BY organization_id ORDER BY seq)) AS l
        WHERE seq <> before_seq + 1 OR open_from > created_at
            OR open_from IS DISTINCT FROM (locked_through + 1)::timestamp AT TIME ZONE time_zone
            OR (coalesce(open_from, '-infinity') < coalesce(before, '-infinity') AND btrim(reason) = '')
        """,
    ),
    Check(
        "I-50",
        "journals.lines_have_its_date",
        "A line has the date of its journal, by which statements are read.",
        """
        SELECT 'ledger_entries', format('%s/%s', e.journal_id, e.line_no),
            format('%s in a journal of %s', e.effective_at, j.effective_at)
        FROM ledger_entries e JOIN journals j ON j.id = e.journal_id WHERE e.effective_at <> j.effective_at
        """,
    ),
    Check(
        "I-51",
        "accounts.archived_are_unused",
        "An archived account carries no entry.",
        """
        SELECT 'accounts', format('%s/%s', a.organization_id, a.code), format('archived %s, has entries', archived_at)
        FROM accounts a WHERE a.archived_at IS NOT NULL AND EXISTS (
            SELECT FROM ledger_entries e WHERE e.organization_id = a.organization_id AND e.account_code = a.code)
        """,
    ),
    Check(
        "I-51",
        "accounts.system_ones_are_the_charts",
        "System accounts are those of the chart and of its kinds, and no others.",
        """
        SELECT 'accounts', format('%s/%s', a.organization_id, a.code),
            format('%s, %s', a.kind, CASE WHEN a.is_system THEN 'of the system' ELSE 'its own' END)
        FROM accounts a
        LEFT JOIN jsonb_to_recordset(CAST(:chart AS jsonb)) AS c (code text, kind text) ON c.code = a.code
        WHERE a.is_system <> (c.code IS NOT NULL) OR a.kind <> c.kind
        """,
        {"chart": json.dumps([{"code": account.code, "kind": account.kind} for account in CHART])},
    ),
)
