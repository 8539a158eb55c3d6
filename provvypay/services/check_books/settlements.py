"""A link is PAID exactly when it has one live settlement, with its journals and the money behind it."""

from __future__ import annotations

from provvypay.services.check_books.check import Check

CHECKS = (
    Check(
        "I-08",
        "settlements.one_live",
        "A link has at most one settlement that is not voided.",
        """
        SELECT 'payment_links', link_id::text, format('%s live settlements', count(*))
        FROM settlements WHERE voided_at IS NULL GROUP BY link_id HAVING count(*) > 1
        """,
    ),
    Check(
        "I-12",
        "settlements.paid_is_settled",
        "A link is PAID exactly when it has a live settlement.",
        """
        SELECT 'payment_links', l.id::text, CASE WHEN s.link_id IS NULL THEN 'PAID without a settlement'
            ELSE format('%s with a live settlement', l.status) END
        FROM payment_links l
        LEFT JOIN (SELECT DISTINCT link_id FROM settlements WHERE voided_at IS NULL) AS s ON s.link_id = l.id
        WHERE (l.status = 'PAID') <> (s.link_id IS NOT NULL)
        """,
    ),
    Check(
        "I-12",
        "settlements.agree_with_their_link",
        "A live settlement is over its link's amount, and of the moment the link was paid.",
        """
        SELECT 'settlements', s.id::text,
            format('%s %s at %s for a link over %s %s paid at %s', s.amount_minor, s.currency, s.settled_at,
               l.amount_minor, l.currency, coalesce(l.paid_at::text, '–'))
        FROM settlements s JOIN payment_links l ON l.id = s.link_id
        WHERE s.voided_at IS NULL AND ((s.amount_minor, s.currency) <> (l.amount_minor, l.currency)
            OR (l.status = 'PAID' AND s.settled_at <> l.paid_at))
        """,
    ),
    Check(
        "I-12",
        "settlements.parts_add_up",
        "The payments that carry a settlement, and what was missing within the tolerance, add up to it.",
        """
        SELECT 'settlements', s.id::text,
            format('%s %s carried by payments over %s', s.amount_minor, s.currency, coalesce(sum(p.amount_minor), 0))
        FROM settlements s LEFT JOIN settlement_parts p ON p.settlement_id = s.id
        WHERE s.voided_at IS NULL GROUP BY s.id
        HAVING coalesce(sum(p.amount_minor), 0) + s.written_off_minor <> s.amount_minor
        """,
    ),
    Check(
        "I-11",
        "settlements.are_booked",
        "A live settlement has its sale (credit 4000) and its payment (credit 1200) over its amount, not reversed.",
        """
        SELECT 'settlements', s.id::text, format('%s %s: sale %s, payment %s', s.amount_minor, s.currency,
               coalesce(sum(booked.minor) FILTER (WHERE booked.kind = 'SALE'), 0),
               coalesce(sum(booked.minor) FILTER (WHERE booked.kind = 'PAYMENT'), 0))
        FROM settlements s
        LEFT JOIN (SELECT j.source_id, j.link_id, j.currency, j.kind, e.amount_minor AS minor
              FROM journals j JOIN ledger_entries e ON e.journal_id = j.id
              LEFT JOIN journals undone ON undone.reverses_id = j.id
              WHERE j.source_type = 'SETTLEMENT' AND undone.id IS NULL
                AND ((j.kind = 'SALE' AND e.account_code = '4000')
                    OR (j.kind = 'PAYMENT' AND e.account_code = '1200')) AND e.side = 'CREDIT') AS booked
            ON booked.source_id = s.id AND booked.link_id = s.link_id AND booked.currency = s.currency
        WHERE s.voided_at IS NULL GROUP BY s.id
        HAVING coalesce(sum(booked.minor) FILTER (WHERE booked.kind = 'SALE'), 0) <> s.amount_minor
            OR coalesce(sum(booked.minor) FILTER (WHERE booked.kind = 'PAYMENT'), 0) <> s.amount_minor
        """,
    ),
    Check(
        "I-12",
        "settlements.no_sale_without_one",
        "A sale or payment journal that is not reversed belongs to a live settlement of its link.",
        """
        SELECT 'journals', j.id::text,
            format('%s of link %s without a live settlement', j.kind, coalesce(j.link_id::text, 'none'))
        FROM journals j
        LEFT JOIN settlements s ON s.id = j.source_id AND s.link_id = j.link_id AND s.voided_at IS NULL
        LEFT JOIN journals undone ON undone.reverses_id = j.id
        WHERE j.kind IN ('SALE', 'PAYMENT') AND s.id IS NULL AND undone.id IS NULL
        """,
    ),
    Check(
        "I-40",
        "settlements.receivables_are_zero",
        "What a customer owed is paid: 1200 is zero for every link, in every currency.",
        """
        SELECT 'payment_links', coalesce(j.link_id::text, 'none'), format('1200 holds %s %s',
               sum(CASE e.side WHEN 'DEBIT' THEN e.amount_minor ELSE -e.amount_minor END), e.currency)
        FROM ledger_entries e JOIN journals j ON j.id = e.journal_id
        WHERE e.account_code = '1200' GROUP BY e.organization_id, j.link_id, e.currency
        HAVING sum(CASE e.side WHEN 'DEBIT' THEN e.amount_minor ELSE -e.amount_minor END) <> 0
        """,
    ),
)
