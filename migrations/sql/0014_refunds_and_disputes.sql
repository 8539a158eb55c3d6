-- Money that goes back: refunds we ask for or are told of, disputes, and what both book (docs/explanation/refunds-and-disputes.md).

-- A new foreign key of a table under row-level security is checked as the owner, whom the policies bind: they ask for an organization.
-- The columns it is about are new and empty, so that nobody's rows need to be seen.
SELECT set_config('app.org_id', '00000000-0000-0000-0000-000000000000', true);

-- ---------------------------------------------------------------- the rows
-- The row is there before the vendor is called, and its id is the key of that call.
CREATE TABLE refunds (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    payment_id UUID NOT NULL,
    link_id UUID,
    provider TEXT NOT NULL,
    provider_refund_id TEXT,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    exception_id UUID,
    state TEXT DEFAULT 'CREATED' NOT NULL,
    is_external BOOLEAN DEFAULT false NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    note TEXT DEFAULT '' NOT NULL,
    pending_reason TEXT,
    failure_code TEXT,
    requested_by UUID,
    approved_by UUID,
    approved_at TIMESTAMP WITH TIME ZONE,
    occurred_at TIMESTAMP WITH TIME ZONE,
    checks INTEGER DEFAULT 0 NOT NULL,
    next_check_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_refunds PRIMARY KEY (id),
    CONSTRAINT uq_refunds_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT uq_refunds_organization_id_payment_id_id UNIQUE (organization_id, payment_id, id),
    CONSTRAINT uq_refunds_provider_provider_refund_id UNIQUE (provider, provider_refund_id),
    CONSTRAINT fk_refunds_organization_id_payment_id_currency FOREIGN KEY(organization_id, payment_id, currency)
        REFERENCES payments (organization_id, id, currency),
    CONSTRAINT fk_refunds_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id),
    CONSTRAINT fk_refunds_organization_id_exception_id FOREIGN KEY(organization_id, exception_id) REFERENCES payment_exceptions (organization_id, id),
    CONSTRAINT fk_refunds_requested_by FOREIGN KEY(requested_by) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT fk_refunds_approved_by FOREIGN KEY(approved_by) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT ck_refunds_provider_known CHECK (provider IN ('STRIPE', 'HEDERA', 'MANUAL')),
    CONSTRAINT ck_refunds_state_known CHECK (state IN ('CREATED', 'SUBMITTED', 'PENDING', 'SUCCEEDED', 'FAILED', 'CANCELED')),
    CONSTRAINT ck_refunds_amount_minor CHECK (amount_minor BETWEEN 1 AND 99999999999),
    CONSTRAINT ck_refunds_currency_shape CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ck_refunds_provider_refund_id CHECK (provider_refund_id <> '' AND (state <> 'CREATED' OR provider_refund_id IS NULL)
        AND (provider <> 'STRIPE' OR state NOT IN ('PENDING', 'SUCCEEDED') OR provider_refund_id IS NOT NULL)),
    -- What was made elsewhere has nobody here who asked for it; what was asked for here is sent when somebody who may has said yes.
    CONSTRAINT ck_refunds_external CHECK (is_external = (requested_by IS NULL) AND (NOT is_external OR provider_refund_id IS NOT NULL)),
    CONSTRAINT ck_refunds_approved CHECK ((approved_by IS NULL) = (approved_at IS NULL)
        AND (is_external OR approved_by IS NOT NULL OR state IN ('CREATED', 'CANCELED'))),
    CONSTRAINT ck_refunds_next_check CHECK ((next_check_at IS NULL OR state IN ('SUBMITTED', 'PENDING', 'SUCCEEDED'))
        AND (state <> 'SUBMITTED' OR next_check_at IS NOT NULL))
);
CREATE INDEX ix_refunds_by_payment ON refunds (payment_id);
CREATE INDEX ix_refunds_by_link ON refunds (organization_id, link_id);
CREATE INDEX ix_refunds_by_exception ON refunds (exception_id) WHERE exception_id IS NOT NULL;
CREATE INDEX ix_refunds_due ON refunds (next_check_at) WHERE next_check_at IS NOT NULL;

CREATE TABLE disputes (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    payment_id UUID NOT NULL,
    link_id UUID,
    provider TEXT NOT NULL,
    provider_dispute_id TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    state TEXT NOT NULL,
    is_inquiry BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    exception_id UUID,
    evidence_due_by TIMESTAMP WITH TIME ZONE,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_disputes PRIMARY KEY (id),
    CONSTRAINT uq_disputes_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT uq_disputes_organization_id_payment_id_id UNIQUE (organization_id, payment_id, id),
    CONSTRAINT uq_disputes_provider_provider_dispute_id UNIQUE (provider, provider_dispute_id),
    CONSTRAINT fk_disputes_organization_id_payment_id_currency FOREIGN KEY(organization_id, payment_id, currency)
        REFERENCES payments (organization_id, id, currency),
    CONSTRAINT fk_disputes_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id),
    CONSTRAINT fk_disputes_organization_id_exception_id FOREIGN KEY(organization_id, exception_id) REFERENCES payment_exceptions (organization_id, id),
    CONSTRAINT ck_disputes_provider_known CHECK (provider IN ('STRIPE', 'HEDERA', 'MANUAL')),
    CONSTRAINT ck_disputes_state_known CHECK (state IN ('EARLY_WARNING', 'WARNING_NEEDS_RESPONSE', 'WARNING_UNDER_REVIEW', 'WARNING_CLOSED',
        'NEEDS_RESPONSE', 'UNDER_REVIEW', 'WON', 'LOST')),
    CONSTRAINT ck_disputes_amount_minor CHECK (amount_minor BETWEEN 1 AND 99999999999),
    CONSTRAINT ck_disputes_currency_shape CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ck_disputes_inquiry CHECK (is_inquiry = (state IN ('EARLY_WARNING', 'WARNING_NEEDS_RESPONSE', 'WARNING_UNDER_REVIEW', 'WARNING_CLOSED'))),
    CONSTRAINT ck_disputes_credit CHECK (exception_id IS NULL OR state = 'LOST')
);
CREATE INDEX ix_disputes_by_payment ON disputes (payment_id);
CREATE INDEX ix_disputes_by_link ON disputes (organization_id, link_id);

-- ---------------------------------------------------------------- what Stripe booked for them
ALTER TABLE balance_transactions
    ADD COLUMN refund_id UUID,
    ADD COLUMN dispute_id UUID,
    ADD CONSTRAINT fk_balance_transactions_organization_id_payment_id_refund_id FOREIGN KEY(organization_id, payment_id, refund_id)
        REFERENCES refunds (organization_id, payment_id, id),
    ADD CONSTRAINT fk_balance_transactions_organization_id_payment_id_dispute_id FOREIGN KEY(organization_id, payment_id, dispute_id)
        REFERENCES disputes (organization_id, payment_id, id),
    ADD CONSTRAINT uq_balance_transactions_refund_id_type UNIQUE (refund_id, type),
    ADD CONSTRAINT uq_balance_transactions_dispute_id_type UNIQUE (dispute_id, type),
    ADD CONSTRAINT ck_balance_transactions_subject CHECK (CASE
        WHEN type IN ('refund', 'refund_failure') THEN refund_id IS NOT NULL AND dispute_id IS NULL
        WHEN type IN ('dispute', 'dispute_reversal') THEN dispute_id IS NOT NULL AND refund_id IS NULL
        ELSE refund_id IS NULL AND dispute_id IS NULL END),
    DROP CONSTRAINT ck_balance_transactions_fee_minor,
    ADD CONSTRAINT ck_balance_transactions_fee_minor CHECK (CASE type WHEN 'adjustment' THEN amount_minor = 0 AND fee_minor <> 0
        WHEN 'refund' THEN amount_minor < 0 WHEN 'refund_failure' THEN amount_minor > 0
        WHEN 'dispute' THEN amount_minor < 0 AND fee_minor >= 0 WHEN 'dispute_reversal' THEN amount_minor > 0
        ELSE fee_minor >= 0 END);

-- ---------------------------------------------------------------- what needs a person, besides held money
-- A refund that failed after it had succeeded, or more going back than was received: about the refund or the dispute itself.
ALTER TABLE payment_exceptions
    ADD COLUMN refund_id UUID,
    ADD COLUMN dispute_id UUID,
    ADD CONSTRAINT uq_payment_exceptions_refund_id UNIQUE (refund_id),
    ADD CONSTRAINT uq_payment_exceptions_dispute_id UNIQUE (dispute_id),
    ADD CONSTRAINT fk_payment_exceptions_organization_id_refund_id FOREIGN KEY(organization_id, refund_id) REFERENCES refunds (organization_id, id),
    ADD CONSTRAINT fk_payment_exceptions_organization_id_dispute_id FOREIGN KEY(organization_id, dispute_id) REFERENCES disputes (organization_id, id),
    DROP CONSTRAINT ck_payment_exceptions_held,
    ADD CONSTRAINT ck_payment_exceptions_held CHECK (num_nonnulls(payment_id, transfer_id, refund_id, dispute_id) = 1
        AND num_nonnulls(amount_minor, currency, held_in) = CASE WHEN payment_id IS NULL THEN 0 ELSE 3 END),
    DROP CONSTRAINT ck_payment_exceptions_kind_known,
    ADD CONSTRAINT ck_payment_exceptions_kind_known CHECK (kind IN ('DOUBLE', 'LATE', 'MISMATCH', 'SHORT', 'OVER', 'WRONG_TOKEN', 'UNCONFIRMED',
        'NO_MEMO', 'UNKNOWN_MEMO', 'UNKNOWN_TOKEN', 'UNVALUED', 'FAILED_REFUND', 'OVER_REFUNDED'));
CREATE FUNCTION judge_return_exception() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM refunds r WHERE r.id = NEW.refund_id AND r.link_id IS NOT DISTINCT FROM NEW.link_id
                   AND CASE NEW.kind WHEN 'FAILED_REFUND' THEN r.state IN ('FAILED', 'CANCELED') ELSE NEW.kind = 'OVER_REFUNDED' AND r.is_external END)
       AND NOT EXISTS (SELECT FROM disputes d WHERE d.id = NEW.dispute_id AND d.link_id IS NOT DISTINCT FROM NEW.link_id
                       AND NEW.kind = 'OVER_REFUNDED' AND NOT d.is_inquiry) THEN
        RAISE EXCEPTION 'exception % (%) is about no such refund or dispute', NEW.id, NEW.kind USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER is_about_a_return AFTER INSERT ON payment_exceptions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.refund_id IS NOT NULL OR NEW.dispute_id IS NOT NULL) EXECUTE FUNCTION judge_return_exception();

-- ---------------------------------------------------------------- rows stay, facts stay, states go forward
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['refunds', 'disputes']
    LOOP
        EXECUTE format('CREATE TRIGGER rows_stay BEFORE DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('CREATE TRIGGER rows_stay_all BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (organization_id = current_setting(''app.org_id'')::uuid) '
                       'WITH CHECK (organization_id = current_setting(''app.org_id'')::uuid)', name);
    END LOOP;
END $$;
CREATE TRIGGER frozen BEFORE UPDATE ON refunds FOR EACH ROW EXECUTE FUNCTION refuse_other_columns(
    'provider_refund_id', 'state', 'pending_reason', 'failure_code', 'approved_by', 'approved_at', 'occurred_at', 'checks', 'next_check_at', 'updated_at');
CREATE TRIGGER frozen BEFORE UPDATE ON disputes FOR EACH ROW
    EXECUTE FUNCTION refuse_other_columns('state', 'is_inquiry', 'exception_id', 'evidence_due_by', 'updated_at');

CREATE FUNCTION refund_goes_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('CREATED', 'SUBMITTED'), ('CREATED', 'CANCELED'),
        ('SUBMITTED', 'PENDING'), ('SUBMITTED', 'SUCCEEDED'), ('SUBMITTED', 'FAILED'), ('SUBMITTED', 'CANCELED'),
        ('PENDING', 'SUCCEEDED'), ('PENDING', 'FAILED'), ('PENDING', 'CANCELED'), ('SUCCEEDED', 'FAILED')) THEN
        RAISE EXCEPTION 'refund % is %, not to become %', OLD.id, OLD.state, NEW.state USING ERRCODE = '55000';
    END IF;
    IF (OLD.provider_refund_id IS NOT NULL AND NEW.provider_refund_id IS DISTINCT FROM OLD.provider_refund_id)
       OR (OLD.approved_by IS NOT NULL AND (NEW.approved_by, NEW.approved_at) IS DISTINCT FROM (OLD.approved_by, OLD.approved_at)) THEN
        RAISE EXCEPTION 'what is known of refund % never changes', OLD.id USING ERRCODE = '55000';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER forward BEFORE UPDATE ON refunds FOR EACH ROW EXECUTE FUNCTION refund_goes_forward();

-- A warning may become a dispute, a dispute never a warning again; what is decided stays so.
CREATE FUNCTION dispute_goes_forward() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE ranks text[] := ARRAY['WARNING_NEEDS_RESPONSE', 'WARNING_UNDER_REVIEW', 'WARNING_CLOSED', 'NEEDS_RESPONSE', 'UNDER_REVIEW', 'WON', 'LOST'];
BEGIN
    IF NEW.state <> OLD.state AND (OLD.state IN ('EARLY_WARNING', 'WON', 'LOST') OR NEW.state = 'EARLY_WARNING'
                                   OR array_position(ranks, NEW.state) < array_position(ranks, OLD.state)) THEN
        RAISE EXCEPTION 'dispute % is %, not to become %', OLD.id, OLD.state, NEW.state USING ERRCODE = '55000';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER forward BEFORE UPDATE ON disputes FOR EACH ROW EXECUTE FUNCTION dispute_goes_forward();

-- ---------------------------------------------------------------- never more than was received (I-15)
-- Whoever gives money of a payment back takes its row first, so that of ten at once each sees what the ones before have asked for.
CREATE FUNCTION lock_payment() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM payments WHERE id = NEW.payment_id AND organization_id = NEW.organization_id FOR NO KEY UPDATE;
    RETURN NEW;
END $$;
GRANT UPDATE (payer) ON payments TO provvypay_lookup;
CREATE TRIGGER takes_payment BEFORE INSERT ON refunds FOR EACH ROW EXECUTE FUNCTION lock_payment();
CREATE TRIGGER takes_payment BEFORE INSERT ON disputes FOR EACH ROW EXECUTE FUNCTION lock_payment();

-- What is held by an exception and neither decided, nor going back, nor lost to a dispute.
CREATE FUNCTION still_held(credit uuid) RETURNS numeric LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(x.amount_minor, 0)
        - coalesce((SELECT sum(amount_minor) FROM payment_resolutions WHERE exception_id = x.id), 0)
        - coalesce((SELECT sum(amount_minor) FROM refunds WHERE exception_id = x.id AND state NOT IN ('FAILED', 'CANCELED')), 0)
        - coalesce((SELECT sum(amount_minor) FROM disputes WHERE exception_id = x.id), 0)
    FROM payment_exceptions x WHERE x.id = credit
$$;
CREATE TRIGGER takes_credit BEFORE INSERT ON refunds FOR EACH ROW WHEN (NEW.exception_id IS NOT NULL) EXECUTE FUNCTION lock_exception();

CREATE FUNCTION judge_refund() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE payment payments; going_back numeric; settled numeric;
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
                (SELECT sum(r.amount_minor) FROM payment_resolutions r WHERE r.exception_id = x.id)), 0)
                INTO settled FROM payment_exceptions x WHERE x.payment_id = payment.id;
            SELECT sum(amount_minor) INTO going_back FROM refunds WHERE payment_id = payment.id AND exception_id IS NULL
                AND state NOT IN ('FAILED', 'CANCELED');
            IF going_back > settled THEN
                RAISE EXCEPTION 'of payment % only % has settled, and % would go back', payment.id, settled, going_back USING ERRCODE = '23514';
            END IF;
        END IF;
    END IF;
    IF EXISTS (SELECT FROM refunds r JOIN journals j ON j.source_type = 'REFUND' AND j.source_id = r.id AND j.kind = 'REFUND'
               WHERE r.id = NEW.id AND r.state IN ('FAILED', 'CANCELED') AND NOT EXISTS (SELECT FROM journals b WHERE b.reverses_id = j.id)) THEN
        RAISE EXCEPTION 'refund % did not go through and its journal stands', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER within_received AFTER INSERT OR UPDATE OF state ON refunds DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION judge_refund();

CREATE FUNCTION judge_dispute() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payments p WHERE p.id = NEW.payment_id AND p.provider = NEW.provider AND p.link_id IS NOT DISTINCT FROM NEW.link_id) THEN
        RAISE EXCEPTION 'dispute % is not of its payment''s link and provider', NEW.id USING ERRCODE = '23514';
    END IF;
    IF NEW.exception_id IS NOT NULL AND NOT EXISTS (SELECT FROM payment_exceptions WHERE id = NEW.exception_id AND payment_id = NEW.payment_id) THEN
        RAISE EXCEPTION 'dispute % took a credit that is not of its payment', NEW.id USING ERRCODE = '23514';
    END IF;
    IF EXISTS (SELECT FROM disputes WHERE id = NEW.id AND state = 'LOST')
       AND EXISTS (SELECT FROM journals WHERE source_type = 'DISPUTE' AND source_id = NEW.id AND kind = 'DISPUTE_WITHDRAWN')
       AND NOT EXISTS (SELECT FROM journals WHERE source_type = 'DISPUTE' AND source_id = NEW.id AND kind = 'DISPUTE_LOST') THEN
        RAISE EXCEPTION 'dispute % is lost and the loss is not booked', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER is_booked AFTER INSERT OR UPDATE OF state ON disputes DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION judge_dispute();

-- ---------------------------------------------------------------- what they book (I-04, I-41)
ALTER TABLE journals
    DROP CONSTRAINT ck_journals_kind_known,
    ADD CONSTRAINT ck_journals_kind_known CHECK (kind IN ('SALE', 'PAYMENT', 'CREDIT', 'SUSPENSE', 'FEE', 'CONVERSION_OUT', 'CONVERSION_IN', 'REVERSAL',
        'REFUND', 'REFUND_REVERSAL', 'DISPUTE_WITHDRAWN', 'DISPUTE_FEE', 'DISPUTE_WON', 'DISPUTE_LOST')),
    DROP CONSTRAINT ck_journals_source_type_known,
    ADD CONSTRAINT ck_journals_source_type_known CHECK (source_type IN ('SETTLEMENT', 'PAYMENT', 'BALANCE_TRANSACTION', 'JOURNAL', 'REFUND', 'DISPUTE')),
    DROP CONSTRAINT ck_journals_reversal,
    ADD CONSTRAINT ck_journals_reversal CHECK ((kind IN ('REVERSAL', 'REFUND_REVERSAL')) = (reverses_id IS NOT NULL));

-- What a processor took, gave back or converted has a judge of its own; judge_journal() keeps the rest.
CREATE FUNCTION judge_processor_journal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
                WHEN 'REFUND' THEN shape = format('DEBIT %s %s, CREDIT 1050 %2$s', account.code, r.amount_minor)
                    AND EXISTS (SELECT FROM balance_transactions WHERE refund_id = r.id AND type = 'refund')
                WHEN 'REFUND_REVERSAL' THEN shape = format('DEBIT 1050 %2$s, CREDIT %1$s %2$s', account.code, r.amount_minor)
                    AND r.state IN ('FAILED', 'CANCELED') AND EXISTS (SELECT FROM balance_transactions WHERE refund_id = r.id AND type = 'refund_failure')
                    AND EXISTS (SELECT FROM journals j WHERE j.id = NEW.reverses_id AND j.source_type = 'REFUND' AND j.source_id = r.id AND j.kind = 'REFUND')
                END
            INTO fits FROM refunds r, LATERAL (SELECT CASE WHEN r.exception_id IS NULL THEN '4090' ELSE '2100' END) AS account (code)
            WHERE r.id = NEW.source_id AND r.organization_id = NEW.organization_id AND r.link_id IS NOT DISTINCT FROM NEW.link_id
              AND r.currency = NEW.currency AND r.provider = 'STRIPE';
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
DROP TRIGGER true_to_source ON journals;
CREATE CONSTRAINT TRIGGER true_to_source AFTER INSERT ON journals DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.source_type NOT IN ('BALANCE_TRANSACTION', 'REFUND', 'DISPUTE')) EXECUTE FUNCTION judge_journal();
CREATE CONSTRAINT TRIGGER true_to_processor AFTER INSERT ON journals DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.source_type IN ('BALANCE_TRANSACTION', 'REFUND', 'DISPUTE')) EXECUTE FUNCTION judge_processor_journal();

-- Each of Stripe's lines is booked with the fact that says so: what it took or converted, and the refund or dispute it is of.
CREATE OR REPLACE FUNCTION judge_balance_transaction() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE wanted text[]; booked text[]; returned text;
BEGIN
    SELECT array_remove(ARRAY[CASE WHEN converted THEN 'CONVERSION_IN' END, CASE WHEN converted THEN 'CONVERSION_OUT' END,
                              CASE WHEN NEW.fee_minor <> 0 AND NEW.dispute_id IS NOT NULL THEN 'DISPUTE_FEE' WHEN NEW.fee_minor <> 0 THEN 'FEE' END], NULL)
        INTO wanted FROM payments p, LATERAL (SELECT p.currency <> NEW.currency AND NEW.type <> 'adjustment') AS c (converted)
        WHERE p.id = NEW.payment_id AND p.provider = 'STRIPE';
    SELECT coalesce(array_agg(kind ORDER BY kind), '{}') INTO booked FROM journals WHERE source_type = 'BALANCE_TRANSACTION' AND source_id = NEW.id;
    IF wanted IS DISTINCT FROM booked THEN
        RAISE EXCEPTION 'balance transaction % wants journals %, and has %', NEW.id, wanted, booked USING ERRCODE = '23514';
    END IF;
    returned := CASE NEW.type WHEN 'refund' THEN 'REFUND' WHEN 'refund_failure' THEN 'REFUND_REVERSAL' WHEN 'dispute' THEN 'DISPUTE_WITHDRAWN'
                              WHEN 'dispute_reversal' THEN 'DISPUTE_WON' END;
    IF returned IS NOT NULL AND NOT EXISTS (SELECT FROM journals WHERE source_type = CASE WHEN NEW.refund_id IS NULL THEN 'DISPUTE' ELSE 'REFUND' END
                                            AND source_id = coalesce(NEW.refund_id, NEW.dispute_id) AND kind = returned) THEN
        RAISE EXCEPTION 'balance transaction % wants the journal %', NEW.id, returned USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

-- ---------------------------------------------------------------- held money that has gone (I-13, I-39)
-- An exception is resolved by the fact that nothing of its money is held any more, and open again by the fact that some came back.
CREATE FUNCTION settle_credit(credit uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE held numeric;
BEGIN
    SELECT x.amount_minor
           - coalesce((SELECT sum(amount_minor) FROM payment_resolutions WHERE exception_id = credit), 0)
           - coalesce((SELECT sum(CASE b.type WHEN 'refund' THEN r.amount_minor ELSE -r.amount_minor END)
                       FROM refunds r JOIN balance_transactions b ON b.refund_id = r.id WHERE r.exception_id = credit), 0)
           - coalesce((SELECT sum(d.amount_minor) FROM disputes d WHERE d.exception_id = credit), 0)
        INTO held FROM payment_exceptions x WHERE x.id = credit;
    UPDATE payment_exceptions SET state = CASE WHEN held > 0 THEN 'OPEN' ELSE 'RESOLVED' END,
        resolved_at = CASE WHEN held > 0 THEN NULL ELSE clock_timestamp() END, version = version + 1
    WHERE id = credit AND state <> CASE WHEN held > 0 THEN 'OPEN' ELSE 'RESOLVED' END;
END $$;
CREATE FUNCTION credit_goes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'disputes' THEN
        PERFORM settle_credit(NEW.exception_id);
    ELSE
        PERFORM settle_credit(exception_id) FROM refunds WHERE id = NEW.refund_id AND exception_id IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER credit_goes AFTER INSERT ON balance_transactions FOR EACH ROW WHEN (NEW.refund_id IS NOT NULL) EXECUTE FUNCTION credit_goes();
CREATE TRIGGER credit_goes AFTER UPDATE OF exception_id ON disputes FOR EACH ROW
    WHEN (NEW.exception_id IS NOT NULL AND OLD.exception_id IS NULL) EXECUTE FUNCTION credit_goes();
GRANT UPDATE (state, resolved_at, version) ON payment_exceptions TO provvypay_lookup;

-- Decisions and refunds share what is held; what has gone back needs no decision.
CREATE OR REPLACE FUNCTION judge_resolution() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE held payment_exceptions;
BEGIN
    SELECT * INTO held FROM payment_exceptions WHERE id = NEW.exception_id;
    IF still_held(NEW.exception_id) < 0 OR (NEW.amount_minor IS NOT NULL AND NEW.currency IS DISTINCT FROM held.currency) THEN
        RAISE EXCEPTION 'decisions use more than the % held by exception %', held.amount_minor, held.id USING ERRCODE = '23514';
    END IF;
    IF (CASE NEW.action
            WHEN 'COMPLETED' THEN held.held_in = '2100' AND EXISTS (SELECT FROM settlement_parts WHERE resolution_id = NEW.id)
            WHEN 'VALUED' THEN EXISTS (SELECT FROM payments WHERE id = NEW.payment_id AND transfer_id = held.transfer_id) END) IS NOT TRUE THEN
        RAISE EXCEPTION 'decision % (%) is not what was done', NEW.id, NEW.action USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION judge_resolved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.state = 'RESOLVED' AND NOT EXISTS (SELECT FROM payment_resolutions WHERE exception_id = NEW.id)
       AND (NEW.payment_id IS NULL OR still_held(NEW.id) > 0) THEN
        RAISE EXCEPTION 'nothing was decided about exception %', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

-- ---------------------------------------------------------------- look-ups across organizations (I-30)
CREATE FUNCTION lookup_payment(its_provider text, its_reference text)
    RETURNS TABLE (organization_id uuid, payment_id uuid) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.organization_id, p.id FROM payments p WHERE p.provider = its_provider AND p.provider_reference = its_reference;
$$;
CREATE FUNCTION due_refunds(most int)
    RETURNS TABLE (organization_id uuid, refund_id uuid) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.organization_id, r.id FROM refunds r WHERE r.next_check_at <= clock_timestamp() ORDER BY r.next_check_at LIMIT most;
$$;

-- ---------------------------------------------------------------- grants
GRANT SELECT ON refunds, disputes TO provvypay_web, provvypay_worker, provvypay_lookup;
GRANT INSERT (id, organization_id, payment_id, link_id, provider, provider_refund_id, amount_minor, currency, exception_id, state, is_external, reason,
    note, pending_reason, failure_code, requested_by, approved_by, approved_at, occurred_at, next_check_at) ON refunds TO provvypay_web, provvypay_worker;
GRANT UPDATE (provider_refund_id, state, pending_reason, failure_code, approved_by, approved_at, occurred_at, checks, next_check_at, updated_at) ON refunds
    TO provvypay_web, provvypay_worker;
GRANT INSERT (id, organization_id, payment_id, link_id, provider, provider_dispute_id, amount_minor, currency, state, is_inquiry, reason, exception_id,
    evidence_due_by, occurred_at) ON disputes TO provvypay_worker, provvypay_web;
GRANT UPDATE (state, is_inquiry, exception_id, evidence_due_by, updated_at) ON disputes TO provvypay_worker, provvypay_web;

GRANT CREATE ON SCHEMA public TO provvypay_lookup;
DO $$
DECLARE f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname = 'public' AND p.proname IN ('lock_payment', 'judge_refund', 'judge_dispute', 'judge_processor_journal',
                 'judge_return_exception', 'settle_credit', 'credit_goes', 'still_held', 'lookup_payment', 'due_refunds')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO provvypay_lookup', f);
    END LOOP;
END $$;
REVOKE CREATE ON SCHEMA public FROM provvypay_lookup;
REVOKE ALL ON FUNCTION refund_goes_forward(), dispute_goes_forward(), lock_payment(), judge_refund(), judge_dispute(), judge_processor_journal(),
    judge_return_exception(), settle_credit(uuid), credit_goes(), still_held(uuid), lookup_payment(text, text), due_refunds(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lookup_payment(text, text) TO provvypay_web, provvypay_worker;
GRANT EXECUTE ON FUNCTION due_refunds(int) TO provvypay_worker;
