-- The tables of the first slice. The models in provvypay/models say what each column means; tests/migrations compares the two.

CREATE TABLE fx_rates (
    asset TEXT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    rate NUMERIC(38, 18) NOT NULL,
    source TEXT NOT NULL,
    as_of TIMESTAMP WITH TIME ZONE NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_fx_rates PRIMARY KEY (asset, currency),
    CONSTRAINT ck_fx_rates_asset_known CHECK (asset IN ('HBAR', 'USDC', 'USDT', 'AUDD')),
    CONSTRAINT ck_fx_rates_rate_positive CHECK (rate > 0),
    CONSTRAINT ck_fx_rates_currency_shape CHECK (currency ~ '^[A-Z]{3}$')
);

CREATE TABLE inbox (
    id UUID NOT NULL,
    provider TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    account TEXT,
    payload JSONB NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    state TEXT DEFAULT 'NEW' NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    next_attempt_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE,
    lease_token INTEGER DEFAULT 0 NOT NULL,
    note TEXT DEFAULT '' NOT NULL,
    handled_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_inbox PRIMARY KEY (id),
    CONSTRAINT uq_inbox_provider_event_id UNIQUE (provider, event_id),
    CONSTRAINT ck_inbox_state_known CHECK (state IN ('NEW', 'DONE', 'IGNORED', 'DEAD')),
    CONSTRAINT ck_inbox_attempts CHECK (attempts BETWEEN 0 AND 20),
    CONSTRAINT ck_inbox_event_id CHECK (event_id <> ''),
    CONSTRAINT ck_inbox_handled CHECK ((state = 'NEW') = (handled_at IS NULL))
);

CREATE INDEX ix_inbox_todo ON inbox (next_attempt_at) WHERE state = 'NEW';

CREATE TABLE link_transitions (
    from_status TEXT NOT NULL,
    to_status TEXT NOT NULL,
    event TEXT NOT NULL,
    CONSTRAINT pk_link_transitions PRIMARY KEY (from_status, to_status, event)
);

CREATE TABLE organizations (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    time_zone TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    archived_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_organizations PRIMARY KEY (id),
    CONSTRAINT ck_organizations_currency_shape CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ck_organizations_name_length CHECK (length(name) BETWEEN 1 AND 120)
);

CREATE TABLE schedules (
    name TEXT NOT NULL,
    every_seconds INTEGER NOT NULL,
    next_run_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE,
    lease_token INTEGER DEFAULT 0 NOT NULL,
    last_started_at TIMESTAMP WITH TIME ZONE,
    last_finished_at TIMESTAMP WITH TIME ZONE,
    last_error TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_schedules PRIMARY KEY (name),
    CONSTRAINT ck_schedules_every_seconds CHECK (every_seconds >= 1)
);

CREATE TABLE sign_in_throttles (
    key TEXT NOT NULL,
    failures INTEGER NOT NULL,
    window_started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    blocked_until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_sign_in_throttles PRIMARY KEY (key)
);

CREATE TABLE users (
    id UUID NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    is_platform_admin BOOLEAN DEFAULT false NOT NULL,
    disabled_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT ck_users_email_length CHECK (length(email) BETWEEN 3 AND 254),
    CONSTRAINT ck_users_name_length CHECK (length(name) BETWEEN 1 AND 120)
);

CREATE UNIQUE INDEX uq_users_email_lower ON users (lower(email));

CREATE TABLE accounts (
    organization_id UUID NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    is_system BOOLEAN DEFAULT false NOT NULL,
    archived_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_accounts PRIMARY KEY (organization_id, code),
    CONSTRAINT ck_accounts_kind_known CHECK (kind IN ('ASSET', 'LIABILITY', 'REVENUE', 'EXPENSE')),
    CONSTRAINT ck_accounts_code_shape CHECK (code ~ '^[0-9]{4}$'),
    CONSTRAINT ck_accounts_system_stays CHECK (NOT (is_system AND archived_at IS NOT NULL)),
    CONSTRAINT fk_accounts_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE RESTRICT
);

CREATE TABLE audit_logs (
    id UUID NOT NULL,
    organization_id UUID,
    actor_type TEXT NOT NULL,
    actor_id UUID,
    action TEXT NOT NULL,
    subject_type TEXT DEFAULT '' NOT NULL,
    subject_id TEXT DEFAULT '' NOT NULL,
    detail JSONB NOT NULL,
    request_id TEXT DEFAULT '' NOT NULL,
    ip INET,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_audit_logs PRIMARY KEY (id),
    CONSTRAINT ck_audit_logs_actor_type_known CHECK (actor_type IN ('USER', 'SYSTEM', 'ANONYMOUS')),
    CONSTRAINT fk_audit_logs_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE RESTRICT,
    CONSTRAINT fk_audit_logs_actor_id FOREIGN KEY(actor_id) REFERENCES users (id) ON DELETE RESTRICT
);

CREATE INDEX ix_audit_logs_newest ON audit_logs (organization_id, created_at DESC);

CREATE TABLE email_deliveries (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    kind TEXT NOT NULL,
    cause_id UUID NOT NULL,
    recipient TEXT NOT NULL,
    state TEXT DEFAULT 'PENDING' NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    provider_message_id TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_email_deliveries PRIMARY KEY (id),
    CONSTRAINT uq_email_deliveries_cause_id_kind_recipient UNIQUE (cause_id, kind, recipient),
    CONSTRAINT ck_email_deliveries_state_known CHECK (state IN ('PENDING', 'SENT', 'DELIVERED', 'BOUNCED', 'COMPLAINED', 'FAILED', 'SUPPRESSED')),
    CONSTRAINT ck_email_deliveries_attempts CHECK (attempts BETWEEN 0 AND 20),
    CONSTRAINT ck_email_deliveries_recipient_length CHECK (length(recipient) <= 254),
    CONSTRAINT fk_email_deliveries_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE RESTRICT,
    CONSTRAINT uq_email_deliveries_provider_message_id UNIQUE (provider_message_id)
);

CREATE TABLE memberships (
    organization_id UUID NOT NULL,
    user_id UUID NOT NULL,
    role TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_memberships PRIMARY KEY (organization_id, user_id),
    CONSTRAINT ck_memberships_role_known CHECK (role IN ('OWNER', 'ADMIN', 'ACCOUNTANT', 'OPERATOR', 'VIEWER')),
    CONSTRAINT fk_memberships_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE RESTRICT,
    CONSTRAINT fk_memberships_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE RESTRICT
);

CREATE INDEX ix_memberships_user_id ON memberships (user_id);

CREATE TABLE merchant_settings (
    organization_id UUID NOT NULL,
    legal_name TEXT DEFAULT '' NOT NULL,
    legal_id TEXT DEFAULT '' NOT NULL,
    support_email TEXT DEFAULT '' NOT NULL,
    card_enabled BOOLEAN DEFAULT true NOT NULL,
    crypto_enabled BOOLEAN DEFAULT false NOT NULL,
    stripe_account_id TEXT,
    quote_window_seconds INTEGER DEFAULT 900 NOT NULL,
    late_grace_seconds INTEGER,
    version INTEGER DEFAULT 1 NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_merchant_settings PRIMARY KEY (organization_id),
    CONSTRAINT ck_merchant_settings_quote_window CHECK (quote_window_seconds BETWEEN 0 AND 86400),
    CONSTRAINT ck_merchant_settings_late_grace CHECK (late_grace_seconds IS NULL OR late_grace_seconds BETWEEN 60 AND 2592000),
    CONSTRAINT fk_merchant_settings_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE RESTRICT
);

CREATE TABLE outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    organization_id UUID NOT NULL,
    topic TEXT NOT NULL,
    dedupe TEXT NOT NULL,
    payload JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    available_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE,
    lease_token INTEGER DEFAULT 0 NOT NULL,
    last_error TEXT DEFAULT '' NOT NULL,
    done_at TIMESTAMP WITH TIME ZONE,
    dead_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_outbox PRIMARY KEY (id),
    CONSTRAINT uq_outbox_topic_dedupe UNIQUE (topic, dedupe),
    CONSTRAINT ck_outbox_one_end CHECK (NOT (done_at IS NOT NULL AND dead_at IS NOT NULL)),
    CONSTRAINT ck_outbox_attempts CHECK (attempts BETWEEN 0 AND 20),
    CONSTRAINT fk_outbox_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE RESTRICT
);

CREATE INDEX ix_outbox_todo ON outbox (available_at) WHERE done_at IS NULL AND dead_at IS NULL;

CREATE TABLE payment_links (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    short_code TEXT NOT NULL,
    status TEXT DEFAULT 'NEW' NOT NULL,
    status_seq INTEGER DEFAULT 0 NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    description TEXT NOT NULL,
    reference TEXT DEFAULT '' NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    created_by UUID,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE,
    paid_at TIMESTAMP WITH TIME ZONE,
    closed_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_payment_links PRIMARY KEY (id),
    CONSTRAINT uq_payment_links_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT uq_payment_links_organization_id_id_currency UNIQUE (organization_id, id, currency),
    CONSTRAINT ck_payment_links_status_known CHECK (status IN ('NEW', 'DRAFT', 'OPEN', 'PAID', 'EXPIRED', 'CANCELED')),
    CONSTRAINT ck_payment_links_short_code_shape CHECK (short_code ~ '^[23456789BCDFGHJKMNPQRTVWXY]{8}$'),
    CONSTRAINT ck_payment_links_amount_minor CHECK (amount_minor BETWEEN 1 AND 99999999999),
    CONSTRAINT ck_payment_links_paid_at CHECK ((status = 'PAID') = (paid_at IS NOT NULL)),
    CONSTRAINT ck_payment_links_description_length CHECK (length(description) BETWEEN 1 AND 255),
    CONSTRAINT ck_payment_links_reference_length CHECK (length(reference) <= 255),
    CONSTRAINT ck_payment_links_currency_shape CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT fk_payment_links_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE RESTRICT,
    CONSTRAINT uq_payment_links_short_code UNIQUE (short_code),
    CONSTRAINT fk_payment_links_created_by FOREIGN KEY(created_by) REFERENCES users (id)
);

CREATE INDEX ix_payment_links_by_status ON payment_links (organization_id, status, created_at DESC, id DESC);

CREATE INDEX ix_payment_links_expiring ON payment_links (expires_at) WHERE status = 'OPEN' AND expires_at IS NOT NULL;

CREATE INDEX ix_payment_links_newest ON payment_links (organization_id, created_at DESC, id DESC);

CREATE TABLE user_sessions (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    organization_id UUID,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    user_agent TEXT DEFAULT '' NOT NULL,
    ip INET,
    CONSTRAINT pk_user_sessions PRIMARY KEY (id),
    CONSTRAINT fk_user_sessions_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT uq_user_sessions_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_user_sessions_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id)
);

CREATE INDEX ix_user_sessions_user_id ON user_sessions (user_id);

CREATE TABLE xero_connections (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    state TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_xero_connections PRIMARY KEY (id),
    CONSTRAINT uq_xero_connections_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT ck_xero_connections_state_known CHECK (state IN ('CONNECTED', 'NEEDS_RECONNECT', 'DISCONNECTED')),
    CONSTRAINT fk_xero_connections_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE RESTRICT
);

CREATE UNIQUE INDEX uq_xero_connections_one_live ON xero_connections (organization_id) WHERE state <> 'DISCONNECTED';

CREATE TABLE journals (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    kind TEXT NOT NULL,
    source_type TEXT NOT NULL,
    source_id UUID NOT NULL,
    currency VARCHAR(3) NOT NULL,
    effective_at TIMESTAMP WITH TIME ZONE NOT NULL,
    description TEXT NOT NULL,
    link_id UUID,
    reverses_id UUID,
    created_xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_journals PRIMARY KEY (id),
    CONSTRAINT uq_journals_source_type_source_id_kind UNIQUE (source_type, source_id, kind),
    CONSTRAINT uq_journals_organization_id_id_currency UNIQUE (organization_id, id, currency),
    CONSTRAINT uq_journals_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT uq_journals_reverses_id UNIQUE (reverses_id),
    CONSTRAINT fk_journals_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id),
    CONSTRAINT fk_journals_organization_id_reverses_id FOREIGN KEY(organization_id, reverses_id) REFERENCES journals (organization_id, id),
    CONSTRAINT ck_journals_kind_known CHECK (kind IN ('SALE', 'PAYMENT', 'CREDIT', 'FEE', 'CONVERSION_OUT', 'CONVERSION_IN', 'REVERSAL')),
    CONSTRAINT ck_journals_source_type_known CHECK (source_type IN ('SETTLEMENT', 'PAYMENT', 'BALANCE_TRANSACTION', 'JOURNAL')),
    CONSTRAINT ck_journals_currency_shape CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ck_journals_reversal CHECK ((kind = 'REVERSAL') = (reverses_id IS NOT NULL)),
    CONSTRAINT fk_journals_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE RESTRICT
);

CREATE INDEX ix_journals_by_link ON journals (organization_id, link_id);

CREATE INDEX ix_journals_newest ON journals (organization_id, effective_at DESC, id DESC);

CREATE TABLE link_status_events (
    link_id UUID NOT NULL,
    seq INTEGER NOT NULL,
    organization_id UUID NOT NULL,
    prev_seq INTEGER GENERATED ALWAYS AS (NULLIF(seq - 1, 0)) STORED,
    from_status TEXT NOT NULL,
    to_status TEXT NOT NULL,
    event TEXT NOT NULL,
    actor_type TEXT NOT NULL,
    actor_id UUID,
    reason TEXT DEFAULT '' NOT NULL,
    effective_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_link_status_events PRIMARY KEY (link_id, seq),
    CONSTRAINT uq_link_status_events_link_id_seq_to_status UNIQUE (link_id, seq, to_status),
    CONSTRAINT fk_link_status_events_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id),
    CONSTRAINT fk_link_status_events_from_status_to_status_event FOREIGN KEY(from_status, to_status, event) REFERENCES link_transitions (from_status, to_status, event),
    CONSTRAINT fk_link_status_events_link_id_prev_seq_from_status FOREIGN KEY(link_id, prev_seq, from_status) REFERENCES link_status_events (link_id, seq, to_status),
    CONSTRAINT ck_link_status_events_seq CHECK (seq >= 1),
    CONSTRAINT ck_link_status_events_first_step CHECK ((seq = 1) = (from_status = 'NEW')),
    CONSTRAINT ck_link_status_events_actor_type_known CHECK (actor_type IN ('USER', 'SYSTEM')),
    CONSTRAINT ck_link_status_events_actor CHECK ((actor_type = 'USER') = (actor_id IS NOT NULL)),
    CONSTRAINT ck_link_status_events_correction_has_person_and_reason CHECK (event NOT IN ('link.late_payment_accepted', 'link.marked_paid', 'link.mark_undone') OR (actor_type = 'USER' AND reason <> '')),
    CONSTRAINT fk_link_status_events_actor_id FOREIGN KEY(actor_id) REFERENCES users (id)
);

CREATE TABLE notifications (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    user_id UUID NOT NULL,
    kind TEXT NOT NULL,
    cause_id UUID NOT NULL,
    link_id UUID,
    data JSONB NOT NULL,
    muted BOOLEAN DEFAULT false NOT NULL,
    read_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_notifications PRIMARY KEY (id),
    CONSTRAINT uq_notifications_cause_id_kind_user_id UNIQUE (cause_id, kind, user_id),
    CONSTRAINT fk_notifications_organization_id_user_id FOREIGN KEY(organization_id, user_id) REFERENCES memberships (organization_id, user_id),
    CONSTRAINT fk_notifications_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id)
);

CREATE INDEX ix_notifications_newest ON notifications (organization_id, user_id, created_at DESC, id DESC);

CREATE TABLE payment_attempts (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    link_id UUID NOT NULL,
    number INTEGER NOT NULL,
    method TEXT NOT NULL,
    state TEXT DEFAULT 'STARTED' NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    idempotency_key TEXT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_payment_attempts PRIMARY KEY (id),
    CONSTRAINT uq_payment_attempts_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT uq_payment_attempts_organization_id_link_id_id UNIQUE (organization_id, link_id, id),
    CONSTRAINT uq_payment_attempts_link_id_number UNIQUE (link_id, number),
    CONSTRAINT uq_payment_attempts_idempotency_key UNIQUE (idempotency_key),
    CONSTRAINT fk_payment_attempts_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id),
    CONSTRAINT ck_payment_attempts_method_known CHECK (method IN ('CARD', 'HBAR', 'USDC', 'USDT', 'AUDD')),
    CONSTRAINT ck_payment_attempts_state_known CHECK (state IN ('STARTED', 'READY', 'FAILED')),
    CONSTRAINT ck_payment_attempts_amount_minor CHECK (amount_minor BETWEEN 1 AND 99999999999),
    CONSTRAINT ck_payment_attempts_currency_shape CHECK (currency ~ '^[A-Z]{3}$')
);

CREATE INDEX ix_payment_attempts_started ON payment_attempts (created_at) WHERE state = 'STARTED';

CREATE TABLE settlements (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    link_id UUID NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    settled_at TIMESTAMP WITH TIME ZONE NOT NULL,
    voided_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_settlements PRIMARY KEY (id),
    CONSTRAINT uq_settlements_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT uq_settlements_organization_id_id_currency UNIQUE (organization_id, id, currency),
    CONSTRAINT fk_settlements_organization_id_link_id_currency FOREIGN KEY(organization_id, link_id, currency) REFERENCES payment_links (organization_id, id, currency),
    CONSTRAINT ck_settlements_amount_minor CHECK (amount_minor BETWEEN 1 AND 99999999999)
);

CREATE INDEX ix_settlements_newest ON settlements (organization_id, settled_at DESC);

CREATE UNIQUE INDEX uq_settlements_one_live ON settlements (link_id) WHERE voided_at IS NULL;

CREATE TABLE xero_syncs (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    link_id UUID NOT NULL,
    kind TEXT NOT NULL,
    source_id UUID NOT NULL,
    state TEXT DEFAULT 'PENDING' NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    next_attempt_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp(),
    xero_document_id UUID,
    last_error TEXT DEFAULT '' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_xero_syncs PRIMARY KEY (id),
    CONSTRAINT uq_xero_syncs_link_id_kind_source_id UNIQUE (link_id, kind, source_id),
    CONSTRAINT uq_xero_syncs_organization_id_xero_document_id UNIQUE (organization_id, xero_document_id),
    CONSTRAINT fk_xero_syncs_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id),
    CONSTRAINT ck_xero_syncs_kind_known CHECK (kind IN ('INVOICE', 'PAYMENT', 'FEE', 'OVERPAYMENT', 'CREDIT_NOTE', 'REFUND_PAYMENT', 'DISPUTE')),
    CONSTRAINT ck_xero_syncs_state_known CHECK (state IN ('PENDING', 'RETRYING', 'SUCCESS', 'FAILED', 'SKIPPED')),
    CONSTRAINT ck_xero_syncs_attempts CHECK (attempts BETWEEN 0 AND 6),
    CONSTRAINT ck_xero_syncs_waiting CHECK ((next_attempt_at IS NOT NULL) = (state IN ('PENDING', 'RETRYING'))),
    CONSTRAINT ck_xero_syncs_document CHECK ((state = 'SUCCESS') = (xero_document_id IS NOT NULL))
);

CREATE INDEX ix_xero_syncs_due ON xero_syncs (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

CREATE TABLE checkout_sessions (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    link_id UUID NOT NULL,
    attempt_id UUID NOT NULL,
    provider_session_id TEXT NOT NULL,
    url TEXT,
    state TEXT NOT NULL,
    payment_status TEXT NOT NULL,
    payment_intent_id TEXT,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    livemode BOOLEAN NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    checks INTEGER DEFAULT 0 NOT NULL,
    next_check_at TIMESTAMP WITH TIME ZONE,
    decline_code TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_checkout_sessions PRIMARY KEY (id),
    CONSTRAINT uq_checkout_sessions_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT uq_checkout_sessions_provider_session_id UNIQUE (provider_session_id),
    CONSTRAINT uq_checkout_sessions_attempt_id UNIQUE (attempt_id),
    CONSTRAINT fk_checkout_sessions_organization_id_link_id_attempt_id FOREIGN KEY(organization_id, link_id, attempt_id) REFERENCES payment_attempts (organization_id, link_id, id),
    CONSTRAINT ck_checkout_sessions_state_known CHECK (state IN ('OPEN', 'COMPLETE', 'EXPIRED')),
    CONSTRAINT ck_checkout_sessions_amount_minor CHECK (amount_minor BETWEEN 1 AND 99999999999),
    CONSTRAINT ck_checkout_sessions_currency_shape CHECK (currency ~ '^[A-Z]{3}$')
);

CREATE INDEX ix_checkout_sessions_by_intent ON checkout_sessions (payment_intent_id) WHERE payment_intent_id IS NOT NULL;

CREATE INDEX ix_checkout_sessions_due ON checkout_sessions (next_check_at) WHERE next_check_at IS NOT NULL;

CREATE UNIQUE INDEX uq_checkout_sessions_one_open ON checkout_sessions (link_id) WHERE state = 'OPEN';

CREATE TABLE fx_snapshots (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    link_id UUID NOT NULL,
    settlement_id UUID,
    kind TEXT NOT NULL,
    asset TEXT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    state TEXT NOT NULL,
    rate NUMERIC(38, 18),
    source TEXT,
    as_of TIMESTAMP WITH TIME ZONE,
    fetched_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_fx_snapshots PRIMARY KEY (id),
    CONSTRAINT uq_fx_snapshots_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT fk_fx_snapshots_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id),
    CONSTRAINT fk_fx_snapshots_organization_id_settlement_id FOREIGN KEY(organization_id, settlement_id) REFERENCES settlements (organization_id, id),
    CONSTRAINT ck_fx_snapshots_kind_known CHECK (kind IN ('CREATION', 'SETTLEMENT')),
    CONSTRAINT ck_fx_snapshots_asset_known CHECK (asset IN ('HBAR', 'USDC', 'USDT', 'AUDD')),
    CONSTRAINT ck_fx_snapshots_state_known CHECK (state IN ('OK', 'UNAVAILABLE')),
    CONSTRAINT ck_fx_snapshots_settlement CHECK ((kind = 'SETTLEMENT') = (settlement_id IS NOT NULL)),
    CONSTRAINT ck_fx_snapshots_rate_missing CHECK ((state = 'UNAVAILABLE') = (rate IS NULL)),
    CONSTRAINT ck_fx_snapshots_evidence CHECK ((rate IS NULL) = (source IS NULL) AND (rate IS NULL) = (as_of IS NULL) AND (rate IS NULL) = (fetched_at IS NULL)),
    CONSTRAINT ck_fx_snapshots_rate_positive CHECK (rate > 0),
    CONSTRAINT ck_fx_snapshots_currency_shape CHECK (currency ~ '^[A-Z]{3}$')
);

CREATE INDEX ix_fx_snapshots_unavailable ON fx_snapshots (created_at) WHERE state = 'UNAVAILABLE';

CREATE UNIQUE INDEX uq_fx_snapshots_creation ON fx_snapshots (link_id, asset) WHERE kind = 'CREATION';

CREATE UNIQUE INDEX uq_fx_snapshots_settlement ON fx_snapshots (settlement_id, asset) WHERE kind = 'SETTLEMENT';

CREATE TABLE ledger_entries (
    journal_id UUID NOT NULL,
    line_no INTEGER NOT NULL,
    organization_id UUID NOT NULL,
    account_code TEXT NOT NULL,
    side TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    asset TEXT,
    asset_amount BIGINT,
    CONSTRAINT pk_ledger_entries PRIMARY KEY (journal_id, line_no),
    CONSTRAINT fk_ledger_entries_organization_id_journal_id_currency FOREIGN KEY(organization_id, journal_id, currency) REFERENCES journals (organization_id, id, currency),
    CONSTRAINT fk_ledger_entries_organization_id_account_code FOREIGN KEY(organization_id, account_code) REFERENCES accounts (organization_id, code),
    CONSTRAINT ck_ledger_entries_side_known CHECK (side IN ('DEBIT', 'CREDIT')),
    CONSTRAINT ck_ledger_entries_amount_minor CHECK (amount_minor BETWEEN 1 AND 99999999999),
    CONSTRAINT ck_ledger_entries_asset_pair CHECK ((asset IS NULL) = (asset_amount IS NULL)),
    CONSTRAINT ck_ledger_entries_asset_known CHECK (asset IN ('HBAR', 'USDC', 'USDT', 'AUDD'))
);

CREATE INDEX ix_ledger_entries_by_account ON ledger_entries (organization_id, account_code, currency, journal_id);

CREATE TABLE payments (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    link_id UUID,
    attempt_id UUID,
    provider TEXT NOT NULL,
    provider_reference TEXT NOT NULL,
    asset TEXT,
    asset_amount BIGINT,
    value_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    consensus_timestamp TEXT,
    payer TEXT,
    outcome TEXT NOT NULL,
    evidence JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_payments PRIMARY KEY (id),
    CONSTRAINT uq_payments_provider_provider_reference UNIQUE (provider, provider_reference),
    CONSTRAINT uq_payments_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT uq_payments_organization_id_id_currency UNIQUE (organization_id, id, currency),
    CONSTRAINT fk_payments_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id),
    CONSTRAINT fk_payments_organization_id_attempt_id FOREIGN KEY(organization_id, attempt_id) REFERENCES payment_attempts (organization_id, id),
    CONSTRAINT ck_payments_provider_known CHECK (provider IN ('STRIPE', 'HEDERA', 'MANUAL')),
    CONSTRAINT ck_payments_outcome_known CHECK (outcome IN ('SETTLED', 'EXCEPTION')),
    CONSTRAINT ck_payments_reference CHECK (provider_reference <> ''),
    CONSTRAINT ck_payments_value_minor CHECK (value_minor BETWEEN 1 AND 99999999999),
    CONSTRAINT ck_payments_asset_pair CHECK ((asset IS NULL) = (asset_amount IS NULL)),
    CONSTRAINT ck_payments_asset_amount CHECK (asset_amount IS NULL OR asset_amount > 0),
    CONSTRAINT ck_payments_asset_known CHECK (asset IN ('HBAR', 'USDC', 'USDT', 'AUDD')),
    CONSTRAINT ck_payments_currency_shape CHECK (currency ~ '^[A-Z]{3}$')
);

CREATE INDEX ix_payments_by_link ON payments (organization_id, link_id);

CREATE INDEX ix_payments_newest ON payments (organization_id, occurred_at DESC, id DESC);

CREATE TABLE balance_transactions (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    payment_id UUID NOT NULL,
    provider_id TEXT NOT NULL,
    type TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    fee_minor BIGINT NOT NULL,
    net_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    exchange_rate TEXT,
    available_on TIMESTAMP WITH TIME ZONE NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_balance_transactions PRIMARY KEY (id),
    CONSTRAINT uq_balance_transactions_provider_id UNIQUE (provider_id),
    CONSTRAINT uq_balance_transactions_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT fk_balance_transactions_organization_id_payment_id FOREIGN KEY(organization_id, payment_id) REFERENCES payments (organization_id, id),
    CONSTRAINT ck_balance_transactions_fee_minor CHECK (fee_minor >= 0),
    CONSTRAINT ck_balance_transactions_net_minor CHECK (net_minor = amount_minor - fee_minor),
    CONSTRAINT ck_balance_transactions_currency_shape CHECK (currency ~ '^[A-Z]{3}$')
);

CREATE INDEX ix_balance_transactions_by_payment ON balance_transactions (organization_id, payment_id);

CREATE TABLE payment_events (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    link_id UUID NOT NULL,
    payment_id UUID,
    kind TEXT NOT NULL,
    dedupe TEXT NOT NULL,
    data JSONB NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_payment_events PRIMARY KEY (id),
    CONSTRAINT uq_payment_events_link_id_kind_dedupe UNIQUE (link_id, kind, dedupe),
    CONSTRAINT fk_payment_events_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id),
    CONSTRAINT fk_payment_events_organization_id_payment_id FOREIGN KEY(organization_id, payment_id) REFERENCES payments (organization_id, id)
);

CREATE TABLE payment_exceptions (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    payment_id UUID NOT NULL,
    link_id UUID,
    kind TEXT NOT NULL,
    state TEXT DEFAULT 'OPEN' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    resolved_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_payment_exceptions PRIMARY KEY (id),
    CONSTRAINT uq_payment_exceptions_payment_id UNIQUE (payment_id),
    CONSTRAINT uq_payment_exceptions_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT fk_payment_exceptions_organization_id_payment_id FOREIGN KEY(organization_id, payment_id) REFERENCES payments (organization_id, id),
    CONSTRAINT fk_payment_exceptions_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id),
    CONSTRAINT ck_payment_exceptions_kind_known CHECK (kind IN ('DOUBLE', 'LATE', 'MISMATCH')),
    CONSTRAINT ck_payment_exceptions_state_known CHECK (state IN ('OPEN', 'RESOLVED')),
    CONSTRAINT ck_payment_exceptions_resolved CHECK ((state = 'RESOLVED') = (resolved_at IS NOT NULL))
);

CREATE INDEX ix_payment_exceptions_open ON payment_exceptions (organization_id, created_at DESC) WHERE state = 'OPEN';

CREATE TABLE settlement_parts (
    settlement_id UUID NOT NULL,
    payment_id UUID NOT NULL,
    organization_id UUID NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    CONSTRAINT pk_settlement_parts PRIMARY KEY (settlement_id, payment_id),
    CONSTRAINT fk_settlement_parts_organization_id_settlement_id_currency FOREIGN KEY(organization_id, settlement_id, currency) REFERENCES settlements (organization_id, id, currency),
    CONSTRAINT fk_settlement_parts_organization_id_payment_id_currency FOREIGN KEY(organization_id, payment_id, currency) REFERENCES payments (organization_id, id, currency),
    CONSTRAINT ck_settlement_parts_amount_minor CHECK (amount_minor BETWEEN 1 AND 99999999999)
);

CREATE INDEX ix_settlement_parts_payment_id ON settlement_parts (payment_id);

