"""Money that goes back: never more than was received, booked as its provider says, and seen where it went wrong."""

from __future__ import annotations

from provvypay.services.check_books.check import Check

# What stands in the journals of a refund or dispute, as one line each: kind, currency and both sides.
_BOOKED = """
    SELECT j.source_id, j.kind, j.organization_id, j.link_id, j.currency,
        string_agg(format('%s %s %s', e.side, e.account_code, e.amount_minor), ', ' ORDER BY e.side DESC,
            e.account_code) AS shape
    FROM journals j JOIN ledger_entries e ON e.journal_id = j.id WHERE j.source_type = '{source}' GROUP BY j.id
"""

CHECKS = (
    Check(
        "I-15",
        "returns.within_received",
        "Refunds we asked for, with disputes that are open or lost, are no more than the payment brought.",
        """
        SELECT 'payments', p.id::text, format('of %s %s go back', p.value_minor, sum(back.minor))
        FROM payments p JOIN (
            SELECT payment_id, amount_minor AS minor FROM refunds
            WHERE state NOT IN ('FAILED', 'CANCELED') AND NOT is_external
            UNION ALL
            SELECT d.payment_id, d.amount_minor FROM disputes d
            WHERE d.state IN ('NEEDS_RESPONSE', 'UNDER_REVIEW', 'LOST') AND EXISTS (
                SELECT FROM refunds r WHERE r.payment_id = d.payment_id AND r.created_at > d.created_at
                    AND r.state NOT IN ('FAILED', 'CANCELED') AND NOT r.is_external)) AS back ON back.payment_id = p.id
        GROUP BY p.id HAVING sum(back.minor) > p.value_minor
        """,
    ),
    Check(
        "I-15",
        "returns.excess_is_seen",
        "Where a provider gives back more than the payment brought, an exception says so.",
        """
        SELECT 'payments', p.id::text, format('of %s %s went back', p.value_minor, sum(back.minor))
        FROM payments p JOIN (
            SELECT payment_id, amount_minor AS minor FROM refunds WHERE state IN ('PENDING', 'SUCCEEDED')
            UNION ALL
            SELECT payment_id, amount_minor FROM disputes WHERE state IN ('NEEDS_RESPONSE', 'UNDER_REVIEW', 'LOST')
            ) AS back ON back.payment_id = p.id
        WHERE NOT EXISTS (SELECT FROM payment_exceptions x LEFT JOIN refunds r ON r.id = x.refund_id
                          LEFT JOIN disputes d ON d.id = x.dispute_id
                          WHERE x.kind = 'OVER_REFUNDED' AND coalesce(r.payment_id, d.payment_id) = p.id)
        GROUP BY p.id HAVING sum(back.minor) > p.value_minor
        """,
    ),
    Check(
        "I-53",
        "returns.refunds_are_booked",
        "A refund is booked when its money has left, from 4090 or from the credit it gives back, and only then.",
        f"""
        WITH booked AS ({_BOOKED.format(source="REFUND")}),
        wanted AS (
            SELECT r.id AS source_id, 'REFUND' AS kind, r.organization_id, r.link_id, r.currency,
                format('DEBIT %s %s, CREDIT 1050 %2$s', CASE WHEN r.exception_id IS NULL THEN '4090' ELSE '2100' END,
                    r.amount_minor) AS shape
            FROM refunds r JOIN balance_transactions b ON b.refund_id = r.id AND b.type = 'refund'
            UNION ALL
            SELECT r.id, 'REFUND_REVERSAL', r.organization_id, r.link_id, r.currency,
                format('DEBIT 1050 %2$s, CREDIT %1$s %2$s', CASE WHEN r.exception_id IS NULL THEN '4090'
                    ELSE '2100' END, r.amount_minor)
            FROM refunds r JOIN balance_transactions b ON b.refund_id = r.id AND b.type = 'refund_failure'
            UNION ALL
            SELECT r.id, 'REFUND', r.organization_id, r.link_id, r.currency, b.shape
            FROM refunds r LEFT JOIN booked b ON b.source_id = r.id AND b.kind = 'REFUND' AND b.shape LIKE
                format('DEBIT %s %s, %%', CASE WHEN r.exception_id IS NULL THEN '4090' ELSE '2100' END, r.amount_minor)
                AND b.shape LIKE '%CREDIT ' || clearing_account(r.provider, r.asset) || ' %'
            WHERE r.provider <> 'STRIPE' AND r.state = 'SUCCEEDED')
        SELECT 'refunds', source_id::text, format('%s: booked %s, wanted %s', kind,
            coalesce(booked.currency || ' ' || booked.shape, 'nothing'),
            coalesce(wanted.currency || ' ' || wanted.shape, 'nothing'))
        FROM booked FULL JOIN wanted USING (source_id, kind)
        WHERE (booked.organization_id, booked.link_id, booked.currency, booked.shape)
            IS DISTINCT FROM (wanted.organization_id, wanted.link_id, wanted.currency, wanted.shape)
        """,  # noqa: S608  # nosec B608 - no value in it
    ),
    Check(
        "I-53",
        "returns.refunds_end_as_booked",
        "A refund that failed or was canceled stands in no book; one that stands there has succeeded, or may fail yet.",
        """
        SELECT 'refunds', r.id::text, format('%s, and its money %s', r.state,
            CASE WHEN f.id IS NOT NULL THEN 'came back' WHEN b.id IS NOT NULL THEN 'has left' ELSE 'never left' END)
        FROM refunds r
        LEFT JOIN balance_transactions b ON b.refund_id = r.id AND b.type = 'refund'
        LEFT JOIN balance_transactions f ON f.refund_id = r.id AND f.type = 'refund_failure'
        WHERE (f.id IS NOT NULL AND r.state <> 'FAILED')
            OR (b.id IS NOT NULL AND f.id IS NULL AND r.state IN ('CREATED', 'FAILED', 'CANCELED'))
        """,
    ),
    Check(
        "I-53",
        "returns.disputes_are_booked",
        "A dispute is booked as withdrawn, won and lost when it was, and an inquiry not at all.",
        f"""
        WITH booked AS ({_BOOKED.format(source="DISPUTE")}),
        taken AS (SELECT d.* FROM disputes d JOIN balance_transactions b ON b.dispute_id = d.id AND b.type = 'dispute'),
        wanted AS (
            SELECT id AS source_id, 'DISPUTE_WITHDRAWN' AS kind, organization_id, link_id, currency,
                format('DEBIT 1210 %1$s, CREDIT 1050 %1$s', amount_minor) AS shape FROM taken
            UNION ALL
            SELECT d.id, 'DISPUTE_WON', d.organization_id, d.link_id, d.currency,
                format('DEBIT 1050 %1$s, CREDIT 1210 %1$s', d.amount_minor)
            FROM disputes d JOIN balance_transactions b ON b.dispute_id = d.id AND b.type = 'dispute_reversal'
            UNION ALL
            SELECT id, 'DISPUTE_LOST', organization_id, link_id, currency,
                format('DEBIT %s %s, CREDIT 1210 %2$s', CASE WHEN exception_id IS NULL THEN '6110' ELSE '2100' END,
                    amount_minor)
            FROM taken WHERE state = 'LOST')
        SELECT 'disputes', source_id::text, format('%s: booked %s, wanted %s', kind,
            coalesce(booked.currency || ' ' || booked.shape, 'nothing'),
            coalesce(wanted.currency || ' ' || wanted.shape, 'nothing'))
        FROM booked FULL JOIN wanted USING (source_id, kind)
        WHERE (booked.organization_id, booked.link_id, booked.currency, booked.shape)
            IS DISTINCT FROM (wanted.organization_id, wanted.link_id, wanted.currency, wanted.shape)
        """,  # noqa: S608  # nosec B608 - no value in it
    ),
    Check(
        "I-53",
        "returns.disputed_funds_are_open_disputes",
        "1210 holds what was withdrawn for disputes that are neither won nor lost, per organization and currency.",
        """
        SELECT 'organizations', organization_id::text,
            format('1210 holds %s %s, open disputes %s', sum(booked), currency, sum(withdrawn))
        FROM (SELECT organization_id, currency,
                  CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END AS booked, 0 AS withdrawn
              FROM ledger_entries WHERE account_code = '1210'
              UNION ALL
              SELECT d.organization_id, d.currency, 0, d.amount_minor
              FROM disputes d JOIN balance_transactions b ON b.dispute_id = d.id AND b.type = 'dispute'
              WHERE d.state <> 'LOST' AND NOT EXISTS (SELECT FROM balance_transactions w
                  WHERE w.dispute_id = d.id AND w.type = 'dispute_reversal')) AS both_sides
        GROUP BY organization_id, currency HAVING sum(booked) <> sum(withdrawn)
        """,
    ),
    Check(
        "I-53",
        "returns.belong_to_their_payment",
        "A refund or dispute is of its payment's link and provider, and so is the credit it takes.",
        """
        SELECT back.name, back.id::text, format('of payment %s', p.id)
        FROM (SELECT 'refunds' AS name, id, payment_id, link_id, provider, exception_id FROM refunds
              UNION ALL
              SELECT 'disputes', id, payment_id, link_id, provider, exception_id FROM disputes) AS back
        JOIN payments p ON p.id = back.payment_id
        LEFT JOIN payment_exceptions x ON x.id = back.exception_id
        WHERE (p.link_id, p.provider) IS DISTINCT FROM (back.link_id, back.provider)
            OR (back.exception_id IS NOT NULL AND x.payment_id IS DISTINCT FROM p.id)
        """,
    ),
    Check(
        "I-53",
        "returns.bounces_are_seen",
        "A refund whose money came back is an exception, so that a person sees it.",
        """
        SELECT 'refunds', r.id::text, format('%s %s came back', r.amount_minor, r.currency)
        FROM refunds r JOIN balance_transactions f ON f.refund_id = r.id AND f.type = 'refund_failure'
        LEFT JOIN payment_exceptions x ON x.refund_id = r.id WHERE x.id IS NULL
        """,
    ),
)
