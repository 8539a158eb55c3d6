"""What belongs to a link, a settlement, an exception besides money: rates, Xero rows, notifications, messages.

Nothing but the code that writes them sees to it; these checks are what finds one missing. A row made within the minute
before is not held against a settlement: its transaction may not have seen it yet.
"""

from __future__ import annotations

from provvypay.domain.assets import ASSETS
from provvypay.services.check_books.check import Check

_TOKENS = str(len(ASSETS))

CHECKS = (
    Check(
        "I-12",
        "completeness.creation_rates",
        "Every link that was ever open has a CREATION snapshot of each token.",
        """
        SELECT 'payment_links', l.id::text, format('%s of %s CREATION snapshots', count(x.id), CAST(:tokens AS text))
        FROM payment_links l LEFT JOIN fx_snapshots x ON x.link_id = l.id AND x.kind = 'CREATION'
        WHERE l.opened_at IS NOT NULL
        GROUP BY l.id HAVING count(DISTINCT x.asset) <> CAST(:tokens AS int)
        """,
        {"tokens": _TOKENS},
    ),
    Check(
        "I-12",
        "completeness.settlement_rates",
        "Every settlement has a SETTLEMENT snapshot of each token.",
        """
        SELECT 'settlements', s.id::text, format('%s of %s SETTLEMENT snapshots', count(x.id), CAST(:tokens AS text))
        FROM settlements s LEFT JOIN fx_snapshots x ON x.settlement_id = s.id AND x.kind = 'SETTLEMENT'
        GROUP BY s.id HAVING count(DISTINCT x.asset) <> CAST(:tokens AS int)
        """,
        {"tokens": _TOKENS},
    ),
    Check(
        "I-21",
        "completeness.rates_are_of_their_link",
        "A snapshot is in the currency its link was opened with, and of its settlement's link.",
        """
        SELECT 'fx_snapshots', x.id::text,
            format('%s of %s in %s; its link is in %s%s', x.kind, x.asset, x.currency, l.currency,
               CASE WHEN s.link_id <> x.link_id THEN format(', its settlement of link %s', s.link_id) ELSE '' END)
        FROM fx_snapshots x JOIN payment_links l ON l.id = x.link_id LEFT JOIN settlements s ON s.id = x.settlement_id
        WHERE (l.opened_at IS NOT NULL AND x.currency <> l.currency) OR s.link_id <> x.link_id
        """,
    ),
    Check(
        "I-21",
        "completeness.rates_once",
        "A link has one CREATION snapshot of a token, a settlement one SETTLEMENT snapshot.",
        """
        SELECT 'fx_snapshots', min(id::text), format('%s of %s is there %s times', kind, asset, count(*))
        FROM fx_snapshots GROUP BY kind, asset, CASE kind WHEN 'CREATION' THEN link_id ELSE settlement_id END
        HAVING count(*) > 1
        """,
    ),
    Check(
        "I-12",
        "completeness.xero_rows",
        "A settlement made while Xero was connected has an INVOICE and a PAYMENT row for Xero.",
        """
        SELECT 'settlements', s.id::text, format('no %s row for Xero', k.kind)
        FROM settlements s CROSS JOIN (VALUES ('INVOICE'), ('PAYMENT')) AS k (kind)
        JOIN xero_connections c ON c.organization_id = s.organization_id AND c.state <> 'DISCONNECTED'
            AND c.connected_at < s.created_at - interval '1 minute'
        LEFT JOIN xero_syncs x ON x.connection_id = c.id AND x.link_id = s.link_id AND x.source_id = s.id
            AND x.kind = k.kind
        WHERE x.id IS NULL
        """,
    ),
    Check(
        "I-22",
        "completeness.xero_rows_once",
        "There is one row for Xero per company, link, kind and source, and no document stands in two.",
        """
        SELECT 'xero_syncs', min(id::text), format('%s of link %s is there %s times', kind, link_id, count(*))
        FROM xero_syncs GROUP BY connection_id, link_id, kind, source_id HAVING count(*) > 1
        UNION ALL
        SELECT 'xero_syncs', min(id::text), format('document %s stands in %s rows', xero_document_id, count(*))
        FROM xero_syncs WHERE xero_document_id IS NOT NULL GROUP BY connection_id, xero_document_id
        HAVING count(*) > 1
        """,
    ),
    Check(
        "I-22",
        "completeness.xero_rows_have_their_settlement",
        "An INVOICE or PAYMENT row for Xero comes from a settlement of its link.",
        """
        SELECT 'xero_syncs', x.id::text, format('%s of link %s from no settlement of it', x.kind, x.link_id)
        FROM xero_syncs x LEFT JOIN settlements s ON s.id = x.source_id AND s.link_id = x.link_id
        WHERE x.kind IN ('INVOICE', 'PAYMENT') AND s.id IS NULL
        """,
    ),
    Check(
        "I-12",
        "completeness.somebody_is_told",
        "Of every settlement and every exception at least one member is told, and each who was a member by then.",
        """
        SELECT told.name, told.id::text,
            format('%s of %s members told, %s of them members by then', count(n.id), count(m.user_id),
               count(m.user_id) FILTER (WHERE m.created_at < told.created_at - interval '1 minute'))
        FROM (SELECT 'settlements' AS name, id, organization_id, created_at, 'link.paid' AS kind FROM settlements
              UNION ALL
              SELECT 'payment_exceptions', id, organization_id, created_at, 'payment.exception'
              FROM payment_exceptions WHERE resolution_id IS NULL) AS told
        LEFT JOIN memberships m ON m.organization_id = told.organization_id
        LEFT JOIN notifications n ON n.cause_id = told.id AND n.kind = told.kind AND n.user_id = m.user_id
        GROUP BY told.name, told.id
        HAVING count(n.id) = 0 OR count(*) FILTER (WHERE n.id IS NULL
            AND m.created_at < told.created_at - interval '1 minute') > 0
        """,
    ),
    Check(
        "I-44",
        "completeness.timeline_tells_of_money",
        "Each payment for a link, and each line of Stripe's about it, stands once in the link's timeline.",
        """
        SELECT 'payments', p.id::text, format('%s and not in the timeline of link %s', p.outcome, p.link_id)
        FROM payments p
        LEFT JOIN payment_events e ON e.link_id = p.link_id AND e.payment_id = p.id AND e.dedupe = p.id::text
            AND e.kind = CASE p.outcome WHEN 'SETTLED' THEN 'payment.settled' ELSE 'payment.held' END
        WHERE p.link_id IS NOT NULL AND e.id IS NULL
        UNION ALL
        SELECT 'balance_transactions', b.id::text, format('not in the timeline of link %s', p.link_id)
        FROM balance_transactions b JOIN payments p ON p.id = b.payment_id
        LEFT JOIN payment_events e ON e.link_id = p.link_id AND e.dedupe = b.provider_id
            AND e.kind = CASE b.type WHEN 'adjustment' THEN 'fee.adjusted' WHEN 'refund' THEN 'refund.booked'
                WHEN 'refund_failure' THEN 'refund.reversed' WHEN 'dispute' THEN 'dispute.withdrawn'
                WHEN 'dispute_reversal' THEN 'dispute.reinstated' ELSE 'fee.booked' END
        WHERE p.link_id IS NOT NULL AND e.id IS NULL
        """,
    ),
    Check(
        "I-24",
        "completeness.effects_are_left",
        "A settlement, an exception and the end of a link each left their message in the outbox.",
        """
        SELECT cause.name, cause.id, format('no message %s', cause.topic)
        FROM (SELECT 'settlements' AS name, id::text AS id, 'link.paid' AS topic, id::text AS dedupe FROM settlements
              UNION ALL
              SELECT 'payment_exceptions', id::text, 'payment.exception', id::text FROM payment_exceptions
              WHERE resolution_id IS NULL
              UNION ALL
              SELECT 'payment_links', link_id::text, 'link.closed', link_id || ':' || lower(to_status)
              FROM link_status_events WHERE event IN ('link.canceled', 'link.discarded', 'link.expired')) AS cause
        LEFT JOIN outbox o ON o.topic = cause.topic AND o.dedupe = cause.dedupe WHERE o.id IS NULL
        """,
    ),
)
