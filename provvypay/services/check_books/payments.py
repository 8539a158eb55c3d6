"""Money that arrived: stored once, within bounds, and either settled wholly or held where a person sees it."""

from __future__ import annotations

from sqlalchemy import BigInteger

from provvypay.models.base import MOST_MINOR
from provvypay.models.registry import TABLES
from provvypay.services.check_books.check import Check

# Stripe's own lines may be negative (refunds), and a fee may be nothing.
_MAY_BE_ANY = {"balance_transactions"}


def _amounts() -> str:
    """Return a query for every amount that is not positive or too large: minor units bounded, tokens positive."""
    parts = []
    for name, table in sorted(TABLES.items()):
        row_id = " || '/' || ".join(f"{column.name}::text" for column in table.primary_key.columns)
        for column in table.columns:
            if not isinstance(column.type, BigInteger) or name in _MAY_BE_ANY:
                continue
            if column.name.endswith("_minor"):
                wrong = f"{column.name} NOT BETWEEN 1 AND {MOST_MINOR}"
            elif column.name == "asset_amount":
                wrong = f"{column.name} <= 0"
            else:
                continue
            parts.append(f"SELECT '{name}', {row_id}, '{column.name} ' || {column.name} FROM {name} WHERE {wrong}")  # noqa: S608  # nosec B608 - names of our models
    return " UNION ALL ".join(parts)


CHECKS = (
    Check("I-05", "payments.amounts_are_positive", "Every amount is a positive integer within bounds.", _amounts()),
    Check(
        "I-07",
        "payments.settled_money_settled_wholly",
        "A payment that settled did so with all it brought.",
        """
        SELECT 'payments', p.id::text,
            format('SETTLED with %s of %s', coalesce(sum(part.amount_minor), 0), p.value_minor)
        FROM payments p
        LEFT JOIN settlement_parts part ON part.payment_id = p.id
        LEFT JOIN settlements s ON s.id = part.settlement_id
        WHERE p.outcome = 'SETTLED'
        GROUP BY p.id
        HAVING coalesce(sum(part.amount_minor) FILTER (WHERE s.voided_at IS NULL), 0) <> p.value_minor
            AND count(s.voided_at) = 0
        """,
    ),
    Check(
        "I-07",
        "payments.held_money_is_an_exception",
        "A payment that did not settle is a payment exception, so that a person sees it.",
        """
        SELECT 'payments', p.id::text, format('%s %s settled nothing and is no exception', p.value_minor, p.currency)
        FROM payments p LEFT JOIN payment_exceptions e ON e.payment_id = p.id
        WHERE p.outcome = 'EXCEPTION' AND e.id IS NULL
        """,
    ),
    Check(
        "I-07",
        "payments.held_money_is_booked",
        "A payment that did not settle stands in 2100 with all it brought, in its currency.",
        """
        SELECT 'payments', p.id::text,
            format('%s %s held, %s booked to 2100', p.value_minor, p.currency, coalesce(sum(e.amount_minor), 0))
        FROM payments p
        LEFT JOIN journals j ON j.source_type = 'PAYMENT' AND j.source_id = p.id AND j.kind = 'CREDIT'
            AND j.currency = p.currency
            AND j.organization_id = p.organization_id AND j.link_id IS NOT DISTINCT FROM p.link_id
        LEFT JOIN ledger_entries e ON e.journal_id = j.id AND e.account_code = '2100' AND e.side = 'CREDIT'
        WHERE p.outcome = 'EXCEPTION' GROUP BY p.id HAVING coalesce(sum(e.amount_minor), 0) <> p.value_minor
        """,
    ),
    Check(
        "I-09",
        "payments.stored_once",
        "A provider's payment is stored once, for one organization.",
        """
        SELECT 'payments', min(id::text), format('%s %s is stored %s times', provider, provider_reference, count(*))
        FROM payments GROUP BY provider, provider_reference HAVING count(*) > 1
        """,
    ),
    Check(
        "I-13",
        "payments.exceptions_fit_their_payment",
        "An exception is about money that was held, for the link the money named.",
        """
        SELECT 'payment_exceptions', e.id::text, format('payment %s is %s%s', p.id, p.outcome,
               CASE WHEN e.link_id IS DISTINCT FROM p.link_id THEN ' for another link' ELSE '' END)
        FROM payment_exceptions e JOIN payments p ON p.id = e.payment_id
        WHERE p.outcome <> 'EXCEPTION' OR e.link_id IS DISTINCT FROM p.link_id
        """,
    ),
    Check(
        "I-13",
        "payments.taken_once",
        "Settlements take no more of a payment than it brought, and nothing of money that is held.",
        """
        SELECT 'payments', p.id::text,
            format('%s: settlements take %s of %s', p.outcome, sum(part.amount_minor), p.value_minor)
        FROM payments p JOIN settlement_parts part ON part.payment_id = p.id
        JOIN settlements s ON s.id = part.settlement_id AND s.voided_at IS NULL
        GROUP BY p.id HAVING sum(part.amount_minor) > p.value_minor OR p.outcome <> 'SETTLED'
        """,
    ),
    Check(
        "I-43",
        "payments.attempt_is_of_the_link",
        "A payment's attempt and a settlement's part are of the same link as the payment.",
        """
        SELECT 'payments', p.id::text,
            format('for link %s by the attempt of link %s', coalesce(p.link_id::text, 'none'), a.link_id)
        FROM payments p JOIN payment_attempts a ON a.id = p.attempt_id WHERE a.link_id IS DISTINCT FROM p.link_id
        UNION ALL
        SELECT 'settlement_parts', format('%s/%s', part.settlement_id, p.id),
            format('settles link %s with money for link %s', s.link_id,
               coalesce(p.link_id::text, 'none'))
        FROM settlement_parts part JOIN settlements s ON s.id = part.settlement_id
        JOIN payments p ON p.id = part.payment_id
        WHERE s.link_id IS DISTINCT FROM p.link_id
        """,
    ),
)
