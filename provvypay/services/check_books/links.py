"""A link's history is a path, its columns say what the history says, and its amount stays what it was."""

from __future__ import annotations

import json

from provvypay.services.check_books.check import Check
from provvypay.services.state_machine import TRANSITIONS

CHECKS = (
    Check(
        "I-14",
        "links.attempts_keep_the_amount",
        "An attempt to pay is over its link's amount and currency; a quote over no more than that.",
        """
        SELECT 'payment_attempts', a.id::text,
            format('%s %s for a link over %s %s', a.amount_minor, a.currency, l.amount_minor, l.currency)
        FROM payment_attempts a JOIN payment_links l ON l.id = a.link_id
        WHERE a.currency <> l.currency OR a.amount_minor > l.amount_minor
            OR (a.method = 'CARD' AND a.amount_minor <> l.amount_minor)
        """,
    ),
    Check(
        "I-18",
        "links.history_is_a_path",
        "A link's events are numbered without a gap, begin at NEW, and each leads on from where the last one led.",
        """
        SELECT 'link_status_events', format('%s/%s', link_id, seq),
               format('step %s from %s to %s, after %s', place, from_status, to_status, coalesce(before, 'nothing'))
        FROM (SELECT link_id, seq, from_status, to_status, lag(to_status) OVER w AS before, row_number() OVER w AS place
              FROM link_status_events WINDOW w AS (PARTITION BY link_id ORDER BY seq)) AS e
        WHERE seq <> place OR from_status <> coalesce(before, 'NEW')
        """,
    ),
    Check(
        "I-18",
        "links.steps_are_legal",
        "Every step a link took stands in the table of legal steps.",
        """
        SELECT 'link_status_events', format('%s/%s', e.link_id, e.seq),
            format('%s → %s by %s is no step', e.from_status, e.to_status, e.event)
        FROM link_status_events e LEFT JOIN link_transitions t USING (from_status, to_status, event)
        WHERE t.event IS NULL
        """,
    ),
    Check(
        "I-18",
        "links.table_is_the_codes",
        "The table of legal steps is the one the code has.",
        """
        SELECT 'link_transitions', format('%s → %s', from_status, to_status),
               event || CASE WHEN ours THEN ' is missing' ELSE ' is not in the code' END
        FROM (SELECT from_status, to_status, event, true AS ours
              FROM jsonb_to_recordset(CAST(:steps AS jsonb)) AS s (from_status text, to_status text,
                  event text)) AS code
        FULL JOIN (SELECT from_status, to_status, event, true AS theirs
            FROM link_transitions) AS stored USING (from_status, to_status, event)
        WHERE ours IS NULL OR theirs IS NULL
        """,
        {
            "steps": json.dumps(
                [
                    {"from_status": step.source, "to_status": step.target, "event": step.event}
                    for step in sorted(TRANSITIONS, key=lambda step: (step.source, step.target, step.event))
                ]
            )
        },
    ),
    Check(
        "I-19",
        "links.status_is_the_last_event",
        "A link's status and the number of its steps are those of its last event.",
        """
        SELECT 'payment_links', l.id::text,
            format('%s after %s steps; its last event is %s to %s', l.status, l.status_seq,
               coalesce(e.seq::text, 'none'), coalesce(e.to_status, 'nowhere'))
        FROM payment_links l
        LEFT JOIN (SELECT DISTINCT ON (link_id) link_id, seq, to_status
            FROM link_status_events ORDER BY link_id, seq DESC) AS e ON e.link_id = l.id
        WHERE (l.status, l.status_seq) IS DISTINCT FROM (e.to_status, e.seq)
        """,
    ),
    Check(
        "I-19",
        "links.moments_are_the_events",
        "opened_at, paid_at and closed_at are the moments of the events that opened, paid and closed the link.",
        """
        SELECT 'payment_links', l.id::text,
            format('%s: opened_at %s, paid_at %s, closed_at %s; opened %s, last step %s', l.status,
               coalesce(l.opened_at::text, '–'), coalesce(l.paid_at::text, '–'), coalesce(l.closed_at::text, '–'),
               coalesce(opened.effective_at::text, '–'), last.effective_at)
        FROM payment_links l
        JOIN link_status_events last ON last.link_id = l.id AND last.seq = l.status_seq
        LEFT JOIN (SELECT DISTINCT ON (link_id) link_id, effective_at FROM link_status_events
            WHERE to_status = 'OPEN' ORDER BY link_id, seq) AS opened
            ON opened.link_id = l.id
        WHERE l.opened_at IS DISTINCT FROM opened.effective_at
           OR l.paid_at IS DISTINCT FROM CASE WHEN l.status = 'PAID' THEN last.effective_at END
           OR l.closed_at IS DISTINCT FROM CASE WHEN l.status IN ('EXPIRED', 'CANCELED') THEN last.effective_at END
        """,
    ),
    Check(
        "I-20",
        "links.expiry_never_beats_money",
        "An expired link holds no money of its amount that came in time and may settle by itself: it would be PAID.",
        """
        SELECT 'payment_links', l.id::text,
            format('expired at %s, and payment %s of its amount arrived at %s', l.expires_at, p.id, p.occurred_at)
        FROM payment_links l JOIN payments p ON p.link_id = l.id AND p.organization_id = l.organization_id
        WHERE l.status = 'EXPIRED' AND p.occurred_at <= l.expires_at
            AND (p.value_minor, p.currency) = (l.amount_minor, l.currency)
            AND NOT EXISTS (SELECT FROM payment_exceptions e
                WHERE e.payment_id = p.id AND e.kind IN ('WRONG_TOKEN', 'UNCONFIRMED', 'DOUBLE'))
        """,
    ),
    Check(
        "I-48",
        "links.words_are_its_own",
        "A link is found by the words it has now, its customer's among them, and by no others.",
        """
        SELECT 'link_search', l.id::text, CASE WHEN w.link_id IS NULL THEN 'is missing' ELSE 'has other words' END
        FROM payment_links l LEFT JOIN link_contacts c ON c.link_id = l.id LEFT JOIN link_search w ON w.link_id = l.id
        WHERE w.words IS DISTINCT FROM link_lexemes(l.organization_id,
            concat_ws(' ', l.short_code, l.description, l.reference, c.name, c.email), l.amount_minor, l.currency)
        """,
    ),
)
