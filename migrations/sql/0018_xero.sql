-- Xero in full: trips to the consent page, one row per grant, connections with their mapping, sync rows by connection
-- (docs/explanation/xero.md).

-- A new foreign key of a table under row-level security is checked as the owner, whom the policies bind: they ask for an organization.
-- The columns it is about are new and empty, so that nobody's rows need to be seen.
SELECT set_config('app.org_id', '00000000-0000-0000-0000-000000000000', true);

-- ---------------------------------------------------------------- trips to Xero's consent page: each state is good once, for one session
CREATE TABLE xero_authorizations (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    session_id UUID NOT NULL,
    user_id UUID NOT NULL,
    state_hash BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_xero_authorizations PRIMARY KEY (id),
    CONSTRAINT uq_xero_authorizations_state_hash UNIQUE (state_hash),
    CONSTRAINT fk_xero_authorizations_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE RESTRICT,
    CONSTRAINT fk_xero_authorizations_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT ck_xero_authorizations_state_hash CHECK (octet_length(state_hash) = 32),
    CONSTRAINT ck_xero_authorizations_lifetime CHECK (expires_at > created_at)
);

-- ---------------------------------------------------------------- one row per consent; tokens are sealed (I-34)
CREATE TABLE xero_grants (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    auth_event_id TEXT NOT NULL,
    xero_user_id TEXT DEFAULT '' NOT NULL,
    scopes TEXT NOT NULL,
    state TEXT DEFAULT 'LIVE' NOT NULL,
    access_token TEXT NOT NULL,
    refresh_token TEXT NOT NULL,
    previous_refresh_token TEXT DEFAULT '' NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    refreshed_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    last_error TEXT DEFAULT '' NOT NULL,
    created_by UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_xero_grants PRIMARY KEY (id),
    CONSTRAINT uq_xero_grants_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT fk_xero_grants_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE RESTRICT,
    CONSTRAINT fk_xero_grants_created_by FOREIGN KEY(created_by) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT ck_xero_grants_state_known CHECK (state IN ('LIVE', 'REFUSED', 'ENDED')),
    CONSTRAINT ck_xero_grants_version CHECK (version >= 1),
    -- Sealed or, once it has ended, gone: a token never stands here in plain text.
    CONSTRAINT ck_xero_grants_sealed CHECK (CASE state WHEN 'ENDED' THEN access_token = '' AND refresh_token = '' AND previous_refresh_token = ''
        ELSE access_token LIKE 'v1.%' AND refresh_token LIKE 'v1.%' AND (previous_refresh_token = '' OR previous_refresh_token LIKE 'v1.%') END)
);
CREATE INDEX ix_xero_grants_oldest ON xero_grants (refreshed_at) WHERE state = 'LIVE';

CREATE FUNCTION grant_goes_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'grant % goes from version % (%) to % (%)', OLD.id, OLD.version, OLD.state, NEW.version, NEW.state USING ERRCODE = '55000';
END $$;
CREATE TRIGGER forward BEFORE UPDATE ON xero_grants FOR EACH ROW
    WHEN (NEW.version < OLD.version OR (OLD.state = 'ENDED' AND NEW.state <> 'ENDED') OR (OLD.state <> 'LIVE' AND NEW.state = 'LIVE'))
    EXECUTE FUNCTION grant_goes_forward();

-- ---------------------------------------------------------------- connections: which company's books, and what goes where
ALTER TABLE xero_connections
    ADD COLUMN grant_id UUID,
    ADD COLUMN xero_connection_id UUID,
    ADD COLUMN tenant_name TEXT DEFAULT '' NOT NULL,
    ADD COLUMN chart JSONB DEFAULT '{}' NOT NULL,
    ADD COLUMN chart_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN mapping JSONB DEFAULT '{}' NOT NULL,
    ADD COLUMN mapping_version INTEGER DEFAULT 0 NOT NULL,
    ADD COLUMN paused_until TIMESTAMP WITH TIME ZONE,
    ADD COLUMN pause_reason TEXT,
    ADD COLUMN problem TEXT DEFAULT '' NOT NULL,
    ADD COLUMN connected_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    ADD COLUMN disconnected_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN reconciled_at TIMESTAMP WITH TIME ZONE,
    ADD CONSTRAINT fk_xero_connections_organization_id_grant_id FOREIGN KEY(organization_id, grant_id) REFERENCES xero_grants (organization_id, id),
    ADD CONSTRAINT ck_xero_connections_granted CHECK (state <> 'CONNECTED' OR grant_id IS NOT NULL),
    ADD CONSTRAINT ck_xero_connections_ended CHECK ((state = 'DISCONNECTED') = (disconnected_at IS NOT NULL)),
    ADD CONSTRAINT ck_xero_connections_pause_reason_known CHECK (pause_reason IN ('MINUTE', 'DAY', 'CONCURRENT', 'APP', 'OFFLINE')),
    ADD CONSTRAINT ck_xero_connections_paused CHECK ((paused_until IS NULL) = (pause_reason IS NULL)),
    ADD CONSTRAINT uq_xero_connections_organization_id_tenant_id UNIQUE (organization_id, tenant_id);
CREATE UNIQUE INDEX uq_xero_connections_one_owner ON xero_connections (tenant_id) WHERE state <> 'DISCONNECTED';

-- ---------------------------------------------------------------- sync rows: once per connection, with what a retry needs to know (I-22)
ALTER TABLE xero_syncs
    ADD COLUMN connection_id UUID NOT NULL,
    ADD COLUMN problem TEXT DEFAULT '' NOT NULL,
    ADD COLUMN document_number TEXT DEFAULT '' NOT NULL,
    ADD COLUMN document JSONB DEFAULT '{}' NOT NULL,
    ADD COLUMN revision INTEGER DEFAULT 0 NOT NULL,
    ADD COLUMN key_number INTEGER DEFAULT 0 NOT NULL,
    ADD COLUMN key_hash TEXT DEFAULT '' NOT NULL,
    ADD COLUMN key_used_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN lease_until TIMESTAMP WITH TIME ZONE,
    ADD COLUMN lease_token INTEGER DEFAULT 0 NOT NULL,
    ADD COLUMN synced_at TIMESTAMP WITH TIME ZONE,
    ADD CONSTRAINT fk_xero_syncs_organization_id_connection_id FOREIGN KEY(organization_id, connection_id)
        REFERENCES xero_connections (organization_id, id),
    DROP CONSTRAINT uq_xero_syncs_link_id_kind_source_id,
    ADD CONSTRAINT uq_xero_syncs_connection_id_link_id_kind_source_id UNIQUE (connection_id, link_id, kind, source_id),
    DROP CONSTRAINT uq_xero_syncs_organization_id_xero_document_id,
    ADD CONSTRAINT uq_xero_syncs_connection_id_xero_document_id UNIQUE (connection_id, xero_document_id),
    ADD CONSTRAINT ck_xero_syncs_counters CHECK (revision >= 0 AND key_number >= 0 AND lease_token >= 0);
CREATE INDEX ix_xero_syncs_by_link ON xero_syncs (organization_id, link_id);
CREATE INDEX ix_xero_syncs_newest ON xero_syncs (organization_id, created_at DESC, id DESC);

-- ---------------------------------------------------------------- rows stay, tenants are apart
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['xero_grants', 'xero_connections']
    LOOP
        EXECUTE format('CREATE TRIGGER rows_stay BEFORE DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('CREATE TRIGGER rows_stay_all BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['xero_authorizations', 'xero_grants']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (organization_id = current_setting(''app.org_id'')::uuid) '
                       'WITH CHECK (organization_id = current_setting(''app.org_id'')::uuid)', name);
    END LOOP;
END $$;
CREATE TRIGGER frozen BEFORE UPDATE ON xero_authorizations FOR EACH ROW EXECUTE FUNCTION refuse_other_columns('used_at');
-- A row for Xero stands for the same document of the same books for ever.
CREATE TRIGGER frozen BEFORE UPDATE ON xero_syncs FOR EACH ROW
    EXECUTE FUNCTION refuse_other_columns('state', 'attempts', 'next_attempt_at', 'xero_document_id', 'last_error', 'problem', 'document_number',
        'document', 'revision', 'key_number', 'key_hash', 'key_used_at', 'lease_until', 'lease_token', 'synced_at');

-- ---------------------------------------------------------------- look-ups across organizations (I-30)
-- Organizations with something to write that may be written now.
CREATE FUNCTION due_xero(most int)
    RETURNS TABLE (organization_id uuid) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.organization_id FROM xero_syncs s JOIN xero_connections c ON c.id = s.connection_id
    WHERE s.next_attempt_at <= clock_timestamp() AND (s.lease_until IS NULL OR s.lease_until < clock_timestamp())
      AND c.state = 'CONNECTED' AND (c.paused_until IS NULL OR c.paused_until <= clock_timestamp())
    GROUP BY 1 ORDER BY min(s.next_attempt_at) LIMIT most;
$$;

-- Grants that were not used for so long that they would lapse.
CREATE FUNCTION quiet_xero_grants(days int, most int)
    RETURNS TABLE (organization_id uuid, grant_id uuid) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT g.organization_id, g.id FROM xero_grants g
    WHERE g.state = 'LIVE' AND g.refreshed_at < clock_timestamp() - make_interval(days => days) ORDER BY g.refreshed_at LIMIT most;
$$;

CREATE FUNCTION xero_organizations()
    RETURNS TABLE (organization_id uuid) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.organization_id FROM xero_connections c WHERE c.state = 'CONNECTED' ORDER BY c.organization_id;
$$;

-- Grants sealed with another key than this one.
CREATE FUNCTION xero_grants_to_reseal(key_id text, most int)
    RETURNS TABLE (organization_id uuid, grant_id uuid) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT g.organization_id, g.id FROM xero_grants g
    WHERE g.state <> 'ENDED' AND NOT (g.access_token LIKE 'v1.' || key_id || '.%' AND g.refresh_token LIKE 'v1.' || key_id || '.%'
        AND (g.previous_refresh_token = '' OR g.previous_refresh_token LIKE 'v1.' || key_id || '.%'))
    ORDER BY g.id LIMIT most;
$$;

-- ---------------------------------------------------------------- grants
GRANT SELECT ON xero_authorizations, xero_grants TO provvypay_web, provvypay_worker, provvypay_lookup;
GRANT INSERT (id, organization_id, session_id, user_id, state_hash, expires_at), UPDATE (used_at) ON xero_authorizations TO provvypay_web;
GRANT INSERT (id, organization_id, auth_event_id, xero_user_id, scopes, access_token, refresh_token, expires_at, created_by) ON xero_grants TO provvypay_web;
GRANT UPDATE (state, access_token, refresh_token, previous_refresh_token, expires_at, refreshed_at, version, last_error, scopes) ON xero_grants
    TO provvypay_web, provvypay_worker;
GRANT INSERT (id, organization_id, tenant_id, state, grant_id, xero_connection_id, tenant_name) ON xero_connections TO provvypay_web;
GRANT UPDATE (state, grant_id, xero_connection_id, tenant_name, chart, chart_at, mapping, mapping_version, paused_until, pause_reason, problem,
    connected_at, disconnected_at) ON xero_connections TO provvypay_web;
GRANT UPDATE (state, chart, chart_at, paused_until, pause_reason, problem, reconciled_at) ON xero_connections TO provvypay_worker;
GRANT UPDATE (problem, document_number, document, revision, key_number, key_hash, key_used_at, lease_until, lease_token, synced_at) ON xero_syncs
    TO provvypay_worker;
GRANT UPDATE (state, attempts, next_attempt_at, last_error, problem, revision, lease_until) ON xero_syncs TO provvypay_web;

GRANT CREATE ON SCHEMA public TO provvypay_lookup;
DO $$
DECLARE f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname = 'public' AND p.proname IN ('due_xero', 'quiet_xero_grants', 'xero_organizations', 'xero_grants_to_reseal')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO provvypay_lookup', f);
    END LOOP;
END $$;
REVOKE CREATE ON SCHEMA public FROM provvypay_lookup;
REVOKE ALL ON FUNCTION grant_goes_forward(), due_xero(int), quiet_xero_grants(int, int), xero_organizations(), xero_grants_to_reseal(text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION due_xero(int), quiet_xero_grants(int, int), xero_organizations(), xero_grants_to_reseal(text, int) TO provvypay_worker;
