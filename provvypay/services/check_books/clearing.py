"""What the accounts hold follows from the facts: customers' credits, fees, conversions, what providers hold for us."""

from __future__ import annotations

from provvypay.services.check_books.check import Check

# What Stripe converted: of a charge out of its currency into that of the settlement, of a refund the other way.
_CONVERTED = """
    SELECT b.id, b.organization_id,
        CASE WHEN b.amount_minor < 0 THEN b.currency ELSE p.currency END AS leaves,
        CASE WHEN b.amount_minor < 0 THEN -b.amount_minor ELSE own.minor END AS leaving,
        CASE WHEN b.amount_minor < 0 THEN p.currency ELSE b.currency END AS comes,
        CASE WHEN b.amount_minor < 0 THEN own.minor ELSE b.amount_minor END AS coming
    FROM balance_transactions b JOIN payments p ON p.id = b.payment_id AND p.currency <> b.currency
    LEFT JOIN refunds r ON r.id = b.refund_id LEFT JOIN disputes d ON d.id = b.dispute_id,
        LATERAL (SELECT coalesce(r.amount_minor, d.amount_minor, p.value_minor)) AS own (minor)
    WHERE b.type <> 'adjustment'
"""

CHECKS = (
    Check(
        "I-39",
        "clearing.credits_are_open_exceptions",
        "2100 and 2190 each equal what exceptions hold there, less what decisions used and what went back.",
        """
        SELECT 'organizations', organization_id::text,
            format('%s holds %s %s, exceptions %s', account_code, sum(booked), currency, sum(held))
        FROM (SELECT organization_id, currency, account_code,
            -(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END) AS booked, 0 AS held
              FROM ledger_entries WHERE account_code IN ('2100', '2190')
              UNION ALL
              SELECT organization_id, currency, held_in, 0, amount_minor FROM payment_exceptions
              WHERE held_in IS NOT NULL
              UNION ALL
              SELECT e.organization_id, e.currency, e.held_in, 0, -r.amount_minor
              FROM payment_resolutions r JOIN payment_exceptions e ON e.id = r.exception_id
              LEFT JOIN settlements s ON s.id = r.settlement_id
              WHERE r.amount_minor IS NOT NULL AND s.voided_at IS NULL
              UNION ALL
              SELECT e.organization_id, e.currency, e.held_in, 0, CASE b.type WHEN 'refund' THEN -r.amount_minor
                  ELSE r.amount_minor END
              FROM refunds r JOIN payment_exceptions e ON e.id = r.exception_id
              JOIN balance_transactions b ON b.refund_id = r.id
              UNION ALL
              SELECT e.organization_id, e.currency, e.held_in, 0, -r.amount_minor
              FROM refunds r JOIN payment_exceptions e ON e.id = r.exception_id
              WHERE r.provider <> 'STRIPE' AND r.state = 'SUCCEEDED'
              UNION ALL
              SELECT e.organization_id, e.currency, e.held_in, 0, -d.amount_minor
              FROM disputes d JOIN payment_exceptions e ON e.id = d.exception_id) AS both_sides
        GROUP BY organization_id, account_code, currency HAVING sum(booked) <> sum(held)
        """,
    ),
    Check(
        "I-41",
        "clearing.fees_are_booked",
        "A balance transaction books its fee and, if Stripe converted, a pair of conversions; and nothing else.",
        f"""
        WITH converted AS ({_CONVERTED}), booked AS (
            SELECT j.source_id, j.kind, j.currency,
                string_agg(format('%s %s %s', e.side, e.account_code, e.amount_minor), ', ' ORDER BY e.side DESC,
                    e.account_code) AS shape
            FROM journals j JOIN ledger_entries e ON e.journal_id = j.id WHERE j.source_type = 'BALANCE_TRANSACTION'
            GROUP BY j.id),
        wanted AS (
            SELECT b.id AS source_id, CASE WHEN b.dispute_id IS NULL THEN 'FEE' ELSE 'DISPUTE_FEE' END AS kind,
                b.currency, format(CASE WHEN b.fee_minor > 0 THEN 'DEBIT %1$s %2$s, CREDIT 1050 %2$s'
                                        ELSE 'DEBIT 1050 %2$s, CREDIT %1$s %2$s' END,
                    CASE WHEN b.dispute_id IS NULL THEN '6100' ELSE '6110' END, abs(b.fee_minor)) AS shape
            FROM balance_transactions b WHERE b.fee_minor <> 0
            UNION ALL
            SELECT c.id, 'CONVERSION_OUT', c.leaves, format('DEBIT 1190 %1$s, CREDIT 1050 %1$s', c.leaving)
            FROM converted c
            UNION ALL
            SELECT c.id, 'CONVERSION_IN', c.comes, format('DEBIT 1050 %1$s, CREDIT 1190 %1$s', c.coming)
            FROM converted c)
        SELECT 'balance_transactions', source_id::text,
            format('%s: booked %s, wanted %s', kind, coalesce(booked.currency || ' ' || booked.shape, 'nothing'),
               coalesce(wanted.currency || ' ' || wanted.shape, 'nothing'))
        FROM booked FULL JOIN wanted USING (source_id, kind)
        WHERE (booked.currency, booked.shape) IS DISTINCT FROM (wanted.currency, wanted.shape)
        """,  # noqa: S608  # nosec B608 - no value in it
    ),
    Check(
        "I-41",
        "clearing.one_charge_per_payment",
        "A payment by card has at most one balance transaction of its charge.",
        """
        SELECT 'balance_transactions', min(id::text), format('payment %s has %s charges', payment_id, count(*))
        FROM balance_transactions WHERE type = 'charge' GROUP BY payment_id HAVING count(*) > 1
        """,
    ),
    Check(
        "I-42",
        "clearing.accounts_follow_from_facts",
        "1050 holds what cards brought less fees and returns, as Stripe converted it; 1051 to 1054 what tokens did.",
        f"""
        WITH converted AS ({_CONVERTED}), standing AS (
            SELECT p.* FROM payments p WHERE p.outcome = 'EXCEPTION' OR NOT EXISTS (
                SELECT FROM settlement_parts part JOIN settlements s ON s.id = part.settlement_id
                WHERE part.payment_id = p.id AND s.voided_at IS NOT NULL)),
        held AS (
            SELECT organization_id, currency, value_minor AS expected, 0 AS booked,
                CASE provider WHEN 'STRIPE' THEN '1050' WHEN 'MANUAL' THEN '1000' ELSE CASE asset
                    WHEN 'HBAR' THEN '1051' WHEN 'USDC' THEN '1052' WHEN 'USDT' THEN '1053' WHEN 'AUDD' THEN '1054'
                END END AS account_code
            FROM standing
            UNION ALL
            SELECT p.organization_id, x.currency, x.minor, 0, clearing_account(p.provider, p.asset)
            FROM payment_resolutions r JOIN payment_exceptions e ON e.id = r.exception_id
            JOIN payments p ON p.id = e.payment_id,
                LATERAL (VALUES (p.currency, -p.value_minor), (r.value_currency, r.value_minor)) AS x (currency, minor)
            WHERE r.action = 'MATCHED'
            UNION ALL
            SELECT organization_id, currency, -amount_minor, 0, '1000' FROM payment_resolutions
            WHERE action = 'OWN_TRANSFER'
            UNION ALL
            SELECT organization_id, currency, -fee_minor, 0, '1050' FROM balance_transactions
            UNION ALL
            SELECT c.organization_id, x.currency, x.minor, 0, '1050' FROM converted c,
                LATERAL (VALUES (c.leaves, -c.leaving), (c.comes, c.coming)) AS x (currency, minor)
            UNION ALL
            SELECT b.organization_id, coalesce(r.currency, d.currency),
                sign(b.amount_minor) * coalesce(r.amount_minor, d.amount_minor), 0, '1050'
            FROM balance_transactions b LEFT JOIN refunds r ON r.id = b.refund_id
            LEFT JOIN disputes d ON d.id = b.dispute_id WHERE b.refund_id IS NOT NULL OR b.dispute_id IS NOT NULL
            UNION ALL
            SELECT organization_id, currency, -amount_minor, 0, '1000' FROM refunds
            WHERE provider = 'MANUAL' AND state = 'SUCCEEDED'
            UNION ALL
            SELECT r.organization_id, r.currency, -r.amount_minor + coalesce(fx.minor, 0), 0,
                clearing_account(r.provider, r.asset)
            FROM refunds r JOIN journals j ON j.source_type = 'REFUND' AND j.source_id = r.id,
                LATERAL (SELECT sum(CASE side WHEN 'CREDIT' THEN amount_minor ELSE -amount_minor END)
                         FROM ledger_entries WHERE journal_id = j.id AND account_code = '7000') AS fx (minor)
            WHERE r.provider = 'HEDERA' AND r.state = 'SUCCEEDED'
            UNION ALL
            SELECT organization_id, currency, 0, CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END,
                account_code FROM ledger_entries
            WHERE account_code = '1000' OR account_code BETWEEN '1050' AND '1054')
        SELECT 'accounts', format('%s/%s', organization_id, account_code),
            format('holds %s %s, the facts say %s', sum(booked), currency, sum(expected))
        FROM held GROUP BY organization_id, account_code, currency HAVING sum(booked) <> sum(expected)
        """,  # noqa: S608  # nosec B608 - no value in it
    ),
    Check(
        "I-42",
        "clearing.tokens_follow_from_facts",
        "The tokens in 1051 to 1054 are those that arrived, less those that went back.",
        """
        SELECT 'accounts', format('%s/%s', organization_id, asset),
            format('the books hold %s smallest units, came and went %s', sum(booked), sum(arrived))
        FROM (SELECT organization_id, asset, 0 AS arrived,
                  CASE side WHEN 'DEBIT' THEN asset_amount ELSE -asset_amount END AS booked
              FROM ledger_entries WHERE asset IS NOT NULL
              UNION ALL
              SELECT organization_id, asset, -asset_amount, 0 FROM refunds
              WHERE provider = 'HEDERA' AND state = 'SUCCEEDED'
              UNION ALL
              SELECT p.organization_id, p.asset, p.asset_amount, 0 FROM payments p
              WHERE p.asset IS NOT NULL AND (p.outcome = 'EXCEPTION' OR NOT EXISTS (
                  SELECT FROM settlement_parts part JOIN settlements s ON s.id = part.settlement_id
                  WHERE part.payment_id = p.id AND s.voided_at IS NOT NULL))) AS both_sides
        GROUP BY organization_id, asset HAVING sum(booked) <> sum(arrived)
        """,
    ),
    Check(
        "I-55",
        "clearing.empty_pools_have_no_value",
        "Where no tokens are left in a pool nothing is left of their value, unless overdrawn or taken back from.",
        """
        WITH steps AS (
            SELECT e.organization_id, e.account_code, e.currency, j.reverses_id,
                sum(CASE side WHEN 'DEBIT' THEN asset_amount ELSE -asset_amount END) OVER pool AS units,
                sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END) OVER pool AS minor,
                row_number() OVER backwards AS n
            FROM ledger_entries e JOIN journals j ON j.id = e.journal_id WHERE e.asset IS NOT NULL
            WINDOW pool AS (PARTITION BY e.organization_id, e.account_code, e.currency
                    ORDER BY j.created_at, j.id, e.line_no ROWS UNBOUNDED PRECEDING),
                backwards AS (PARTITION BY e.organization_id, e.account_code, e.currency
                    ORDER BY j.created_at DESC, j.id DESC, e.line_no DESC))
        SELECT 'accounts', format('%s/%s', organization_id, account_code),
            format('no tokens, and %s %s', minor, currency)
        FROM steps WHERE n = 1 AND units = 0 AND minor <> 0 AND NOT EXISTS (
            SELECT FROM steps bad WHERE (bad.organization_id, bad.account_code, bad.currency)
                = (steps.organization_id, steps.account_code, steps.currency)
                AND (least(bad.units, bad.minor) < 0 OR bad.reverses_id IS NOT NULL))
        """,
    ),
)
