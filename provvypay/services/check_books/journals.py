"""Every journal balances, in one currency, is there once, and books what its source says."""

from __future__ import annotations

from provvypay.services.check_books.check import Check

CHECKS = (
    Check(
        "I-01",
        "journals.balance",
        "In every journal debits equal credits, over at least two lines.",
        """
        SELECT 'journals', j.id::text, CASE WHEN e.lines IS NULL THEN 'no lines'
            ELSE format('debit %s, credit %s', e.debit, e.credit)
               || CASE WHEN e.lines < 2 THEN ', in one line' ELSE '' END END
        FROM journals j
        LEFT JOIN (SELECT journal_id, count(*) AS lines,
            coalesce(sum(amount_minor) FILTER (WHERE side = 'DEBIT'), 0) AS debit,
                          coalesce(sum(amount_minor) FILTER (WHERE side = 'CREDIT'), 0) AS credit
                   FROM ledger_entries GROUP BY journal_id) AS e ON e.journal_id = j.id
        WHERE e.lines IS NULL OR e.lines < 2 OR e.debit <> e.credit
        """,
    ),
    Check(
        "I-01",
        "journals.one_currency",
        "A line is in its journal's currency, and of its journal's organization.",
        """
        SELECT 'ledger_entries', format('%s/%s', e.journal_id, e.line_no),
            format('%s in a journal in %s', e.currency, j.currency)
               || CASE WHEN e.organization_id <> j.organization_id THEN ' of another organization' ELSE '' END
        FROM ledger_entries e JOIN journals j ON j.id = e.journal_id
        WHERE (e.currency, e.organization_id) <> (j.currency, j.organization_id)
        """,
    ),
    Check(
        "I-03",
        "journals.reversals_mirror",
        "A reversal takes back, once and line by line, what a voided settlement booked, or suspense that was matched.",
        """
        WITH shapes AS (
            SELECT e.journal_id, string_agg(format('%s %s %s', e.side, e.account_code, e.amount_minor), ', '
                       ORDER BY e.side, e.account_code, e.amount_minor) AS shape,
                   string_agg(format('%s %s %s', CASE e.side WHEN 'DEBIT' THEN 'CREDIT' ELSE 'DEBIT' END,
                       e.account_code, e.amount_minor), ', '
                       ORDER BY CASE e.side WHEN 'DEBIT' THEN 'CREDIT' ELSE 'DEBIT' END, e.account_code,
                           e.amount_minor) AS mirror
            FROM ledger_entries e
            WHERE e.journal_id IN (SELECT id FROM journals WHERE kind = 'REVERSAL' UNION ALL SELECT reverses_id
                FROM journals WHERE kind = 'REVERSAL')
            GROUP BY e.journal_id)
        SELECT 'journals', j.id::text,
            format('reverses %s (%s) with %s', coalesce(j.reverses_id::text, 'nothing'),
                coalesce(theirs.shape, 'nothing'), ours.shape)
        FROM journals j LEFT JOIN journals r ON r.id = j.reverses_id
        LEFT JOIN settlements s ON s.id = r.source_id AND s.voided_at IS NOT NULL AND r.kind IN ('SALE', 'PAYMENT')
        LEFT JOIN payment_exceptions x ON x.payment_id = r.source_id AND x.held_in = '2190' AND r.kind = 'SUSPENSE'
        LEFT JOIN payment_resolutions m ON m.exception_id = x.id AND m.action = 'MATCHED'
        LEFT JOIN shapes ours ON ours.journal_id = j.id LEFT JOIN shapes theirs ON theirs.journal_id = j.reverses_id
        WHERE j.kind = 'REVERSAL' AND (ours.shape IS DISTINCT
            FROM theirs.mirror OR (s.id IS NULL AND m.id IS NULL)
            OR (j.currency, j.link_id) IS DISTINCT FROM (r.currency, r.link_id))
        UNION ALL
        SELECT 'journals', min(id::text), format('%s is reversed %s times', reverses_id, count(*))
        FROM journals WHERE reverses_id IS NOT NULL GROUP BY reverses_id HAVING count(*) > 1
        """,
    ),
    Check(
        "I-04",
        "journals.once_per_fact",
        "A fact is booked once: one journal per source and kind.",
        """
        SELECT 'journals', min(id::text),
            format('%s of %s %s is there %s times', kind, source_type, source_id, count(*))
        FROM journals GROUP BY source_type, source_id, kind HAVING count(*) > 1
        """,
    ),
    Check(
        "I-04",
        "journals.have_their_source",
        "A journal's source is a fact of the same organization, of the kind that is booked so.",
        """
        SELECT 'journals', j.id::text, format('%s from %s %s, which is not there', j.kind, j.source_type, j.source_id)
        FROM journals j
        LEFT JOIN settlements s ON j.source_type = 'SETTLEMENT' AND s.id = j.source_id
            AND s.organization_id = j.organization_id
        LEFT JOIN payments p ON j.source_type = 'PAYMENT' AND p.id = j.source_id
            AND p.organization_id = j.organization_id AND p.outcome = 'EXCEPTION'
        LEFT JOIN balance_transactions b ON j.source_type = 'BALANCE_TRANSACTION' AND b.id = j.source_id
            AND b.organization_id = j.organization_id
        LEFT JOIN journals r ON j.source_type = 'JOURNAL' AND r.id = j.source_id
            AND r.organization_id = j.organization_id AND r.id = j.reverses_id
        LEFT JOIN refunds back ON j.source_type = 'REFUND' AND back.id = j.source_id
            AND back.organization_id = j.organization_id
        LEFT JOIN disputes d ON j.source_type = 'DISPUTE' AND d.id = j.source_id
            AND d.organization_id = j.organization_id
        LEFT JOIN payment_resolutions m ON j.source_type = 'RESOLUTION' AND m.id = j.source_id
            AND m.organization_id = j.organization_id
        WHERE CASE WHEN j.source_type = 'RESOLUTION' THEN m.id
                   WHEN j.kind IN ('SALE', 'PAYMENT') THEN s.id WHEN j.kind IN ('CREDIT', 'SUSPENSE') THEN p.id
                   WHEN j.kind IN ('FEE', 'DISPUTE_FEE', 'CONVERSION_OUT', 'CONVERSION_IN') THEN b.id
                   WHEN j.kind IN ('REFUND', 'REFUND_REVERSAL') THEN back.id
                   WHEN j.kind IN ('DISPUTE_WITHDRAWN', 'DISPUTE_WON', 'DISPUTE_LOST') THEN d.id
                       WHEN j.kind = 'REVERSAL' THEN r.id END IS NULL
        """,
    ),
    Check(
        "I-06",
        "journals.trial_balance",
        "The trial balance of every organization is zero in every currency.",
        """
        SELECT 'organizations', organization_id::text,
            format('debits less credits are %s %s',
                sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END), currency)
        FROM ledger_entries GROUP BY organization_id, currency
        HAVING sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END) <> 0
        """,
    ),
)
