-- Rates from several sources (docs/explanation/money-and-fx.md): a far jump waits to be confirmed, a cross rate says what it was made
-- from, two days of accepted rates are kept, and each source is asked by one fetch at a time.

-- ---------------------------------------------------------------- accepted, and waiting to be confirmed
ALTER TABLE fx_rates
    ADD COLUMN made_from TEXT DEFAULT '' NOT NULL,
    ADD COLUMN held_rate NUMERIC(38, 18),
    ADD COLUMN held_source TEXT,
    ADD COLUMN held_as_of TIMESTAMP WITH TIME ZONE,
    ADD COLUMN held_fetched_at TIMESTAMP WITH TIME ZONE,
    ADD CONSTRAINT ck_fx_rates_made_from CHECK ((source = 'CROSS') = (made_from <> '')),
    ADD CONSTRAINT ck_fx_rates_held_positive CHECK (held_rate > 0),
    ADD CONSTRAINT ck_fx_rates_held_evidence CHECK ((held_rate IS NULL) = (held_source IS NULL) AND (held_rate IS NULL) = (held_as_of IS NULL)
        AND (held_rate IS NULL) = (held_fetched_at IS NULL));

-- ---------------------------------------------------------------- what was accepted in the last 48 hours
CREATE TABLE fx_rate_history (
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    asset TEXT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    rate NUMERIC(38, 18) NOT NULL,
    source TEXT NOT NULL,
    as_of TIMESTAMP WITH TIME ZONE NOT NULL,
    made_from TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_fx_rate_history PRIMARY KEY (fetched_at, asset, currency),
    CONSTRAINT ck_fx_rate_history_asset_known CHECK (asset IN ('HBAR', 'USDC', 'USDT', 'AUDD')),
    CONSTRAINT ck_fx_rate_history_rate_positive CHECK (rate > 0),
    CONSTRAINT ck_fx_rate_history_currency_shape CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ck_fx_rate_history_made_from CHECK ((source = 'CROSS') = (made_from <> ''))
);
CREATE INDEX ix_fx_rate_history_as_of ON fx_rate_history (asset, currency, as_of);

-- ---------------------------------------------------------------- who asks a source, and how it answered
CREATE TABLE fx_sources (
    source TEXT NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE,
    lease_token INTEGER DEFAULT 0 NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE,
    answered_at TIMESTAMP WITH TIME ZONE,
    failed_at TIMESTAMP WITH TIME ZONE,
    last_error TEXT DEFAULT '' NOT NULL,
    failures INTEGER DEFAULT 0 NOT NULL,
    not_before TIMESTAMP WITH TIME ZONE,
    hbar_usd NUMERIC(38, 18),
    hbar_usd_as_of TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_fx_sources PRIMARY KEY (source),
    CONSTRAINT ck_fx_sources_source_known CHECK (source IN ('COINGECKO', 'MIRROR_NODE')),
    CONSTRAINT ck_fx_sources_failures CHECK (failures >= 0),
    CONSTRAINT ck_fx_sources_hbar_usd_positive CHECK (hbar_usd > 0),
    CONSTRAINT ck_fx_sources_hbar_usd_evidence CHECK ((hbar_usd IS NULL) = (hbar_usd_as_of IS NULL))
);

-- ---------------------------------------------------------------- snapshots keep the same evidence (I-21)
ALTER TABLE fx_snapshots
    ADD COLUMN made_from TEXT DEFAULT '' NOT NULL,
    ADD CONSTRAINT ck_fx_snapshots_made_from CHECK ((source IS NOT DISTINCT FROM 'CROSS') = (made_from <> ''));
DROP TRIGGER frozen ON fx_snapshots;
CREATE TRIGGER frozen BEFORE UPDATE ON fx_snapshots FOR EACH ROW
    EXECUTE FUNCTION refuse_other_columns('state', 'rate', 'source', 'as_of', 'fetched_at', 'made_from');

-- ---------------------------------------------------------------- grants
GRANT SELECT ON fx_rate_history, fx_sources TO provvypay_web, provvypay_worker, provvypay_lookup;
-- History is no fact of anybody's money: the worker deletes what is older than two days.
GRANT INSERT, DELETE ON fx_rate_history TO provvypay_worker;
GRANT INSERT, UPDATE ON fx_sources TO provvypay_worker;
-- Missing rates are filled in by the function below alone.
REVOKE UPDATE (state, rate, source, as_of, fetched_at) ON fx_snapshots FROM provvypay_worker;
GRANT UPDATE (state, rate, source, as_of, fetched_at, made_from) ON fx_snapshots TO provvypay_lookup;

-- ---------------------------------------------------------------- the one sweep across organizations (I-30)
-- A rate of later says nothing about then: only one that was so within 15 minutes of the snapshot fills it, and the nearest one does.
CREATE FUNCTION fill_snapshots(most int)
    RETURNS int LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH near AS (
        SELECT s.id, h.rate, h.source, h.as_of, h.fetched_at, h.made_from
        FROM fx_snapshots s CROSS JOIN LATERAL (
            SELECT r.rate, r.source, r.as_of, r.fetched_at, r.made_from FROM fx_rate_history r
            WHERE r.asset = s.asset AND r.currency = s.currency
              AND r.as_of BETWEEN s.created_at - interval '15 minutes' AND s.created_at + interval '15 minutes'
            ORDER BY abs(extract(epoch FROM r.as_of - s.created_at)), r.fetched_at LIMIT 1) h
        WHERE s.state = 'UNAVAILABLE' AND s.created_at > clock_timestamp() - interval '48 hours'
        ORDER BY s.created_at LIMIT most FOR UPDATE OF s SKIP LOCKED
    ), filled AS (
        UPDATE fx_snapshots x SET state = 'OK', rate = n.rate, source = n.source, as_of = n.as_of, fetched_at = n.fetched_at, made_from = n.made_from
        FROM near n WHERE x.id = n.id RETURNING x.id)
    SELECT count(*)::int FROM filled;
$$;
GRANT CREATE ON SCHEMA public TO provvypay_lookup;
ALTER FUNCTION fill_snapshots(int) OWNER TO provvypay_lookup;
REVOKE ALL ON FUNCTION fill_snapshots(int) FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM provvypay_lookup;
GRANT EXECUTE ON FUNCTION fill_snapshots(int) TO provvypay_worker;
