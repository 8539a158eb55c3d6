-- Who may see and do what. The roles are made once by a superuser (docs/how-to/deploy.md); web and worker own nothing.

-- ---------------------------------------------------------------- row-level security (I-28)
-- `app.org_id` is set per transaction; unset is an error, so a forgotten organization shows at once.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['merchant_settings', 'memberships', 'payment_links', 'link_status_events', 'payment_attempts', 'checkout_sessions',
                                'payments', 'settlements', 'settlement_parts', 'payment_exceptions', 'payment_events', 'balance_transactions',
                                'fx_snapshots', 'accounts', 'journals', 'ledger_entries', 'outbox', 'notifications', 'email_deliveries',
                                'xero_connections', 'xero_syncs']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (organization_id = current_setting(''app.org_id'')::uuid) '
                       'WITH CHECK (organization_id = current_setting(''app.org_id'')::uuid)', name);
    END LOOP;
END $$;
ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organizations USING (id = current_setting('app.org_id')::uuid) WITH CHECK (id = current_setting('app.org_id')::uuid);
-- An act before an organization is known (a refused sign-in) is written without one, and read by none of them.
ALTER TABLE audit_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_logs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_reads ON audit_logs FOR SELECT USING (organization_id = current_setting('app.org_id')::uuid);
CREATE POLICY tenant_writes ON audit_logs FOR INSERT
    WITH CHECK (organization_id IS NULL OR organization_id = current_setting('app.org_id')::uuid);

-- ---------------------------------------------------------------- grants
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO provvypay_web, provvypay_worker, provvypay_lookup;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO provvypay_lookup;

GRANT SELECT ON organizations, merchant_settings, memberships, payment_links, link_transitions, link_status_events, payment_attempts,
    checkout_sessions, payments, settlements, settlement_parts, payment_exceptions, payment_events, balance_transactions, fx_rates, fx_snapshots,
    accounts, journals, ledger_entries, inbox, outbox, schedules, notifications, email_deliveries, xero_connections, xero_syncs
    TO provvypay_web, provvypay_worker;
GRANT SELECT ON users, user_sessions, sign_in_throttles, audit_logs TO provvypay_web;
-- A worker names people in messages; it has no business with their passwords.
GRANT SELECT (id, email, name, disabled_at) ON users TO provvypay_worker;

-- What both may write: the money path runs in either process.
GRANT INSERT (id, organization_id, link_id, number, method, amount_minor, currency, idempotency_key, expires_at) ON payment_attempts
    TO provvypay_web, provvypay_worker;
GRANT UPDATE (state) ON payment_attempts TO provvypay_web, provvypay_worker;
GRANT INSERT ON checkout_sessions TO provvypay_web, provvypay_worker;
GRANT UPDATE (url, state, payment_status, payment_intent_id, checks, next_check_at, decline_code, updated_at) ON checkout_sessions
    TO provvypay_web, provvypay_worker;
GRANT INSERT (link_id, organization_id, seq, from_status, to_status, event, actor_type, actor_id, reason, effective_at) ON link_status_events
    TO provvypay_web, provvypay_worker;
GRANT INSERT ON payments, settlements, settlement_parts, payment_exceptions, payment_events, balance_transactions, fx_snapshots,
    ledger_entries, notifications, email_deliveries, xero_syncs, audit_logs TO provvypay_web, provvypay_worker;
GRANT UPDATE (state, rate, source, as_of, fetched_at) ON fx_snapshots TO provvypay_worker;
GRANT INSERT (id, organization_id, kind, source_type, source_id, currency, effective_at, description, link_id, reverses_id) ON journals
    TO provvypay_web, provvypay_worker;
GRANT INSERT (organization_id, topic, dedupe, payload) ON outbox TO provvypay_web, provvypay_worker;
GRANT UPDATE (attempts, available_at, lease_until, lease_token, last_error, done_at, dead_at) ON outbox TO provvypay_worker;
-- Row locks need the right to update one column.
GRANT UPDATE (description, reference, expires_at) ON payment_links TO provvypay_web, provvypay_worker;

-- What only the web may write.
GRANT INSERT (id, organization_id, short_code, amount_minor, currency, description, reference, expires_at, created_by) ON payment_links TO provvypay_web;
GRANT UPDATE (amount_minor, currency, version) ON payment_links TO provvypay_web;
GRANT INSERT (id, name, currency, time_zone) ON organizations TO provvypay_web;
GRANT UPDATE (name, time_zone, version) ON organizations TO provvypay_web;
GRANT INSERT ON merchant_settings, memberships, accounts, users, user_sessions, sign_in_throttles TO provvypay_web;
GRANT UPDATE (legal_name, legal_id, support_email, card_enabled, version, updated_at) ON merchant_settings TO provvypay_web;
GRANT UPDATE (role) ON memberships TO provvypay_web;
GRANT UPDATE (name, password_hash) ON users TO provvypay_web;
GRANT UPDATE (organization_id, last_seen_at, revoked_at) ON user_sessions TO provvypay_web;
GRANT UPDATE, DELETE ON sign_in_throttles TO provvypay_web;
GRANT UPDATE (read_at) ON notifications TO provvypay_web;
GRANT INSERT (id, provider, event_id, event_type, livemode, account, payload, state, note, handled_at) ON inbox TO provvypay_web, provvypay_worker;

-- What only the worker (and the clock) may write.
GRANT UPDATE (state, attempts, next_attempt_at, lease_until, lease_token, note, handled_at) ON inbox TO provvypay_worker;
GRANT INSERT, UPDATE ON fx_rates, schedules TO provvypay_worker;
GRANT UPDATE (state, attempts, next_attempt_at, xero_document_id, last_error) ON xero_syncs TO provvypay_worker;
GRANT UPDATE (state, attempts, provider_message_id, updated_at) ON email_deliveries TO provvypay_worker;

-- ---------------------------------------------------------------- look-ups across organizations (I-30)
-- Few and named; owned by a role that cannot sign in and is not bound by row-level security, with only the columns needed.
CREATE FUNCTION lookup_link(code text)
    RETURNS TABLE (organization_id uuid, link_id uuid) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT l.organization_id, l.id FROM payment_links l WHERE l.short_code = code;
$$;

CREATE FUNCTION lookup_checkout_session(provider_id text)
    RETURNS TABLE (organization_id uuid, session_id uuid) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.organization_id, s.id FROM checkout_sessions s WHERE s.provider_session_id = provider_id;
$$;

CREATE FUNCTION lookup_checkout_session_by_intent(intent text)
    RETURNS TABLE (organization_id uuid, provider_session_id text) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.organization_id, s.provider_session_id FROM checkout_sessions s WHERE s.payment_intent_id = intent;
$$;

CREATE FUNCTION lookup_memberships(person uuid)
    RETURNS TABLE (organization_id uuid, name text, role text, currency text, time_zone text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.id, o.name, m.role, o.currency::text, o.time_zone FROM memberships m JOIN organizations o ON o.id = m.organization_id
    WHERE m.user_id = person AND o.archived_at IS NULL ORDER BY m.created_at, o.id;
$$;

-- What every signed-in request needs, in one read.
CREATE FUNCTION lookup_session(hash bytea)
    RETURNS TABLE (session_id uuid, user_id uuid, email text, user_name text, is_platform_admin boolean, last_seen_at timestamptz,
                   expires_at timestamptz, organization_id uuid, organization_name text, role text, currency text, time_zone text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.id, u.id, u.email, u.name, u.is_platform_admin, s.last_seen_at, s.expires_at, o.id, o.name, m.role, o.currency::text, o.time_zone
    FROM user_sessions s
    JOIN users u ON u.id = s.user_id AND u.disabled_at IS NULL
    LEFT JOIN memberships m ON m.user_id = u.id AND m.organization_id = s.organization_id
    LEFT JOIN organizations o ON o.id = m.organization_id AND o.archived_at IS NULL
    WHERE s.token_hash = hash AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp();
$$;

CREATE FUNCTION due_expiries(most int)
    RETURNS TABLE (organization_id uuid, link_id uuid) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT l.organization_id, l.id FROM payment_links l
    WHERE l.status = 'OPEN' AND l.expires_at < clock_timestamp() - interval '1 second' ORDER BY l.expires_at LIMIT most;
$$;

CREATE FUNCTION due_checkout_sessions(most int)
    RETURNS TABLE (organization_id uuid, provider_session_id text) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.organization_id, s.provider_session_id FROM checkout_sessions s
    WHERE s.next_check_at <= clock_timestamp() ORDER BY s.next_check_at LIMIT most;
$$;

CREATE FUNCTION stale_card_attempts(most int)
    RETURNS TABLE (organization_id uuid, attempt_id uuid) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.organization_id, a.id FROM payment_attempts a
    WHERE a.state = 'STARTED' AND a.method = 'CARD' AND a.created_at < clock_timestamp() - interval '1 minute' ORDER BY a.created_at LIMIT most;
$$;

CREATE FUNCTION claim_outbox(most int, lease_seconds int)
    RETURNS TABLE (id bigint, organization_id uuid, topic text, payload jsonb, lease_token int, attempts int)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH claimed AS (
        SELECT o.id FROM outbox o
        WHERE o.done_at IS NULL AND o.dead_at IS NULL AND o.available_at <= clock_timestamp()
          AND (o.lease_until IS NULL OR o.lease_until < clock_timestamp())
        ORDER BY o.available_at, o.id LIMIT most FOR UPDATE SKIP LOCKED)
    UPDATE outbox o SET lease_until = clock_timestamp() + make_interval(secs => lease_seconds), lease_token = o.lease_token + 1, attempts = o.attempts + 1
    FROM claimed WHERE o.id = claimed.id
    RETURNING o.id, o.organization_id, o.topic, o.payload, o.lease_token, o.attempts;
$$;

CREATE FUNCTION queue_depths()
    RETURNS TABLE (name text, waiting bigint, oldest timestamptz) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT 'outbox', count(*), min(o.available_at) FROM outbox o WHERE o.done_at IS NULL AND o.dead_at IS NULL AND o.available_at <= clock_timestamp()
    UNION ALL
    SELECT 'inbox', count(*), min(i.received_at) FROM inbox i WHERE i.state = 'NEW';
$$;

GRANT UPDATE (attempts, lease_until, lease_token) ON outbox TO provvypay_lookup;
GRANT CREATE ON SCHEMA public TO provvypay_lookup;
DO $$
DECLARE f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname = 'public' AND p.proname IN ('lookup_link', 'lookup_checkout_session', 'lookup_checkout_session_by_intent', 'lookup_memberships',
                 'lookup_session', 'due_expiries', 'due_checkout_sessions', 'stale_card_attempts', 'claim_outbox', 'queue_depths')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO provvypay_lookup', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
REVOKE CREATE ON SCHEMA public FROM provvypay_lookup;
GRANT EXECUTE ON FUNCTION lookup_link(text), lookup_checkout_session(text), lookup_checkout_session_by_intent(text), queue_depths()
    TO provvypay_web, provvypay_worker;
GRANT EXECUTE ON FUNCTION lookup_memberships(uuid), lookup_session(bytea) TO provvypay_web;
GRANT EXECUTE ON FUNCTION due_expiries(int), due_checkout_sessions(int), stale_card_attempts(int), claim_outbox(int, int) TO provvypay_worker;

-- Alembic's own table: read by readiness, written by the owner only.
GRANT SELECT ON alembic_version TO provvypay_web, provvypay_worker;
