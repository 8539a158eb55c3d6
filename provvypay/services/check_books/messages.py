"""What vendors told us and what we must still do elsewhere: accepted once, ended once, told once."""

from __future__ import annotations

from provvypay.services.check_books.check import Check

CHECKS = (
    Check(
        "I-10",
        "messages.accepted_once",
        "A provider's event is accepted once.",
        """
        SELECT 'inbox', min(id::text), format('%s %s is there %s times', provider, event_id, count(*))
        FROM inbox GROUP BY provider, event_id HAVING count(*) > 1
        """,
    ),
    Check(
        "I-10",
        "messages.event_ends",
        "An event that is handled has its moment and holds no lease; one that is not has neither end.",
        """
        SELECT 'inbox', id::text, format('%s, handled at %s, leased until %s', state, coalesce(handled_at::text, '–'),
            coalesce(lease_until::text, '–'))
        FROM inbox WHERE (state = 'NEW') <> (handled_at IS NULL) OR (state <> 'NEW' AND lease_until IS NOT NULL)
        """,
    ),
    Check(
        "I-23",
        "messages.told_once",
        "A person is told of a cause once per channel.",
        """
        SELECT 'notifications', min(id::text), format('%s of %s reaches %s %s times', kind, cause_id, user_id, count(*))
        FROM notifications GROUP BY cause_id, kind, user_id HAVING count(*) > 1
        UNION ALL
        SELECT 'email_deliveries', min(id::text),
            format('%s of %s goes %s times to one address', kind, cause_id, count(*))
        FROM email_deliveries GROUP BY cause_id, kind, recipient HAVING count(*) > 1
        """,
    ),
    Check(
        "I-24",
        "messages.left_once",
        "A message is left in the outbox once per topic and cause.",
        """
        SELECT 'outbox', min(id)::text, format('%s %s is there %s times', topic, dedupe, count(*)) FROM outbox
        GROUP BY topic, dedupe HAVING count(*) > 1
        """,
    ),
    Check(
        "I-24",
        "messages.message_ends",
        "A message ends done or dead, not both, and one that ended holds no lease.",
        """
        SELECT 'outbox', id::text,
            format('done at %s, dead at %s, leased until %s', coalesce(done_at::text, '–'),
                coalesce(dead_at::text, '–'),
               coalesce(lease_until::text, '–'))
        FROM outbox WHERE (done_at IS NOT NULL AND dead_at IS NOT NULL)
            OR (lease_until IS NOT NULL AND (done_at IS NOT NULL OR dead_at IS NOT NULL))
        """,
    ),
)
