-- Crypto on Hedera: whose account receives, which tokens may be offered, every credit as a row, and what was decided about money that
-- could not settle a link by itself (docs/explanation/crypto-payments.md).

-- A new foreign key of a table under row-level security is checked as the owner, whom the policies bind: they ask for an organization.
-- The columns it is about are new and empty, so that nobody's rows need to be seen.
SELECT set_config('app.org_id', '00000000-0000-0000-0000-000000000000', true);

-- ---------------------------------------------------------------- the asset registry
CREATE TABLE hedera_assets (
    network TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    asset TEXT NOT NULL,
    kind TEXT NOT NULL,
    symbol TEXT NOT NULL,
    decimals INTEGER NOT NULL,
    is_configured BOOLEAN DEFAULT true NOT NULL,
    state TEXT DEFAULT 'UNCHECKED' NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    checked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_hedera_assets PRIMARY KEY (network, entity_id),
    CONSTRAINT ck_hedera_assets_network_known CHECK (network IN ('mainnet', 'testnet', 'previewnet')),
    CONSTRAINT ck_hedera_assets_asset_known CHECK (asset IN ('HBAR', 'USDC', 'USDT', 'AUDD')),
    CONSTRAINT ck_hedera_assets_kind_known CHECK (kind IN ('native', 'hts', 'erc20')),
    CONSTRAINT ck_hedera_assets_state_known CHECK (state IN ('UNCHECKED', 'OK', 'MISMATCH')),
    CONSTRAINT ck_hedera_assets_entity CHECK ((kind = 'native') = (entity_id = 'HBAR')),
    CONSTRAINT ck_hedera_assets_decimals CHECK (decimals BETWEEN 0 AND 18),
    CONSTRAINT ck_hedera_assets_checked CHECK (state = 'UNCHECKED' OR checked_at IS NOT NULL)
);

-- ---------------------------------------------------------------- whose account receives (I-37)
CREATE TABLE hedera_accounts (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    network TEXT NOT NULL,
    account_id TEXT NOT NULL,
    evm_address TEXT,
    state TEXT DEFAULT 'ACTIVE' NOT NULL,
    checks JSONB DEFAULT '{}' NOT NULL,
    checked_at TIMESTAMP WITH TIME ZONE,
    created_by UUID,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    activated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    retired_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_hedera_accounts PRIMARY KEY (id),
    CONSTRAINT uq_hedera_accounts_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT uq_hedera_accounts_organization_id_network_account_id UNIQUE (organization_id, network, account_id),
    CONSTRAINT uq_hedera_accounts_organization_id_id_network_account_id UNIQUE (organization_id, id, network, account_id),
    CONSTRAINT fk_hedera_accounts_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE RESTRICT,
    CONSTRAINT fk_hedera_accounts_created_by FOREIGN KEY(created_by) REFERENCES users (id),
    CONSTRAINT ck_hedera_accounts_network_known CHECK (network IN ('mainnet', 'testnet', 'previewnet')),
    CONSTRAINT ck_hedera_accounts_account_shape CHECK (account_id ~ '^[0-9]{1,5}\.[0-9]{1,5}\.[1-9][0-9]{0,18}$'),
    CONSTRAINT ck_hedera_accounts_evm_shape CHECK (evm_address ~ '^0x[0-9a-f]{40}$'),
    CONSTRAINT ck_hedera_accounts_state_known CHECK (state IN ('ACTIVE', 'RETIRED')),
    CONSTRAINT ck_hedera_accounts_retired CHECK ((state = 'RETIRED') = (retired_at IS NOT NULL))
);
CREATE UNIQUE INDEX uq_hedera_accounts_one_owner ON hedera_accounts (network, account_id) WHERE state = 'ACTIVE';
CREATE UNIQUE INDEX uq_hedera_accounts_one_active ON hedera_accounts (organization_id, network) WHERE state = 'ACTIVE';

-- ---------------------------------------------------------------- how far each account has been read (I-25)
CREATE TABLE hedera_cursors (
    hedera_account_id UUID NOT NULL,
    organization_id UUID NOT NULL,
    network TEXT NOT NULL,
    account_id TEXT NOT NULL,
    seen_until TEXT NOT NULL,
    swept_at TIMESTAMP WITH TIME ZONE,
    next_poll_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    polled_at TIMESTAMP WITH TIME ZONE,
    failures INTEGER DEFAULT 0 NOT NULL,
    last_error TEXT DEFAULT '' NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE,
    lease_token INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT pk_hedera_cursors PRIMARY KEY (hedera_account_id),
    CONSTRAINT fk_hedera_cursors_account
        FOREIGN KEY(organization_id, hedera_account_id, network, account_id) REFERENCES hedera_accounts (organization_id, id, network, account_id),
    CONSTRAINT ck_hedera_cursors_seen_until_shape CHECK (seen_until ~ '^[0-9]{10}\.[0-9]{9}$'),
    CONSTRAINT ck_hedera_cursors_failures CHECK (failures >= 0)
);
CREATE INDEX ix_hedera_cursors_due ON hedera_cursors (next_poll_at);

CREATE FUNCTION cursor_goes_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the cursor of account % does not go back', OLD.account_id USING ERRCODE = '55000';
END $$;
CREATE TRIGGER forward BEFORE UPDATE ON hedera_cursors FOR EACH ROW
    WHEN (NEW.seen_until < OLD.seen_until OR NEW.lease_token < OLD.lease_token) EXECUTE FUNCTION cursor_goes_forward();

-- ---------------------------------------------------------------- every credit is a row, matched or not
CREATE TABLE hedera_transfers (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    hedera_account_id UUID NOT NULL,
    network TEXT NOT NULL,
    account_id TEXT NOT NULL,
    direction TEXT NOT NULL,
    consensus_timestamp TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    nonce INTEGER NOT NULL,
    scheduled BOOLEAN NOT NULL,
    name TEXT NOT NULL,
    result TEXT NOT NULL,
    kind TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    asset TEXT,
    amount NUMERIC(78, 0) NOT NULL,
    memo TEXT,
    memo_base64 TEXT DEFAULT '' NOT NULL,
    payer TEXT,
    sender TEXT,
    link_id UUID,
    concern TEXT,
    found_by TEXT NOT NULL,
    evidence JSONB NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_hedera_transfers PRIMARY KEY (id),
    CONSTRAINT uq_hedera_transfers_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT uq_hedera_transfers_record UNIQUE (network, consensus_timestamp, account_id, entity_id),
    CONSTRAINT uq_hedera_transfers_transaction UNIQUE (network, transaction_id, nonce, scheduled, account_id, entity_id),
    CONSTRAINT fk_hedera_transfers_account FOREIGN KEY(organization_id, hedera_account_id, network, account_id)
        REFERENCES hedera_accounts (organization_id, id, network, account_id),
    CONSTRAINT fk_hedera_transfers_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id),
    CONSTRAINT ck_hedera_transfers_direction_known CHECK (direction IN ('IN', 'OUT', 'SELF')),
    CONSTRAINT ck_hedera_transfers_consensus_shape CHECK (consensus_timestamp ~ '^[0-9]{10}\.[0-9]{9}$'),
    CONSTRAINT ck_hedera_transfers_transaction_shape CHECK (transaction_id ~ '^[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,19}-[0-9]{1,12}-[0-9]{9}$'),
    CONSTRAINT ck_hedera_transfers_nonce CHECK (nonce >= 0),
    CONSTRAINT ck_hedera_transfers_result CHECK (result = 'SUCCESS'),
    CONSTRAINT ck_hedera_transfers_kind_known CHECK (kind IN ('native', 'hts', 'erc20', 'nft')),
    CONSTRAINT ck_hedera_transfers_asset_known CHECK (asset IN ('HBAR', 'USDC', 'USDT', 'AUDD')),
    CONSTRAINT ck_hedera_transfers_amount CHECK (amount > 0 AND (asset IS NULL OR amount <= 9223372036854775807)),
    CONSTRAINT ck_hedera_transfers_entity CHECK ((kind = 'native') = (entity_id = 'HBAR')),
    CONSTRAINT ck_hedera_transfers_concern_known CHECK (concern IN ('CHILD', 'CONTRACT', 'AIRDROP', 'BATCH', 'DOUBLED_LINES', 'OTHER_KIND', 'FOREIGN_MEMO')),
    CONSTRAINT ck_hedera_transfers_found_by_known CHECK (found_by IN ('POLL', 'SWEEP', 'CLAIM'))
);
CREATE INDEX ix_hedera_transfers_newest ON hedera_transfers (organization_id, consensus_timestamp DESC);
CREATE INDEX ix_hedera_transfers_by_link ON hedera_transfers (organization_id, link_id) WHERE link_id IS NOT NULL;

-- ---------------------------------------------------------------- a quote is an attempt to pay by token
ALTER TABLE payment_attempts
    ADD COLUMN asset_amount BIGINT,
    ADD COLUMN rate NUMERIC(38, 18),
    ADD COLUMN rate_source TEXT,
    ADD COLUMN rate_as_of TIMESTAMP WITH TIME ZONE,
    ADD COLUMN rate_made_from TEXT DEFAULT '' NOT NULL,
    ADD COLUMN hedera_account_id UUID,
    ADD COLUMN entity_id TEXT,
    ADD CONSTRAINT ck_payment_attempts_quote CHECK (num_nonnulls(asset_amount, rate, rate_source, rate_as_of, hedera_account_id, entity_id)
        = CASE method WHEN 'CARD' THEN 0 ELSE 6 END),
    ADD CONSTRAINT ck_payment_attempts_asset_amount CHECK (asset_amount > 0),
    ADD CONSTRAINT ck_payment_attempts_rate CHECK (rate > 0),
    ADD CONSTRAINT fk_payment_attempts_organization_id_hedera_account_id FOREIGN KEY(organization_id, hedera_account_id)
        REFERENCES hedera_accounts (organization_id, id);
CREATE INDEX ix_payment_attempts_quotes ON payment_attempts (hedera_account_id, link_id) WHERE hedera_account_id IS NOT NULL;

-- ---------------------------------------------------------------- what a customer says they have paid
CREATE TABLE transfer_claims (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    link_id UUID NOT NULL,
    network TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    state TEXT DEFAULT 'PENDING' NOT NULL,
    answer TEXT DEFAULT '' NOT NULL,
    checks INTEGER DEFAULT 0 NOT NULL,
    next_check_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp(),
    transfer_id UUID,
    source TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_transfer_claims PRIMARY KEY (id),
    CONSTRAINT uq_transfer_claims_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT uq_transfer_claims_link_id_transaction_id UNIQUE (link_id, transaction_id),
    CONSTRAINT fk_transfer_claims_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id),
    CONSTRAINT fk_transfer_claims_organization_id_transfer_id FOREIGN KEY(organization_id, transfer_id) REFERENCES hedera_transfers (organization_id, id),
    CONSTRAINT ck_transfer_claims_network_known CHECK (network IN ('mainnet', 'testnet', 'previewnet')),
    CONSTRAINT ck_transfer_claims_transaction_shape CHECK (transaction_id ~ '^[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,19}-[0-9]{1,12}-[0-9]{9}$'),
    CONSTRAINT ck_transfer_claims_state_known CHECK (state IN ('PENDING', 'ATTACHED', 'REFUSED')),
    CONSTRAINT ck_transfer_claims_waiting CHECK ((state = 'PENDING') = (next_check_at IS NOT NULL)),
    CONSTRAINT ck_transfer_claims_source_known CHECK (source IN ('CUSTOMER', 'WALLET', 'MERCHANT'))
);
CREATE INDEX ix_transfer_claims_due ON transfer_claims (next_check_at) WHERE next_check_at IS NOT NULL;

-- ---------------------------------------------------------------- what an organization chose
ALTER TABLE merchant_settings
    ADD COLUMN accepted_assets TEXT[] DEFAULT '{HBAR,USDC,USDT,AUDD}' NOT NULL,
    ADD COLUMN hbar_tolerance_bp INTEGER DEFAULT 50 NOT NULL,
    ADD COLUMN token_tolerance_bp INTEGER DEFAULT 10 NOT NULL,
    ADD CONSTRAINT ck_merchant_settings_accepted_assets CHECK (accepted_assets <@ ARRAY['HBAR', 'USDC', 'USDT', 'AUDD']),
    ADD CONSTRAINT ck_merchant_settings_hbar_tolerance CHECK (hbar_tolerance_bp BETWEEN 0 AND 500),
    ADD CONSTRAINT ck_merchant_settings_token_tolerance CHECK (token_tolerance_bp BETWEEN 0 AND 500);

-- ---------------------------------------------------------------- money from Hedera is a payment that names its transfer (I-17)
ALTER TABLE payments
    ADD COLUMN transfer_id UUID,
    ADD CONSTRAINT uq_payments_transfer_id UNIQUE (transfer_id),
    ADD CONSTRAINT fk_payments_organization_id_transfer_id FOREIGN KEY(organization_id, transfer_id) REFERENCES hedera_transfers (organization_id, id),
    ADD CONSTRAINT ck_payments_transfer CHECK ((provider = 'HEDERA') = (transfer_id IS NOT NULL));

-- ---------------------------------------------------------------- money that needs a person: how much, and where it stands
ALTER TABLE payment_exceptions
    ALTER COLUMN payment_id DROP NOT NULL,
    ADD COLUMN transfer_id UUID,
    ADD COLUMN suggested_link_id UUID,
    ADD COLUMN amount_minor BIGINT,
    ADD COLUMN currency VARCHAR(3),
    ADD COLUMN held_in TEXT;
ALTER TABLE payment_exceptions DISABLE TRIGGER frozen;
-- Row-level security binds the owner too; this runs once, as the role it does not bind.
CREATE FUNCTION fill_exceptions() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE payment_exceptions e SET amount_minor = p.value_minor, currency = p.currency, held_in = '2100'
    FROM payments p WHERE p.id = e.payment_id AND p.organization_id = e.organization_id
$$;
GRANT CREATE ON SCHEMA public TO provvypay_lookup;
GRANT UPDATE ON payment_exceptions TO provvypay_lookup;
ALTER FUNCTION fill_exceptions() OWNER TO provvypay_lookup;
SELECT fill_exceptions();
DROP FUNCTION fill_exceptions();
REVOKE UPDATE ON payment_exceptions FROM provvypay_lookup;
REVOKE CREATE ON SCHEMA public FROM provvypay_lookup;
ALTER TABLE payment_exceptions ENABLE TRIGGER frozen;
ALTER TABLE payment_exceptions
    ADD CONSTRAINT uq_payment_exceptions_transfer_id UNIQUE (transfer_id),
    ADD CONSTRAINT fk_payment_exceptions_organization_id_transfer_id FOREIGN KEY(organization_id, transfer_id)
        REFERENCES hedera_transfers (organization_id, id),
    ADD CONSTRAINT fk_payment_exceptions_organization_id_suggested_link_id FOREIGN KEY(organization_id, suggested_link_id)
        REFERENCES payment_links (organization_id, id),
    -- Money that could not be valued is held by its transfer, booked nowhere yet; all else by its payment, in 2100 or 2190.
    ADD CONSTRAINT ck_payment_exceptions_held CHECK ((payment_id IS NOT NULL) <> (transfer_id IS NOT NULL)
        AND num_nonnulls(amount_minor, currency, held_in) = CASE WHEN payment_id IS NULL THEN 0 ELSE 3 END),
    ADD CONSTRAINT ck_payment_exceptions_held_in_known CHECK (held_in IN ('2100', '2190')),
    ADD CONSTRAINT ck_payment_exceptions_amount_minor CHECK (amount_minor BETWEEN 1 AND 99999999999),
    DROP CONSTRAINT ck_payment_exceptions_kind_known,
    ADD CONSTRAINT ck_payment_exceptions_kind_known CHECK (kind IN ('DOUBLE', 'LATE', 'MISMATCH', 'SHORT', 'OVER', 'WRONG_TOKEN', 'UNCONFIRMED',
        'NO_MEMO', 'UNKNOWN_MEMO', 'UNKNOWN_TOKEN', 'UNVALUED'));

-- What was decided about it: one row for each decision, never changed.
CREATE TABLE payment_resolutions (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    exception_id UUID NOT NULL,
    action TEXT NOT NULL,
    amount_minor BIGINT,
    currency VARCHAR(3),
    settlement_id UUID,
    payment_id UUID,
    actor_type TEXT NOT NULL,
    actor_id UUID,
    reason TEXT DEFAULT '' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_payment_resolutions PRIMARY KEY (id),
    CONSTRAINT uq_payment_resolutions_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT fk_payment_resolutions_organization_id_exception_id FOREIGN KEY(organization_id, exception_id)
        REFERENCES payment_exceptions (organization_id, id),
    CONSTRAINT fk_payment_resolutions_organization_id_settlement_id FOREIGN KEY(organization_id, settlement_id)
        REFERENCES settlements (organization_id, id),
    CONSTRAINT fk_payment_resolutions_organization_id_payment_id FOREIGN KEY(organization_id, payment_id) REFERENCES payments (organization_id, id),
    CONSTRAINT fk_payment_resolutions_actor_id FOREIGN KEY(actor_id) REFERENCES users (id) ON DELETE RESTRICT,
    -- COMPLETED: the part was used by the settlement that a later payment completed. VALUED: a rate came, and the money became a payment.
    CONSTRAINT ck_payment_resolutions_action_known CHECK (action IN ('COMPLETED', 'VALUED')),
    CONSTRAINT ck_payment_resolutions_amount CHECK ((amount_minor IS NULL) = (currency IS NULL) AND amount_minor BETWEEN 1 AND 99999999999),
    CONSTRAINT ck_payment_resolutions_effect CHECK (CASE action WHEN 'COMPLETED' THEN settlement_id IS NOT NULL AND payment_id IS NULL AND amount_minor IS NOT NULL
        ELSE settlement_id IS NULL AND payment_id IS NOT NULL AND amount_minor IS NULL END),
    CONSTRAINT ck_payment_resolutions_actor CHECK (actor_type IN ('USER', 'SYSTEM') AND (actor_type = 'USER') = (actor_id IS NOT NULL))
);
CREATE INDEX ix_payment_resolutions_by_exception ON payment_resolutions (exception_id);
CREATE INDEX ix_payment_resolutions_by_settlement ON payment_resolutions (settlement_id) WHERE settlement_id IS NOT NULL;

-- ---------------------------------------------------------------- a settlement carried by parts, short within tolerance, over by rounding
ALTER TABLE settlements
    ADD COLUMN written_off_minor BIGINT DEFAULT 0 NOT NULL,
    ADD COLUMN rounded_off_minor BIGINT DEFAULT 0 NOT NULL,
    ADD CONSTRAINT ck_settlements_differences CHECK (written_off_minor >= 0 AND rounded_off_minor >= 0 AND written_off_minor < amount_minor
        AND (written_off_minor = 0 OR rounded_off_minor = 0));
ALTER TABLE settlement_parts
    ADD COLUMN resolution_id UUID,
    ADD CONSTRAINT uq_settlement_parts_resolution_id UNIQUE (resolution_id),
    ADD CONSTRAINT fk_settlement_parts_organization_id_resolution_id FOREIGN KEY(organization_id, resolution_id)
        REFERENCES payment_resolutions (organization_id, id);

ALTER TABLE journals
    DROP CONSTRAINT ck_journals_kind_known,
    ADD CONSTRAINT ck_journals_kind_known CHECK (kind IN ('SALE', 'PAYMENT', 'CREDIT', 'SUSPENSE', 'FEE', 'CONVERSION_OUT', 'CONVERSION_IN', 'REVERSAL'));

-- ---------------------------------------------------------------- rows stay, facts stay
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['hedera_transfers', 'payment_resolutions']
    LOOP
        EXECUTE format('CREATE TRIGGER facts_stay BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('CREATE TRIGGER facts_stay_all BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['hedera_accounts', 'hedera_cursors', 'transfer_claims']
    LOOP
        EXECUTE format('CREATE TRIGGER rows_stay BEFORE DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('CREATE TRIGGER rows_stay_all BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['hedera_accounts', 'hedera_cursors', 'hedera_transfers', 'transfer_claims', 'payment_resolutions']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (organization_id = current_setting(''app.org_id'')::uuid) '
                       'WITH CHECK (organization_id = current_setting(''app.org_id'')::uuid)', name);
    END LOOP;
END $$;
CREATE TRIGGER frozen BEFORE UPDATE ON hedera_accounts FOR EACH ROW
    EXECUTE FUNCTION refuse_other_columns('state', 'checks', 'checked_at', 'activated_at', 'retired_at', 'evm_address');
CREATE TRIGGER frozen BEFORE UPDATE ON transfer_claims FOR EACH ROW
    EXECUTE FUNCTION refuse_other_columns('state', 'answer', 'checks', 'next_check_at', 'transfer_id', 'updated_at');

-- ---------------------------------------------------------------- look-ups across organizations (I-30)
-- Who else receives on this account: active, or still watched by us for links that showed it.
CREATE FUNCTION hedera_account_is_taken(its_network text, its_account text)
    RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM hedera_accounts a WHERE a.network = its_network AND a.account_id = its_account
        AND a.organization_id <> current_setting('app.org_id')::uuid
        AND (a.state = 'ACTIVE' OR EXISTS (SELECT FROM payment_attempts q JOIN payment_links l ON l.id = q.link_id
            WHERE q.hedera_account_id = a.id AND l.status = 'OPEN')));
$$;

-- Accounts whose time to be asked has come, each leased to one worker.
CREATE FUNCTION claim_hedera_accounts(its_network text, most int, lease_seconds int)
    RETURNS TABLE (organization_id uuid, hedera_account_id uuid, account_id text, seen_until text, swept_at timestamptz, lease_token int, failures int)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH claimed AS (
        SELECT c.hedera_account_id FROM hedera_cursors c
        WHERE c.network = its_network AND c.next_poll_at <= clock_timestamp() AND (c.lease_until IS NULL OR c.lease_until < clock_timestamp())
        ORDER BY c.next_poll_at LIMIT most FOR UPDATE SKIP LOCKED)
    UPDATE hedera_cursors c SET lease_until = clock_timestamp() + make_interval(secs => lease_seconds), lease_token = c.lease_token + 1
    FROM claimed WHERE c.hedera_account_id = claimed.hedera_account_id
    RETURNING c.organization_id, c.hedera_account_id, c.account_id, c.seen_until, c.swept_at, c.lease_token, c.failures;
$$;

CREATE FUNCTION due_transfer_claims(most int)
    RETURNS TABLE (organization_id uuid, claim_id uuid) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.organization_id, c.id FROM transfer_claims c
    WHERE c.next_check_at <= clock_timestamp() ORDER BY c.next_check_at LIMIT most;
$$;

-- ---------------------------------------------------------------- grants
GRANT SELECT ON hedera_assets, hedera_accounts, hedera_cursors, hedera_transfers, transfer_claims, payment_resolutions
    TO provvypay_web, provvypay_worker, provvypay_lookup;
GRANT INSERT, UPDATE ON hedera_assets TO provvypay_worker;
GRANT INSERT (id, organization_id, network, account_id, evm_address, checks, checked_at, created_by),
    UPDATE (state, checks, checked_at, activated_at, retired_at, evm_address) ON hedera_accounts TO provvypay_web;
GRANT UPDATE (checks, checked_at, evm_address) ON hedera_accounts TO provvypay_worker;
GRANT INSERT (hedera_account_id, organization_id, network, account_id, seen_until), UPDATE (next_poll_at) ON hedera_cursors TO provvypay_web;
GRANT UPDATE (seen_until, swept_at, next_poll_at, polled_at, failures, last_error, lease_until, lease_token) ON hedera_cursors TO provvypay_worker;
GRANT UPDATE (lease_until, lease_token) ON hedera_cursors TO provvypay_lookup;
GRANT INSERT (id, organization_id, hedera_account_id, network, account_id, direction, consensus_timestamp, transaction_id, nonce, scheduled, name, result,
    kind, entity_id, asset, amount, memo, memo_base64, payer, sender, link_id, concern, found_by, evidence) ON hedera_transfers
    TO provvypay_web, provvypay_worker;
GRANT INSERT (id, organization_id, link_id, network, transaction_id, source), UPDATE (state, answer, checks, next_check_at, transfer_id, updated_at)
    ON transfer_claims TO provvypay_web, provvypay_worker;
GRANT INSERT (id, organization_id, exception_id, action, amount_minor, currency, settlement_id, payment_id, actor_type, actor_id, reason)
    ON payment_resolutions TO provvypay_web, provvypay_worker;
GRANT INSERT (state, asset_amount, rate, rate_source, rate_as_of, rate_made_from, hedera_account_id, entity_id) ON payment_attempts
    TO provvypay_web, provvypay_worker;
GRANT UPDATE (crypto_enabled, accepted_assets, hbar_tolerance_bp, token_tolerance_bp, quote_window_seconds, late_grace_seconds) ON merchant_settings
    TO provvypay_web;

GRANT CREATE ON SCHEMA public TO provvypay_lookup;
DO $$
DECLARE f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname = 'public' AND p.proname IN ('hedera_account_is_taken', 'claim_hedera_accounts', 'due_transfer_claims')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO provvypay_lookup', f);
    END LOOP;
END $$;
REVOKE CREATE ON SCHEMA public FROM provvypay_lookup;
REVOKE ALL ON FUNCTION cursor_goes_forward(), hedera_account_is_taken(text, text), claim_hedera_accounts(text, int, int), due_transfer_claims(int)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hedera_account_is_taken(text, text) TO provvypay_web;
GRANT EXECUTE ON FUNCTION claim_hedera_accounts(text, int, int), due_transfer_claims(int) TO provvypay_worker;
