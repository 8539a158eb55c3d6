"""Rates that are kept: each was so at its own moment, says where it came from, and is filled in when it can be."""

from __future__ import annotations

from provvypay.services.check_books.check import Check

# The machine that judged a rate and the database that dated the row have clocks of their own.
_SLACK = "interval '1 minute'"

CHECKS = (
    Check(
        "I-46",
        "rates.are_of_their_moment",
        "A rate that is kept was so at the moment it was kept, as nearly as its source allows.",
        f"""
        SELECT 'fx_snapshots', id::text,
            format('%s of %s as of %s, kept at %s', source, asset, as_of, created_at)
        FROM fx_snapshots
        WHERE state = 'OK' AND (as_of > created_at + interval '15 minutes' + {_SLACK} OR as_of < created_at - {_SLACK}
            - CASE source WHEN 'COINGECKO' THEN interval '75 minutes' WHEN 'MIRROR_NODE' THEN interval '135 minutes'
                ELSE interval '24 hours 15 minutes' END)
        """,  # noqa: S608 - a constant
    ),
    Check(
        "I-46",
        "rates.cross_rates_say_from_what",
        "A cross rate says what it was made from, and no other rate does.",
        """
        SELECT 'fx_snapshots', id::text, format('%s made from %L', coalesce(source, 'none'), made_from)
        FROM fx_snapshots WHERE (source IS NOT DISTINCT FROM 'CROSS') <> (made_from <> '')
        UNION ALL
        SELECT 'fx_rates', asset || '/' || currency, format('%s made from %L', source, made_from)
        FROM fx_rates WHERE (source = 'CROSS') <> (made_from <> '')
        """,
    ),
    Check(
        "I-46",
        "rates.are_filled_in",
        "A missing rate of the last two days is filled in when one of its moment has been known for an hour.",
        """
        SELECT 'fx_snapshots', s.id::text, format('no %s, though it was known as of %s', s.asset, h.as_of)
        FROM fx_snapshots s CROSS JOIN LATERAL (
            SELECT r.as_of FROM fx_rate_history r
            WHERE r.asset = s.asset AND r.currency = s.currency AND r.fetched_at < now() - interval '1 hour'
              AND r.as_of BETWEEN s.created_at - interval '15 minutes' AND s.created_at + interval '15 minutes'
            LIMIT 1) h
        WHERE s.state = 'UNAVAILABLE'
          AND s.created_at BETWEEN now() - interval '47 hours' AND now() - interval '1 hour'
        """,
    ),
    Check(
        "I-47",
        "rates.accepted_stand_in_history",
        "The last accepted rate of a pair stands in the history of the last two days.",
        """
        SELECT 'fx_rates', r.asset || '/' || r.currency, format('%s at %s is not in the history', r.rate, r.fetched_at)
        FROM fx_rates r
        LEFT JOIN fx_rate_history h ON h.fetched_at = r.fetched_at AND h.asset = r.asset AND h.currency = r.currency
            AND (h.rate, h.source, h.as_of, h.made_from) = (r.rate, r.source, r.as_of, r.made_from)
        WHERE h.asset IS NULL AND r.fetched_at > now() - interval '47 hours'
          AND r.fetched_at >= (SELECT min(fetched_at) FROM fx_rate_history)
        """,
    ),
)
