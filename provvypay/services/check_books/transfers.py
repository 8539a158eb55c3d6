"""What came over Hedera: every credit is a payment or an exception, and only a plain transfer settles by itself."""

from __future__ import annotations

from provvypay.services.check_books.check import Check

CHECKS = (
    Check(
        "I-52",
        "transfers.every_credit_is_seen",
        "A credit is a payment or an exception, so that all money is seen; what left for a refund closed it or is one.",
        """
        SELECT 'hedera_transfers', t.id::text, format('%s %s at %s is no payment and no open exception', t.amount,
               coalesce(t.asset, t.entity_id), t.consensus_timestamp)
        FROM hedera_transfers t
        WHERE t.direction = 'IN' AND NOT EXISTS (SELECT FROM payments p WHERE p.transfer_id = t.id)
            AND NOT EXISTS (SELECT FROM payment_exceptions e WHERE e.transfer_id = t.id)
        UNION ALL
        SELECT 'hedera_transfers', t.id::text, format('%s %s went out for refund %s', t.amount, t.asset, r.id)
        FROM hedera_transfers t
        JOIN refunds r ON r.organization_id = t.organization_id AND r.memo = memo_code(t.memo)
        WHERE t.direction = 'OUT' AND r.transfer_id IS DISTINCT FROM t.id
            AND NOT EXISTS (SELECT FROM payment_exceptions e WHERE e.transfer_id = t.id)
        """,
    ),
    Check(
        "I-52",
        "transfers.payments_are_their_transfers",
        "A payment from Hedera is what its transfer says: token, amount, link and consensus time.",
        """
        SELECT 'payments', p.id::text, format('%s %s of transfer %s', p.asset_amount, p.asset, p.transfer_id)
        FROM payments p LEFT JOIN hedera_transfers t ON t.id = p.transfer_id AND t.direction = 'IN'
        WHERE p.provider = 'HEDERA' AND (t.asset, t.amount, t.consensus_timestamp, t.link_id)
            IS DISTINCT FROM (p.asset, p.asset_amount::numeric, p.consensus_timestamp, p.link_id)
        """,
    ),
    Check(
        "I-17",
        "transfers.plain_ones_settle",
        "By itself settles only a successful plain transfer, or an ERC-20 log, whose memo is the link's code.",
        """
        SELECT 'payments', p.id::text, format('%s (nonce %s%s) with memo %s settled %s', t.name, t.nonce,
               coalesce(', ' || t.concern, ''), coalesce(t.memo, 'none'), l.short_code)
        FROM payments p JOIN hedera_transfers t ON t.id = p.transfer_id JOIN payment_links l ON l.id = p.link_id
        WHERE p.outcome = 'SETTLED' AND (t.concern IS NOT NULL OR t.result <> 'SUCCESS'
            OR memo_code(t.memo) IS DISTINCT FROM l.short_code
            OR (t.kind <> 'erc20' AND (t.name <> 'CRYPTOTRANSFER' OR t.nonce <> 0)))
        """,
    ),
    Check(
        "I-25",
        "transfers.cursors_follow_accounts",
        "An account that receives has a cursor.",
        """
        SELECT 'hedera_accounts', a.id::text, format('%s on %s is watched by nobody', a.account_id, a.network)
        FROM hedera_accounts a LEFT JOIN hedera_cursors c ON c.hedera_account_id = a.id
        WHERE a.state = 'ACTIVE' AND c.hedera_account_id IS NULL
        """,
    ),
)
