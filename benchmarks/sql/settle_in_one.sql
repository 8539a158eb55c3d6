-- The rows of one settlement, written by one statement with the product's guards on: the limit of performance.md.
-- The link is judged and locked by the triggers; the organization is set once per connection.
WITH given AS (
    SELECT ('00000000-0000-7000-8000-' || :n)::uuid AS link_id,
        ('0000000a-0000-7000-8000-' || :n)::uuid AS payment_id,
        ('0000000b-0000-7000-8000-' || :n)::uuid AS settlement_id,
        ('0000000c-0000-7000-8000-' || :n)::uuid AS event_id,
        ('0000000d-0000-7000-8000-' || :n)::uuid AS sale_id,
        ('0000000e-0000-7000-8000-' || :n)::uuid AS paid_id,
        (:org)::uuid AS org, now() AS moment, (:facts)::jsonb AS facts
), payment AS (
    INSERT INTO payments (id, organization_id, link_id, provider, provider_reference, value_minor, currency, occurred_at,
        outcome, evidence)
    SELECT payment_id, org, link_id, 'STRIPE', 'pi_' || :n, 12050, 'AUD', moment, 'SETTLED',
        jsonb_build_object('checkout_session', 'cs_test_' || :n, 'charge', 'ch_' || :n) FROM given
), settled AS (
    INSERT INTO settlements (id, organization_id, link_id, amount_minor, currency, settled_at)
    SELECT settlement_id, org, link_id, 12050, 'AUD', moment FROM given
), part AS (
    INSERT INTO settlement_parts (settlement_id, payment_id, organization_id, amount_minor, currency)
    SELECT settlement_id, payment_id, org, 12050, 'AUD' FROM given
), stepped AS (
    INSERT INTO link_status_events (link_id, seq, organization_id, from_status, to_status, event, actor_type, effective_at)
    SELECT link_id, 2, org, 'OPEN', 'PAID', 'link.paid', 'SYSTEM', moment FROM given
/*MOVED*/
), rates AS (
    INSERT INTO fx_snapshots (id, organization_id, link_id, settlement_id, kind, asset, currency, state, rate, source,
        as_of, fetched_at)
    SELECT gen_random_uuid(), org, link_id, settlement_id, 'SETTLEMENT', asset, 'AUD', 'OK', 1.5372, 'COINGECKO', moment, moment
    FROM given, (VALUES ('HBAR'), ('USDC'), ('USDT'), ('AUDD')) AS a (asset)
), event AS (
    INSERT INTO payment_events (id, organization_id, link_id, payment_id, kind, dedupe, data, occurred_at)
    SELECT event_id, org, link_id, payment_id, 'payment.settled', payment_id, facts, moment FROM given
), told AS (
    INSERT INTO notifications (id, organization_id, user_id, kind, cause_id, link_id, data)
    SELECT gen_random_uuid(), org, (:user)::uuid, 'link.paid', settlement_id, link_id, facts FROM given
), message AS (
    INSERT INTO outbox (organization_id, topic, dedupe, payload)
    SELECT org, 'link.paid', settlement_id, jsonb_build_object('link_id', link_id) FROM given
), posted AS (
    INSERT INTO journals (id, organization_id, kind, source_type, source_id, currency, effective_at, description, link_id)
    SELECT j.id, org, j.kind, 'SETTLEMENT', settlement_id, 'AUD', moment, j.description, link_id
    FROM given, LATERAL (VALUES (sale_id, 'SALE', 'Sale: INV-' || :n), (paid_id, 'PAYMENT', 'Payment received: INV-' || :n))
        AS j (id, kind, description)
    RETURNING id, organization_id, kind, effective_at
)
INSERT INTO ledger_entries (journal_id, line_no, organization_id, account_code, side, amount_minor, currency/*LATER COLUMNS*/)
SELECT posted.id, l.line_no, organization_id, l.account, l.side, 12050, 'AUD'/*LATER VALUES*/
FROM posted JOIN (VALUES ('SALE', 1, '1200', 'DEBIT'), ('SALE', 2, '4000', 'CREDIT'),
                         ('PAYMENT', 1, '1050', 'DEBIT'), ('PAYMENT', 2, '1200', 'CREDIT')) AS l (kind, line_no, account, side)
    ON l.kind = posted.kind;
