-- Refunds in tokens: the merchant pays from a wallet of their own, under a memo that is used once, and the watcher sees it. Refunds of
-- payments that were marked by hand are only written down (docs/explanation/refunds-and-disputes.md).

-- A new foreign key is checked as the owner, whom the policies bind; the column is new and empty.
SELECT set_config('app.org_id', '00000000-0000-0000-0000-000000000000', true);

-- ---------------------------------------------------------------- what was agreed, and the transfer that did it
ALTER TABLE refunds
    ADD COLUMN asset TEXT,
    ADD COLUMN asset_amount BIGINT,
    ADD COLUMN recipient TEXT,
    ADD COLUMN memo TEXT,
    ADD COLUMN rate_choice TEXT,
    ADD COLUMN rate NUMERIC(38, 18),
    ADD COLUMN rate_source TEXT,
    ADD COLUMN rate_as_of TIMESTAMP WITH TIME ZONE,
    ADD COLUMN transfer_id UUID,
    ADD CONSTRAINT uq_refunds_memo UNIQUE (memo),
    ADD CONSTRAINT uq_refunds_transfer_id UNIQUE (transfer_id),
    ADD CONSTRAINT fk_refunds_organization_id_transfer_id FOREIGN KEY(organization_id, transfer_id) REFERENCES hedera_transfers (organization_id, id),
    ADD CONSTRAINT ck_refunds_tokens CHECK (num_nonnulls(asset, asset_amount, recipient, memo, rate_choice) = CASE provider WHEN 'HEDERA' THEN 5 ELSE 0 END
        AND (transfer_id IS NOT NULL) = (provider = 'HEDERA' AND state = 'SUCCEEDED') AND (provider <> 'HEDERA' OR NOT is_external)),
    ADD CONSTRAINT ck_refunds_asset_known CHECK (asset IN ('HBAR', 'USDC', 'USDT', 'AUDD')),
    ADD CONSTRAINT ck_refunds_asset_amount CHECK (asset_amount > 0),
    ADD CONSTRAINT ck_refunds_recipient_shape CHECK (recipient ~ '^[0-9]{1,5}\.[0-9]{1,5}\.[1-9][0-9]{0,18}$'),
    ADD CONSTRAINT ck_refunds_memo_shape CHECK (memo ~ '^R-[23456789BCDFGHJKMNPQRTVWXY]{8}$'),
    ADD CONSTRAINT ck_refunds_rate_choice_known CHECK (rate_choice IN ('RATE_THEN', 'RATE_NOW', 'SURPLUS_ONLY')),
    ADD CONSTRAINT ck_refunds_rate CHECK (rate > 0 AND num_nonnulls(rate, rate_source, rate_as_of) = CASE rate_choice WHEN 'RATE_NOW' THEN 3 ELSE 0 END
        AND (rate_choice IS DISTINCT FROM 'SURPLUS_ONLY' OR exception_id IS NOT NULL)),
    -- Nobody is asked about these: the watcher sees the tokens, and what was given back by hand is written down at once.
    DROP CONSTRAINT ck_refunds_next_check,
    ADD CONSTRAINT ck_refunds_next_check CHECK ((next_check_at IS NULL OR (provider = 'STRIPE' AND state IN ('SUBMITTED', 'PENDING', 'SUCCEEDED')))
        AND (state <> 'SUBMITTED' OR provider <> 'STRIPE' OR next_check_at IS NOT NULL)),
    ADD CONSTRAINT ck_refunds_by_hand CHECK (provider <> 'MANUAL' OR state IN ('CREATED', 'SUCCEEDED', 'CANCELED'));
CREATE INDEX ix_refunds_awaited ON refunds (organization_id) WHERE provider = 'HEDERA' AND state = 'SUBMITTED';
DROP TRIGGER frozen ON refunds;
CREATE TRIGGER frozen BEFORE UPDATE ON refunds FOR EACH ROW EXECUTE FUNCTION refuse_other_columns('provider_refund_id', 'state', 'pending_reason',
    'failure_code', 'approved_by', 'approved_at', 'occurred_at', 'checks', 'next_check_at', 'updated_at', 'transfer_id');

-- What is written down by hand has nobody to wait for; tokens that have left do not bounce.
CREATE OR REPLACE FUNCTION refund_goes_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND ((OLD.state, NEW.state) NOT IN (
        ('CREATED', 'SUBMITTED'), ('CREATED', 'SUCCEEDED'), ('CREATED', 'CANCELED'),
        ('SUBMITTED', 'PENDING'), ('SUBMITTED', 'SUCCEEDED'), ('SUBMITTED', 'FAILED'), ('SUBMITTED', 'CANCELED'),
        ('PENDING', 'SUCCEEDED'), ('PENDING', 'FAILED'), ('PENDING', 'CANCELED'), ('SUCCEEDED', 'FAILED'))
       OR (OLD.state = 'CREATED' AND NEW.state = 'SUCCEEDED' AND NEW.provider <> 'MANUAL')
       OR (NEW.state = 'FAILED' AND NEW.provider <> 'STRIPE')) THEN
        RAISE EXCEPTION 'refund % is %, not to become %', OLD.id, OLD.state, NEW.state USING ERRCODE = '55000';
    END IF;
    IF (OLD.provider_refund_id IS NOT NULL AND NEW.provider_refund_id IS DISTINCT FROM OLD.provider_refund_id)
       OR (OLD.transfer_id IS NOT NULL AND NEW.transfer_id IS DISTINCT FROM OLD.transfer_id)
       OR (OLD.approved_by IS NOT NULL AND (NEW.approved_by, NEW.approved_at) IS DISTINCT FROM (OLD.approved_by, OLD.approved_at)) THEN
        RAISE EXCEPTION 'what is known of refund % never changes', OLD.id USING ERRCODE = '55000';
    END IF;
    RETURN NEW;
END $$;

-- ---------------------------------------------------------------- tokens that went out otherwise than agreed
ALTER TABLE payment_exceptions
    DROP CONSTRAINT ck_payment_exceptions_kind_known,
    ADD CONSTRAINT ck_payment_exceptions_kind_known CHECK (kind IN ('DOUBLE', 'LATE', 'MISMATCH', 'SHORT', 'OVER', 'WRONG_TOKEN', 'UNCONFIRMED',
        'NO_MEMO', 'UNKNOWN_MEMO', 'UNKNOWN_TOKEN', 'UNVALUED', 'FAILED_REFUND', 'OVER_REFUNDED', 'REFUND_MISMATCH'));

CREATE OR REPLACE FUNCTION judge_exception() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.resolution_id IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM payment_resolutions r JOIN payment_exceptions x ON x.id = r.exception_id
                WHERE r.id = NEW.resolution_id AND r.action = 'MATCHED' AND x.payment_id = NEW.payment_id AND r.link_id = NEW.link_id
                AND (r.value_minor, r.value_currency, '2100') = (NEW.amount_minor, NEW.currency, NEW.held_in)) THEN
            RAISE EXCEPTION 'exception % is not what was matched', NEW.id USING ERRCODE = '23514';
        END IF;
    ELSIF NEW.payment_id IS NOT NULL AND NOT EXISTS (SELECT FROM payments p WHERE p.id = NEW.payment_id AND p.link_id IS NOT DISTINCT FROM NEW.link_id
            AND p.currency = NEW.currency AND NEW.held_in = CASE WHEN p.link_id IS NULL THEN '2190' ELSE '2100' END
            AND (CASE p.outcome WHEN 'EXCEPTION' THEN NEW.kind <> 'OVER' AND p.value_minor = NEW.amount_minor
                ELSE NEW.kind = 'OVER' AND p.value_minor > NEW.amount_minor END)) THEN
        RAISE EXCEPTION 'payment % is not held, so it is no exception', NEW.payment_id USING ERRCODE = '23514';
    END IF;
    IF NEW.kind = 'REFUND_MISMATCH' THEN
        IF NOT EXISTS (SELECT FROM hedera_transfers t JOIN refunds r ON r.organization_id = t.organization_id AND r.memo = memo_code(t.memo)
                WHERE t.id = NEW.transfer_id AND t.direction = 'OUT' AND r.transfer_id IS DISTINCT FROM t.id AND r.link_id IS NOT DISTINCT FROM NEW.link_id) THEN
            RAISE EXCEPTION 'transfer % did not go out for a refund', NEW.transfer_id USING ERRCODE = '23514';
        END IF;
    ELSIF NEW.transfer_id IS NOT NULL AND (NEW.kind NOT IN ('UNKNOWN_TOKEN', 'UNVALUED') OR NOT EXISTS (SELECT FROM hedera_transfers t
            WHERE t.id = NEW.transfer_id AND t.direction = 'IN' AND t.link_id IS NOT DISTINCT FROM NEW.link_id
            AND (t.asset IS NULL) = (NEW.kind = 'UNKNOWN_TOKEN'))) THEN
        RAISE EXCEPTION 'transfer % is not money that cannot be valued', NEW.transfer_id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

-- ---------------------------------------------------------------- never more than was received, and what was agreed (I-15, I-54)
CREATE OR REPLACE FUNCTION judge_refund() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE payment payments; going_back numeric; settled numeric; seen refunds;
BEGIN
    SELECT * INTO payment FROM payments WHERE id = NEW.payment_id;
    IF (payment.link_id, payment.provider) IS DISTINCT FROM (NEW.link_id, NEW.provider) THEN
        RAISE EXCEPTION 'refund % is not of its payment''s link and provider', NEW.id USING ERRCODE = '23514';
    END IF;
    IF NEW.exception_id IS NOT NULL AND NOT EXISTS (SELECT FROM payment_exceptions WHERE id = NEW.exception_id AND payment_id = NEW.payment_id) THEN
        RAISE EXCEPTION 'refund % gives back a credit that is not of its payment', NEW.id USING ERRCODE = '23514';
    END IF;
    -- What a provider reports is a fact, and an exception where it is too much; what we ask for is refused.
    IF TG_OP = 'INSERT' AND NOT NEW.is_external THEN
        SELECT coalesce((SELECT sum(amount_minor) FROM refunds WHERE payment_id = NEW.payment_id AND state NOT IN ('FAILED', 'CANCELED')), 0)
             + coalesce((SELECT sum(amount_minor) FROM disputes WHERE payment_id = NEW.payment_id AND state IN ('NEEDS_RESPONSE', 'UNDER_REVIEW', 'LOST')), 0)
            INTO going_back;
        IF going_back > payment.value_minor THEN
            RAISE EXCEPTION 'of payment % over % would % go back', payment.id, payment.value_minor, going_back USING ERRCODE = '23514';
        END IF;
        -- Held money goes back as the credit it is, and only that much of it; what was settled, as a refund.
        IF NEW.exception_id IS NOT NULL AND still_held(NEW.exception_id) < 0 THEN
            RAISE EXCEPTION 'of exception % would more go back than is held', NEW.exception_id USING ERRCODE = '23514';
        END IF;
        IF NEW.exception_id IS NULL THEN
            SELECT payment.value_minor - coalesce(sum(x.amount_minor), 0) + coalesce(sum(
                (SELECT sum(r.amount_minor) FROM payment_resolutions r JOIN settlements s ON s.id = r.settlement_id
                 WHERE r.exception_id = x.id AND s.voided_at IS NULL)), 0)
                INTO settled FROM payment_exceptions x WHERE x.payment_id = payment.id;
            SELECT sum(amount_minor) INTO going_back FROM refunds WHERE payment_id = payment.id AND exception_id IS NULL
                AND state NOT IN ('FAILED', 'CANCELED');
            IF going_back > settled THEN
                RAISE EXCEPTION 'of payment % only % has settled, and % would go back', payment.id, settled, going_back USING ERRCODE = '23514';
            END IF;
        END IF;
    END IF;
    -- Tokens are those of the payment, at its own rate rounded down, or at the rate that was agreed; a mark must stand that is given back.
    IF TG_OP = 'INSERT' AND NEW.provider = 'HEDERA' AND (payment.asset IS DISTINCT FROM NEW.asset
            OR (NEW.rate_choice <> 'RATE_NOW' AND NEW.asset_amount <> div(payment.asset_amount::numeric * NEW.amount_minor, payment.value_minor))) THEN
        RAISE EXCEPTION 'refund % is not of its payment''s tokens', NEW.id USING ERRCODE = '23514';
    END IF;
    IF TG_OP = 'INSERT' AND NEW.provider = 'MANUAL' AND NOT EXISTS (SELECT FROM settlement_parts part JOIN settlements s ON s.id = part.settlement_id
            WHERE part.payment_id = NEW.payment_id AND s.voided_at IS NULL) THEN
        RAISE EXCEPTION 'the mark of payment % was taken back', NEW.payment_id USING ERRCODE = '23514';
    END IF;
    SELECT * INTO seen FROM refunds WHERE id = NEW.id;
    IF NEW.provider IN ('HEDERA', 'MANUAL') AND (seen.state = 'SUCCEEDED') <>
            EXISTS (SELECT FROM journals WHERE source_type = 'REFUND' AND source_id = NEW.id AND kind = 'REFUND') THEN
        RAISE EXCEPTION 'refund % is % and its journal is not', NEW.id, seen.state USING ERRCODE = '23514';
    END IF;
    IF seen.transfer_id IS NOT NULL AND NOT EXISTS (SELECT FROM hedera_transfers t WHERE t.id = seen.transfer_id AND t.direction = 'OUT'
            AND t.asset = seen.asset AND t.amount = seen.asset_amount AND memo_code(t.memo) = seen.memo
            AND EXISTS (SELECT FROM jsonb_array_elements(t.evidence -> 'lines') AS line
                        WHERE line ->> 0 = seen.recipient AND (line ->> 1)::numeric = seen.asset_amount)) THEN
        RAISE EXCEPTION 'transfer % is not what refund % waited for', seen.transfer_id, NEW.id USING ERRCODE = '23514';
    END IF;
    IF EXISTS (SELECT FROM refunds r JOIN journals j ON j.source_type = 'REFUND' AND j.source_id = r.id AND j.kind = 'REFUND'
               WHERE r.id = NEW.id AND r.state IN ('FAILED', 'CANCELED') AND NOT EXISTS (SELECT FROM journals b WHERE b.reverses_id = j.id)) THEN
        RAISE EXCEPTION 'refund % did not go through and its journal stands', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

-- A mark of which money was given back stays.
CREATE OR REPLACE FUNCTION judge_voiding() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.voided_at IS NOT NULL THEN
        RAISE EXCEPTION 'settlement % is voided already', OLD.id USING ERRCODE = '55000';
    END IF;
    IF NOT EXISTS (SELECT FROM settlement_parts part JOIN payments p ON p.id = part.payment_id
                   WHERE part.settlement_id = NEW.id AND part.resolution_id IS NULL AND p.provider = 'MANUAL') THEN
        RAISE EXCEPTION 'settlement % is no mark by hand', NEW.id USING ERRCODE = '23514';
    END IF;
    IF EXISTS (SELECT FROM refunds r JOIN settlement_parts part ON part.payment_id = r.payment_id
               WHERE part.settlement_id = NEW.id AND r.provider = 'MANUAL' AND r.state NOT IN ('FAILED', 'CANCELED')) THEN
        RAISE EXCEPTION 'money of settlement % was given back', OLD.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;

-- ---------------------------------------------------------------- what tokens cost, and what that books (I-55)
-- What a pool holds, with nobody posting meanwhile: the books are taken as for closing them, until the commit.
CREATE FUNCTION token_pool(org uuid, account text, its_currency text) RETURNS TABLE (units numeric, minor numeric) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(books_key(org));
    RETURN QUERY SELECT coalesce(sum(CASE side WHEN 'DEBIT' THEN asset_amount ELSE -asset_amount END), 0),
            coalesce(sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END), 0)
        FROM ledger_entries WHERE organization_id = org AND account_code = account AND currency = its_currency AND asset IS NOT NULL;
END $$;

-- Their share of the pool rounded down, and all of it with the last; what the pool does not hold goes at the agreed value. A line of
-- the books has at least one minor unit.
CREATE FUNCTION average_cost(pool_units numeric, pool_minor numeric, out_units numeric, agreed_minor numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT greatest(1, CASE WHEN out_units < pool_units THEN div(pool_minor * out_units, pool_units)
        ELSE CASE WHEN pool_units > 0 THEN pool_minor ELSE 0 END + div(agreed_minor * (out_units - greatest(pool_units, 0)), out_units) END)
$$;

CREATE FUNCTION refund_shape(back refunds, journal uuid) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH pool AS (
        SELECT coalesce(sum(CASE side WHEN 'DEBIT' THEN asset_amount ELSE -asset_amount END), 0) AS units,
            coalesce(sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END), 0) AS minor
        FROM ledger_entries WHERE organization_id = back.organization_id AND account_code = clearing_account('HEDERA', back.asset)
            AND currency = back.currency AND asset IS NOT NULL AND journal_id <> journal),
    cost AS (
        SELECT CASE back.provider WHEN 'HEDERA' THEN average_cost(units, minor, back.asset_amount, back.amount_minor) ELSE back.amount_minor END AS minor
        FROM pool)
    SELECT string_agg(line, ', ' ORDER BY line) FROM (
        SELECT format('DEBIT %s %s', CASE WHEN back.exception_id IS NULL THEN '4090' ELSE '2100' END, back.amount_minor)
        UNION ALL SELECT format('CREDIT %s %s', clearing_account(back.provider, back.asset), minor)
            || coalesce(' ' || back.asset || ' ' || back.asset_amount, '') FROM cost
        UNION ALL SELECT format('CREDIT 7000 %s', back.amount_minor - minor) FROM cost WHERE minor < back.amount_minor
        UNION ALL SELECT format('DEBIT 7000 %s', minor - back.amount_minor) FROM cost WHERE minor > back.amount_minor) AS wanted (line)
$$;

CREATE OR REPLACE FUNCTION judge_processor_journal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    debit numeric;
    credit numeric;
    shape text;
    fits boolean;
BEGIN
    SELECT coalesce(sum(amount_minor) FILTER (WHERE side = 'DEBIT'), 0), coalesce(sum(amount_minor) FILTER (WHERE side = 'CREDIT'), 0),
           string_agg(format('%s %s %s', side, account_code, amount_minor), ', ' ORDER BY side DESC, account_code, amount_minor)
        INTO debit, credit, shape FROM ledger_entries WHERE journal_id = NEW.id;
    IF shape IS NULL OR debit <> credit THEN
        RAISE EXCEPTION 'journal % does not balance: debit %, credit %', NEW.id, debit, credit USING ERRCODE = '23514';
    END IF;
    IF NEW.source_type = 'BALANCE_TRANSACTION' THEN
        -- Money that comes in is converted out of the payment's currency into that of the settlement; money that goes back, the other way.
        SELECT CASE NEW.kind
                WHEN 'FEE' THEN b.dispute_id IS NULL AND b.currency = NEW.currency
                    AND shape = format(CASE WHEN b.fee_minor > 0 THEN 'DEBIT 6100 %1$s, CREDIT 1050 %1$s'
                                            ELSE 'DEBIT 1050 %1$s, CREDIT 6100 %1$s' END, abs(b.fee_minor))
                WHEN 'DISPUTE_FEE' THEN b.dispute_id IS NOT NULL AND b.currency = NEW.currency
                    AND shape = format(CASE WHEN b.fee_minor > 0 THEN 'DEBIT 6110 %1$s, CREDIT 1050 %1$s'
                                            ELSE 'DEBIT 1050 %1$s, CREDIT 6110 %1$s' END, abs(b.fee_minor))
                WHEN 'CONVERSION_OUT' THEN b.currency <> p.currency AND NEW.currency = CASE WHEN b.amount_minor < 0 THEN b.currency ELSE p.currency END
                    AND shape = format('DEBIT 1190 %1$s, CREDIT 1050 %1$s', CASE WHEN b.amount_minor < 0 THEN -b.amount_minor ELSE own.minor END)
                WHEN 'CONVERSION_IN' THEN b.currency <> p.currency AND NEW.currency = CASE WHEN b.amount_minor < 0 THEN p.currency ELSE b.currency END
                    AND shape = format('DEBIT 1050 %1$s, CREDIT 1190 %1$s', CASE WHEN b.amount_minor < 0 THEN own.minor ELSE b.amount_minor END)
                END
            INTO fits FROM balance_transactions b JOIN payments p ON p.id = b.payment_id
            LEFT JOIN refunds r ON r.id = b.refund_id LEFT JOIN disputes d ON d.id = b.dispute_id,
            LATERAL (SELECT coalesce(r.amount_minor, d.amount_minor, p.value_minor)) AS own (minor)
            WHERE b.id = NEW.source_id AND b.organization_id = NEW.organization_id AND p.link_id IS NOT DISTINCT FROM NEW.link_id;
    ELSIF NEW.source_type = 'REFUND' THEN
        SELECT CASE NEW.kind
                WHEN 'REFUND' THEN CASE WHEN r.provider <> 'STRIPE'
                    THEN r.state = 'SUCCEEDED' AND journal_shape(NEW.id, false) = refund_shape(r, NEW.id)
                    ELSE shape = format('DEBIT %s %s, CREDIT 1050 %2$s', account.code, r.amount_minor)
                    AND EXISTS (SELECT FROM balance_transactions WHERE refund_id = r.id AND type = 'refund') END
                WHEN 'REFUND_REVERSAL' THEN r.provider = 'STRIPE' AND shape = format('DEBIT 1050 %2$s, CREDIT %1$s %2$s', account.code, r.amount_minor)
                    AND r.state IN ('FAILED', 'CANCELED') AND EXISTS (SELECT FROM balance_transactions WHERE refund_id = r.id AND type = 'refund_failure')
                    AND EXISTS (SELECT FROM journals j WHERE j.id = NEW.reverses_id AND j.source_type = 'REFUND' AND j.source_id = r.id AND j.kind = 'REFUND')
                END
            INTO fits FROM refunds r, LATERAL (SELECT CASE WHEN r.exception_id IS NULL THEN '4090' ELSE '2100' END) AS account (code)
            WHERE r.id = NEW.source_id AND r.organization_id = NEW.organization_id AND r.link_id IS NOT DISTINCT FROM NEW.link_id
              AND r.currency = NEW.currency;
    ELSE
        SELECT CASE NEW.kind
                WHEN 'DISPUTE_WITHDRAWN' THEN shape = format('DEBIT 1210 %1$s, CREDIT 1050 %1$s', d.amount_minor)
                    AND EXISTS (SELECT FROM balance_transactions WHERE dispute_id = d.id AND type = 'dispute')
                WHEN 'DISPUTE_WON' THEN shape = format('DEBIT 1050 %1$s, CREDIT 1210 %1$s', d.amount_minor)
                    AND EXISTS (SELECT FROM balance_transactions WHERE dispute_id = d.id AND type = 'dispute_reversal')
                WHEN 'DISPUTE_LOST' THEN d.state = 'LOST'
                    AND shape = format('DEBIT %s %s, CREDIT 1210 %2$s', CASE WHEN d.exception_id IS NULL THEN '6110' ELSE '2100' END, d.amount_minor)
                    AND EXISTS (SELECT FROM journals j WHERE j.source_type = 'DISPUTE' AND j.source_id = d.id AND j.kind = 'DISPUTE_WITHDRAWN')
                END
            INTO fits FROM disputes d
            WHERE d.id = NEW.source_id AND d.organization_id = NEW.organization_id AND d.link_id IS NOT DISTINCT FROM NEW.link_id AND d.currency = NEW.currency;
    END IF;
    IF fits IS NOT TRUE THEN
        RAISE EXCEPTION 'journal % (%, %) is not what its source says: %', NEW.id, NEW.kind, NEW.currency, shape USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

-- ---------------------------------------------------------------- held money that has gone (I-13, I-39)
-- By card when Stripe's line says so, otherwise when it has succeeded.
CREATE FUNCTION given_back(credit uuid) RETURNS numeric LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce((SELECT sum(CASE b.type WHEN 'refund' THEN r.amount_minor ELSE -r.amount_minor END)
                     FROM refunds r JOIN balance_transactions b ON b.refund_id = r.id WHERE r.exception_id = credit), 0)
         + coalesce((SELECT sum(amount_minor) FROM refunds WHERE exception_id = credit AND provider <> 'STRIPE' AND state = 'SUCCEEDED'), 0)
$$;
CREATE OR REPLACE FUNCTION settle_credit(credit uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE held numeric;
BEGIN
    SELECT x.amount_minor - used_of(credit)
           - given_back(credit)
           - coalesce((SELECT sum(d.amount_minor) FROM disputes d WHERE d.exception_id = credit), 0)
        INTO held FROM payment_exceptions x WHERE x.id = credit;
    UPDATE payment_exceptions SET state = CASE WHEN held > 0 THEN 'OPEN' ELSE 'RESOLVED' END,
        resolved_at = CASE WHEN held > 0 THEN NULL ELSE clock_timestamp() END, version = version + 1
    WHERE id = credit AND state <> CASE WHEN held > 0 THEN 'OPEN' ELSE 'RESOLVED' END;
END $$;
CREATE FUNCTION tokens_go() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM settle_credit(NEW.exception_id);
    RETURN NULL;
END $$;
CREATE TRIGGER tokens_go AFTER UPDATE OF state ON refunds FOR EACH ROW
    WHEN (NEW.exception_id IS NOT NULL AND NEW.provider <> 'STRIPE' AND NEW.state = 'SUCCEEDED') EXECUTE FUNCTION tokens_go();

-- ---------------------------------------------------------------- grants
GRANT INSERT (asset, asset_amount, recipient, memo, rate_choice, rate, rate_source, rate_as_of) ON refunds TO provvypay_web, provvypay_worker;
GRANT UPDATE (transfer_id) ON refunds TO provvypay_web, provvypay_worker;
GRANT CREATE ON SCHEMA public TO provvypay_lookup;
ALTER FUNCTION given_back(uuid) OWNER TO provvypay_lookup;
ALTER FUNCTION refund_shape(refunds, uuid) OWNER TO provvypay_lookup;
ALTER FUNCTION tokens_go() OWNER TO provvypay_lookup;
REVOKE CREATE ON SCHEMA public FROM provvypay_lookup;
REVOKE ALL ON FUNCTION given_back(uuid), refund_shape(refunds, uuid), tokens_go(), token_pool(uuid, text, text),
    average_cost(numeric, numeric, numeric, numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION token_pool(uuid, text, text) TO provvypay_web, provvypay_worker;
GRANT EXECUTE ON FUNCTION average_cost(numeric, numeric, numeric, numeric) TO provvypay_web, provvypay_worker, provvypay_lookup;
