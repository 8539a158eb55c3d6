"""Money that arrived: stored once, within bounds, and either settled wholly or held where a person sees it."""

from __future__ import annotations

from sqlalchemy import BigInteger

from provvypay.models.base import MOST_MINOR
from provvypay.models.registry import TABLES
from provvypay.services.check_books.check import Check

# Stripe's own lines may be negative (refunds), and a fee may be nothing.
_MAY_BE_ANY = {"balance_transactions"}
# Most settlements are of exactly the link's amount.
_MAY_BE_NOTHING = {"written_off_minor", "rounded_off_minor", "approval_limit_minor"}


def _amounts() -> str:
    """Return a query for every amount that is not positive or too large: minor units bounded, tokens positive."""
    parts = []
    for name, table in sorted(TABLES.items()):
        row_id = " || '/' || ".join(f"{column.name}::text" for column in table.primary_key.columns)
        for column in table.columns:
            if not isinstance(column.type, BigInteger) or name in _MAY_BE_ANY:
                continue
            if column.name.endswith("_minor"):
                least = 0 if column.name in _MAY_BE_NOTHING else 1
                wrong = f"{column.name} NOT BETWEEN {least} AND {MOST_MINOR}"
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
        SELECT 'payments', p.id::text, format('SETTLED with %s of %s', used.minor, p.value_minor)
        FROM payments p CROSS JOIN LATERAL (
            SELECT coalesce(sum(part.amount_minor + s.rounded_off_minor), 0)
                + coalesce((SELECT e.amount_minor FROM payment_exceptions e WHERE e.payment_id = p.id), 0) AS minor,
                count(s.voided_at) AS voided
            FROM settlement_parts part JOIN settlements s ON s.id = part.settlement_id
            WHERE part.payment_id = p.id AND part.resolution_id IS NULL) AS used
        WHERE p.outcome = 'SETTLED' AND used.minor <> p.value_minor AND used.voided = 0
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
        "A payment that did not settle stands in 2100, or in 2190 if it names no link, with all it brought.",
        """
        SELECT 'payments', p.id::text,
            format('%s %s held, %s booked to %s', p.value_minor, p.currency, coalesce(sum(e.amount_minor), 0),
               held.code)
        FROM payments p
        CROSS JOIN LATERAL (SELECT CASE WHEN p.link_id IS NULL THEN '2190' ELSE '2100' END) AS held (code)
        LEFT JOIN journals j ON j.source_type = 'PAYMENT' AND j.source_id = p.id
            AND j.kind = CASE WHEN p.link_id IS NULL THEN 'SUSPENSE' ELSE 'CREDIT' END AND j.currency = p.currency
            AND j.organization_id = p.organization_id AND j.link_id IS NOT DISTINCT FROM p.link_id
        LEFT JOIN ledger_entries e ON e.journal_id = j.id AND e.account_code = held.code AND e.side = 'CREDIT'
        WHERE p.outcome = 'EXCEPTION' GROUP BY p.id, held.code HAVING coalesce(sum(e.amount_minor), 0) <> p.value_minor
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
        "An exception is about all of a held payment, what came on top of one that settled, or what was matched.",
        """
        SELECT 'payment_exceptions', e.id::text,
            format('%s over %s of payment %s (%s, %s)%s', e.kind, e.amount_minor, p.id, p.outcome, p.value_minor,
               CASE WHEN e.link_id IS DISTINCT FROM p.link_id THEN ' for another link' ELSE '' END)
        FROM payment_exceptions e JOIN payments p ON p.id = e.payment_id
        LEFT JOIN payment_resolutions r ON r.id = e.resolution_id AND r.action = 'MATCHED'
        WHERE CASE WHEN e.resolution_id IS NOT NULL THEN
                (r.link_id, r.value_minor, r.value_currency, '2100')
                    IS DISTINCT FROM (e.link_id, e.amount_minor, e.currency::varchar, e.held_in)
            ELSE e.link_id IS DISTINCT FROM p.link_id OR e.currency <> p.currency
                OR e.held_in <> CASE WHEN p.link_id IS NULL THEN '2190' ELSE '2100' END
                OR NOT CASE p.outcome WHEN 'EXCEPTION' THEN e.kind <> 'OVER' AND e.amount_minor = p.value_minor
                    ELSE e.kind = 'OVER' AND e.amount_minor < p.value_minor END END
        """,
    ),
    Check(
        "I-13",
        "payments.decisions_fit_their_exception",
        "Decisions and returns use no more than an exception holds; one that is resolved was decided, or is empty.",
        """
        SELECT 'payment_exceptions', e.id::text,
            format('%s: decisions use %s of %s, %s went back', e.state, used_of(e.id), e.amount_minor, back.minor)
        FROM payment_exceptions e CROSS JOIN LATERAL (SELECT count(*) AS many, bool_or(r.currency <> e.currency) AS odd
            FROM payment_resolutions r WHERE r.exception_id = e.id) AS made,
        LATERAL (SELECT given_back(e.id)
            + coalesce((SELECT sum(d.amount_minor) FROM disputes d WHERE d.exception_id = e.id), 0)) AS back (minor)
        WHERE used_of(e.id) + back.minor > coalesce(e.amount_minor, 0) OR made.odd
            OR (e.state = 'RESOLVED' AND made.many = 0 AND (e.payment_id IS NULL OR back.minor < e.amount_minor))
        """,
    ),
    Check(
        "I-13",
        "payments.taken_once",
        "Settlements take no more of a payment than it brought, and of money that is held only what was decided.",
        """
        SELECT 'payments', p.id::text,
            format('%s: settlements take %s of %s', p.outcome, sum(part.amount_minor), p.value_minor)
        FROM payments p JOIN settlement_parts part ON part.payment_id = p.id
        JOIN settlements s ON s.id = part.settlement_id AND s.voided_at IS NULL
        LEFT JOIN payment_resolutions r ON r.id = part.resolution_id AND r.settlement_id = s.id
            AND (r.amount_minor, r.currency) = (part.amount_minor, part.currency)
        LEFT JOIN payment_exceptions x ON x.id = r.exception_id
        GROUP BY p.id HAVING sum(part.amount_minor) FILTER (WHERE x.resolution_id IS NULL) > p.value_minor
            OR bool_or((p.outcome = 'EXCEPTION' AND part.resolution_id IS NULL)
                OR (part.resolution_id IS NULL) <> (r.id IS NULL))
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
        LEFT JOIN payment_resolutions r ON r.id = part.resolution_id
        LEFT JOIN payment_exceptions e ON e.id = r.exception_id
        WHERE s.link_id IS DISTINCT FROM CASE WHEN r.id IS NULL THEN p.link_id ELSE coalesce(r.link_id, e.link_id) END
        """,
    ),
)
