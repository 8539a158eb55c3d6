-- The rows of one new link, open, written by one statement with the product's guards on: the limit of performance.md.
-- The organization is set once per connection.
WITH made AS (
    INSERT INTO payment_links (id, organization_id, short_code, amount_minor, currency, description, reference, expires_at,
        created_by/*COLUMNS*/)
    VALUES (('00000000-0000-7000-8000-' || :n)::uuid, (:org)::uuid, translate(right(:n, 8), '01', 'BC'), 12050, 'AUD',
        'Oak bench, 1.8 m: deposit', 'INV-' || :n, now() + interval '7 days', (:user)::uuid/*VALUES*/)
    RETURNING id, organization_id
), stepped AS (
    INSERT INTO link_status_events (link_id, seq, organization_id, from_status, to_status, event, actor_type, actor_id,
        effective_at)
    SELECT id, 1, organization_id, 'NEW', 'OPEN', 'link.opened', 'USER', (:user)::uuid, now() FROM made
), rates AS (
    INSERT INTO fx_snapshots (id, organization_id, link_id, kind, asset, currency, state, rate, source, as_of, fetched_at)
    SELECT gen_random_uuid(), organization_id, id, 'CREATION', asset, 'AUD', 'OK', 1.5372, 'COINGECKO', now(), now()
    FROM made, (VALUES ('HBAR'), ('USDC'), ('USDT'), ('AUDD')) AS a (asset)
)
INSERT INTO audit_logs (id, organization_id, actor_type, actor_id, action, subject_type, subject_id, detail)
SELECT gen_random_uuid(), organization_id, 'USER', (:user)::uuid, 'link.created', 'payment_link', id,
    jsonb_build_object('amount_minor', 12050, 'currency', 'AUD', 'status', 'OPEN')
FROM made;
