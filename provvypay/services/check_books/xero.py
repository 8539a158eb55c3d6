"""What is written to Xero: by whose consent, once, in order, and nowhere but in the books it is meant for."""

from __future__ import annotations

from provvypay.services.check_books.check import Check

CHECKS = (
    Check(
        "I-34",
        "xero.connected_by_a_living_grant",
        "A connected Xero lives by a grant of its organization that Xero still takes.",
        """
        SELECT 'xero_connections', c.id::text, format('CONNECTED by a grant that is %s', coalesce(g.state, 'missing'))
        FROM xero_connections c
        LEFT JOIN xero_grants g ON g.id = c.grant_id AND g.organization_id = c.organization_id
        WHERE c.state = 'CONNECTED' AND g.state IS DISTINCT FROM 'LIVE'
        """,
    ),
    Check(
        "I-34",
        "xero.tokens_are_sealed_or_gone",
        "A token stands in the database sealed, and not at all once its grant has ended.",
        """
        SELECT 'xero_grants', g.id::text, CASE g.state WHEN 'ENDED' THEN 'has ended and keeps tokens'
            ELSE 'holds a token that is not sealed' END
        FROM xero_grants g CROSS JOIN LATERAL (VALUES (g.access_token), (g.refresh_token), (g.previous_refresh_token))
            AS t (token)
        WHERE CASE g.state WHEN 'ENDED' THEN t.token <> ''
            ELSE t.token <> '' AND t.token !~ '^v1\\.[0-9a-f]{8}\\.[A-Za-z0-9_-]{16}\\.[A-Za-z0-9_-]{22,}$' END
        GROUP BY g.id, g.state
        """,
    ),
    Check(
        "I-22",
        "xero.rows_are_whole",
        "A row for Xero ends with a document or waits, with at most six tries, and never both.",
        """
        SELECT 'xero_syncs', x.id::text, format('%s of state %s, %s tries, next %s, document %s', x.kind, x.state,
            x.attempts, coalesce(x.next_attempt_at::text, 'never'), coalesce(x.xero_document_id::text, 'none'))
        FROM xero_syncs x
        WHERE (x.state = 'SUCCESS') <> (x.xero_document_id IS NOT NULL)
            OR (x.state IN ('PENDING', 'RETRYING')) <> (x.next_attempt_at IS NOT NULL)
            OR x.attempts NOT BETWEEN 0 AND 6
        """,
    ),
    Check(
        "I-22",
        "xero.payments_follow_their_invoice",
        "Where a payment is in Xero, its invoice is there too, in the same books.",
        """
        SELECT 'xero_syncs', p.id::text, format('payment of link %s is in Xero, its invoice is %s', p.link_id,
            coalesce(i.state, 'missing'))
        FROM xero_syncs p
        LEFT JOIN xero_syncs i ON i.connection_id = p.connection_id AND i.link_id = p.link_id
            AND i.source_id = p.source_id AND i.kind = 'INVOICE'
        WHERE p.kind = 'PAYMENT' AND p.state = 'SUCCESS' AND i.state IS DISTINCT FROM 'SUCCESS'
        """,
    ),
)
