"""Organizations are whole and have an owner; an address belongs to one person."""

from __future__ import annotations

import json

from provvypay.services.check_books.check import Check
from provvypay.services.ledger.chart import CHART

CHECKS = (
    Check(
        "I-31",
        "people.address_is_unique",
        "An e-mail address belongs to one account, whatever its case.",
        """
        SELECT 'users', min(id::text), format('%s accounts with one address', count(*)) FROM users
        GROUP BY lower(email) HAVING count(*) > 1
        """,
    ),
    Check(
        "I-31",
        "people.owner_remains",
        "Every organization has at least one owner.",
        """
        SELECT 'organizations', o.id::text, 'no owner'
        FROM organizations o LEFT JOIN memberships m ON m.organization_id = o.id AND m.role = 'OWNER'
        WHERE m.user_id IS NULL
        """,
    ),
    Check(
        "I-45",
        "people.organization_is_whole",
        "Every organization has its settings and the system accounts: without them no money could be booked.",
        """
        SELECT 'organizations', o.id::text, 'no settings'
        FROM organizations o LEFT JOIN merchant_settings s ON s.organization_id = o.id WHERE s.organization_id IS NULL
        UNION ALL
        SELECT 'organizations', o.id::text, format('no system account %s of kind %s', c.code, c.kind)
        FROM organizations o CROSS JOIN jsonb_to_recordset(CAST(:chart AS jsonb)) AS c (code text, kind text)
        LEFT JOIN accounts a ON a.organization_id = o.id AND a.code = c.code AND a.kind = c.kind AND a.is_system
            AND a.archived_at IS NULL
        WHERE a.code IS NULL
        """,
        {"chart": json.dumps([{"code": account.code, "kind": account.kind} for account in CHART])},
    ),
)
