"""Attempts, Checkout Sessions and the payments they led to agree with each other."""

from __future__ import annotations

from provvypay.services.check_books.check import Check

CHECKS = (
    Check(
        "I-16",
        "checkout.one_open_session",
        "A link has at most one open Checkout Session.",
        """
        SELECT 'payment_links', link_id::text, format('%s open sessions', count(*))
        FROM checkout_sessions WHERE state = 'OPEN' GROUP BY link_id HAVING count(*) > 1
        """,
    ),
    Check(
        "I-43",
        "checkout.session_is_its_attempts",
        "A session is over the amount of its attempt, and the attempt is READY; an attempt that is READY has one.",
        """
        SELECT 'payment_attempts', a.id::text, format('%s over %s %s, %s', a.state, a.amount_minor, a.currency,
               CASE WHEN s.id IS NULL THEN 'without a session'
                   ELSE format('with a session over %s %s', s.amount_minor, s.currency) END)
        FROM payment_attempts a LEFT JOIN checkout_sessions s ON s.attempt_id = a.id
        WHERE a.method = 'CARD' AND ((a.state = 'READY') <> (s.id IS NOT NULL)
            OR (s.amount_minor, s.currency) <> (a.amount_minor, a.currency))
        """,
    ),
    Check(
        "I-43",
        "checkout.paid_session_has_its_payment",
        "A session Stripe calls paid has its payment, for the same link: they were written together.",
        """
        SELECT 'checkout_sessions', s.id::text,
            format('%s, %s, and payment %s of link %s is not there', s.state, s.payment_status,
               coalesce(s.payment_intent_id, 'without an intent'), s.link_id)
        FROM checkout_sessions s
        LEFT JOIN payments p ON p.provider = 'STRIPE' AND p.provider_reference = s.payment_intent_id
            AND p.link_id = s.link_id
        WHERE s.state = 'COMPLETE' AND s.payment_status NOT IN ('unpaid', 'failed') AND p.id IS NULL
        """,
    ),
    Check(
        "I-43",
        "checkout.payment_has_its_session",
        "A payment by card that came from an attempt has that attempt's session, complete and paid.",
        """
        SELECT 'payments', p.id::text,
            format('%s from attempt %s, whose session is %s', p.provider_reference, p.attempt_id,
               coalesce(s.state || ', ' || s.payment_status || ', ' || coalesce(s.payment_intent_id,
                   'without an intent'), 'not there'))
        FROM payments p LEFT JOIN checkout_sessions s ON s.attempt_id = p.attempt_id
        WHERE p.provider = 'STRIPE' AND p.attempt_id IS NOT NULL
          AND (s.state, s.payment_status NOT IN ('unpaid', 'failed'), s.payment_intent_id) IS DISTINCT
          FROM ('COMPLETE', true, p.provider_reference)
        """,
    ),
    Check(
        "I-43",
        "checkout.intent_has_one_session",
        "A payment intent belongs to one session.",
        """
        SELECT 'checkout_sessions', min(id::text), format('%s stands in %s sessions', payment_intent_id, count(*))
        FROM checkout_sessions WHERE payment_intent_id IS NOT NULL GROUP BY payment_intent_id HAVING count(*) > 1
        """,
    ),
    Check(
        "I-43",
        "checkout.ended_session_cannot_be_paid",
        "Only an open session has an address where it can be paid.",
        """
        SELECT 'checkout_sessions', id::text, format('%s with an address', state) FROM checkout_sessions
        WHERE state <> 'OPEN' AND url IS NOT NULL
        """,
    ),
)
