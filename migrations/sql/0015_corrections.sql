-- What people decide about money: accept it, apply it to another link, match what named none, keep, write off, take as one's own
-- transfer, ignore; links marked as paid by hand, and that undone (docs/explanation/corrections.md).

-- New foreign keys are checked as the owner, whom the policies bind; the columns are new and empty.
SELECT set_config('app.org_id', '00000000-0000-0000-0000-000000000000', true);

-- ---------------------------------------------------------------- decisions
ALTER TABLE payment_resolutions
    ADD COLUMN link_id UUID,
    ADD COLUMN value_minor BIGINT,
    ADD COLUMN value_currency VARCHAR(3),
    ADD COLUMN approved_by UUID,
    ADD CONSTRAINT fk_payment_resolutions_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id),
    ADD CONSTRAINT fk_payment_resolutions_approved_by FOREIGN KEY(approved_by) REFERENCES users (id) ON DELETE RESTRICT,
    DROP CONSTRAINT ck_payment_resolutions_action_known,
    ADD CONSTRAINT ck_payment_resolutions_action_known CHECK (action IN ('COMPLETED', 'VALUED', 'ACCEPTED', 'APPLIED', 'MATCHED', 'KEPT', 'WRITTEN_OFF',
        'OWN_TRANSFER', 'IGNORED')),
    DROP CONSTRAINT ck_payment_resolutions_effect,
    ADD CONSTRAINT ck_payment_resolutions_effect CHECK (
        (settlement_id IS NOT NULL) = (action IN ('COMPLETED', 'ACCEPTED', 'APPLIED'))
        AND (payment_id IS NOT NULL) = (action = 'VALUED')
        AND (link_id IS NOT NULL) = (action IN ('APPLIED', 'MATCHED'))
        AND num_nonnulls(value_minor, value_currency) = CASE action WHEN 'MATCHED' THEN 2 ELSE 0 END
        AND (amount_minor IS NOT NULL) = (action NOT IN ('VALUED', 'KEPT', 'IGNORED'))),
    ADD CONSTRAINT ck_payment_resolutions_value_minor CHECK (value_minor BETWEEN 1 AND 99999999999),
    ADD CONSTRAINT ck_payment_resolutions_by_whom CHECK (actor_type = 'USER' OR action IN ('COMPLETED', 'VALUED')),
    ADD CONSTRAINT ck_payment_resolutions_approved CHECK (approved_by IS NULL OR approved_by <> actor_id),
    ADD CONSTRAINT ck_payment_resolutions_reason CHECK (length(reason) <= 500 AND (action NOT IN ('IGNORED', 'WRITTEN_OFF') OR btrim(reason) <> ''));

-- Money of unknown purpose that a person matched to a link is held anew, in the link's currency.
ALTER TABLE payment_exceptions
    ADD COLUMN resolution_id UUID,
    ADD CONSTRAINT uq_payment_exceptions_resolution_id UNIQUE (resolution_id),
    ADD CONSTRAINT fk_payment_exceptions_organization_id_resolution_id FOREIGN KEY(organization_id, resolution_id)
        REFERENCES payment_resolutions (organization_id, id),
    DROP CONSTRAINT uq_payment_exceptions_payment_id,
    ADD CONSTRAINT uq_payment_exceptions_payment_id_held_in UNIQUE (payment_id, held_in);
ALTER TABLE settlement_parts
    DROP CONSTRAINT fk_settlement_parts_organization_id_payment_id_currency,
    ADD CONSTRAINT fk_settlement_parts_organization_id_payment_id FOREIGN KEY(organization_id, payment_id) REFERENCES payments (organization_id, id);

ALTER TABLE journals
    DROP CONSTRAINT ck_journals_kind_known,
    ADD CONSTRAINT ck_journals_kind_known CHECK (kind IN ('SALE', 'PAYMENT', 'CREDIT', 'SUSPENSE', 'FEE', 'CONVERSION_OUT', 'CONVERSION_IN', 'REVERSAL',
        'REFUND', 'REFUND_REVERSAL', 'DISPUTE_WITHDRAWN', 'DISPUTE_FEE', 'DISPUTE_WON', 'DISPUTE_LOST', 'WRITE_OFF', 'OWN_TRANSFER')),
    DROP CONSTRAINT ck_journals_source_type_known,
    ADD CONSTRAINT ck_journals_source_type_known CHECK (source_type IN ('SETTLEMENT', 'PAYMENT', 'BALANCE_TRANSACTION', 'JOURNAL', 'REFUND', 'DISPUTE',
        'RESOLUTION'));

-- ---------------------------------------------------------------- a second person above the organization's limit
ALTER TABLE merchant_settings
    ADD COLUMN approval_limit_minor BIGINT,
    ADD CONSTRAINT ck_merchant_settings_approval_limit CHECK (approval_limit_minor BETWEEN 0 AND 99999999999);
CREATE TABLE correction_requests (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    action TEXT NOT NULL,
    exception_id UUID,
    link_id UUID,
    details JSONB NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    reason TEXT NOT NULL,
    state TEXT DEFAULT 'WAITING' NOT NULL,
    requested_by UUID NOT NULL,
    decided_by UUID,
    decided_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_correction_requests PRIMARY KEY (id),
    CONSTRAINT uq_correction_requests_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT fk_correction_requests_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE RESTRICT,
    CONSTRAINT fk_correction_requests_organization_id_exception_id FOREIGN KEY(organization_id, exception_id)
        REFERENCES payment_exceptions (organization_id, id),
    CONSTRAINT fk_correction_requests_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id),
    CONSTRAINT fk_correction_requests_requested_by FOREIGN KEY(requested_by) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT fk_correction_requests_decided_by FOREIGN KEY(decided_by) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT ck_correction_requests_action_known CHECK (action IN ('ACCEPT', 'APPLY', 'MATCH', 'OWN_TRANSFER', 'MARK_PAID', 'UNDO_MARK')),
    CONSTRAINT ck_correction_requests_state_known CHECK (state IN ('WAITING', 'APPROVED', 'REJECTED', 'WITHDRAWN')),
    CONSTRAINT ck_correction_requests_subject CHECK (num_nonnulls(exception_id, link_id) >= 1),
    CONSTRAINT ck_correction_requests_amount_minor CHECK (amount_minor BETWEEN 1 AND 99999999999),
    CONSTRAINT ck_correction_requests_currency_shape CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ck_correction_requests_reason CHECK (length(btrim(reason)) BETWEEN 1 AND 500),
    CONSTRAINT ck_correction_requests_decided CHECK ((state = 'WAITING') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL)),
    -- Whoever asked cannot say yes, only take it back.
    CONSTRAINT ck_correction_requests_second_person CHECK (state NOT IN ('APPROVED', 'REJECTED') OR decided_by <> requested_by)
);
CREATE INDEX ix_correction_requests_waiting ON correction_requests (organization_id, created_at DESC) WHERE state = 'WAITING';
CREATE TRIGGER rows_stay BEFORE DELETE ON correction_requests FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER rows_stay_all BEFORE TRUNCATE ON correction_requests FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER frozen BEFORE UPDATE ON correction_requests FOR EACH ROW EXECUTE FUNCTION refuse_other_columns('state', 'decided_by', 'decided_at');
CREATE FUNCTION refuse_deciding_twice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'request % is % already', OLD.id, OLD.state USING ERRCODE = '55000';
END $$;
CREATE TRIGGER decided_once BEFORE UPDATE ON correction_requests FOR EACH ROW WHEN (OLD.state <> 'WAITING') EXECUTE FUNCTION refuse_deciding_twice();
ALTER TABLE correction_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE correction_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON correction_requests USING (organization_id = current_setting('app.org_id')::uuid)
    WITH CHECK (organization_id = current_setting('app.org_id')::uuid);

-- ---------------------------------------------------------------- who works on an exception, and what is said about it
ALTER TABLE payment_exceptions ADD COLUMN assigned_to UUID,
    ADD CONSTRAINT fk_payment_exceptions_assigned_to FOREIGN KEY(organization_id, assigned_to) REFERENCES memberships (organization_id, user_id);
DROP TRIGGER frozen ON payment_exceptions;
CREATE TRIGGER frozen BEFORE UPDATE ON payment_exceptions FOR EACH ROW
    EXECUTE FUNCTION refuse_other_columns('state', 'resolved_at', 'version', 'assigned_to');
CREATE TABLE exception_comments (
    id UUID NOT NULL,
    organization_id UUID NOT NULL,
    exception_id UUID NOT NULL,
    written_by UUID NOT NULL,
    body TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_exception_comments PRIMARY KEY (id),
    CONSTRAINT uq_exception_comments_organization_id_id UNIQUE (organization_id, id),
    CONSTRAINT fk_exception_comments_organization_id_exception_id FOREIGN KEY(organization_id, exception_id)
        REFERENCES payment_exceptions (organization_id, id),
    CONSTRAINT fk_exception_comments_written_by FOREIGN KEY(written_by) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT ck_exception_comments_body CHECK (length(btrim(body)) BETWEEN 1 AND 2000)
);
CREATE INDEX ix_exception_comments_by_exception ON exception_comments (organization_id, exception_id, created_at);
CREATE TRIGGER facts_stay BEFORE UPDATE OR DELETE ON exception_comments FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER facts_stay_all BEFORE TRUNCATE ON exception_comments FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE exception_comments ENABLE ROW LEVEL SECURITY;
ALTER TABLE exception_comments FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON exception_comments USING (organization_id = current_setting('app.org_id')::uuid)
    WITH CHECK (organization_id = current_setting('app.org_id')::uuid);

-- ---------------------------------------------------------------- what is held, and not used by what still stands
-- A decision whose settlement was voided gave its money back.
CREATE FUNCTION used_of(credit uuid) RETURNS numeric LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(sum(r.amount_minor), 0) FROM payment_resolutions r LEFT JOIN settlements s ON s.id = r.settlement_id
    WHERE r.exception_id = credit AND s.voided_at IS NULL
$$;
CREATE OR REPLACE FUNCTION still_held(credit uuid) RETURNS numeric LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(x.amount_minor, 0) - used_of(x.id)
        - coalesce((SELECT sum(amount_minor) FROM refunds WHERE exception_id = x.id AND state NOT IN ('FAILED', 'CANCELED')), 0)
        - coalesce((SELECT sum(amount_minor) FROM disputes WHERE exception_id = x.id), 0)
    FROM payment_exceptions x WHERE x.id = credit
$$;
CREATE OR REPLACE FUNCTION settle_credit(credit uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE held numeric;
BEGIN
    SELECT x.amount_minor - used_of(credit)
           - coalesce((SELECT sum(CASE b.type WHEN 'refund' THEN r.amount_minor ELSE -r.amount_minor END)
                       FROM refunds r JOIN balance_transactions b ON b.refund_id = r.id WHERE r.exception_id = credit), 0)
           - coalesce((SELECT sum(d.amount_minor) FROM disputes d WHERE d.exception_id = credit), 0)
        INTO held FROM payment_exceptions x WHERE x.id = credit;
    UPDATE payment_exceptions SET state = CASE WHEN held > 0 THEN 'OPEN' ELSE 'RESOLVED' END,
        resolved_at = CASE WHEN held > 0 THEN NULL ELSE clock_timestamp() END, version = version + 1
    WHERE id = credit AND state <> CASE WHEN held > 0 THEN 'OPEN' ELSE 'RESOLVED' END;
END $$;
CREATE FUNCTION credits_come_back() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM settle_credit(r.exception_id) FROM payment_resolutions r WHERE r.settlement_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER credits_come_back AFTER UPDATE OF voided_at ON settlements FOR EACH ROW WHEN (NEW.voided_at IS NOT NULL) EXECUTE FUNCTION credits_come_back();

-- Only a mark by hand is ever undone: what a provider reported has happened.
CREATE FUNCTION judge_voiding() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.voided_at IS NOT NULL THEN
        RAISE EXCEPTION 'settlement % is voided already', OLD.id USING ERRCODE = '55000';
    END IF;
    IF NOT EXISTS (SELECT FROM settlement_parts part JOIN payments p ON p.id = part.payment_id
                   WHERE part.settlement_id = NEW.id AND part.resolution_id IS NULL AND p.provider = 'MANUAL') THEN
        RAISE EXCEPTION 'settlement % is no mark by hand', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER only_a_mark BEFORE UPDATE OF voided_at ON settlements FOR EACH ROW EXECUTE FUNCTION judge_voiding();

-- ---------------------------------------------------------------- what decisions book
CREATE OR REPLACE FUNCTION judge_journal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    lines int;
    debit numeric;
    credit numeric;
    shape text;
    fits boolean;
BEGIN
    SELECT count(*), coalesce(sum(amount_minor) FILTER (WHERE side = 'DEBIT'), 0), coalesce(sum(amount_minor) FILTER (WHERE side = 'CREDIT'), 0)
        INTO lines, debit, credit FROM ledger_entries WHERE journal_id = NEW.id;
    IF lines < 2 OR debit <> credit THEN
        RAISE EXCEPTION 'journal % does not balance: % lines, debit %, credit %', NEW.id, lines, debit, credit USING ERRCODE = '23514';
    END IF;
    shape := journal_shape(NEW.id, false);
    CASE
        WHEN NEW.kind IN ('SALE', 'PAYMENT') AND NEW.source_type = 'SETTLEMENT' THEN
            SELECT shape = CASE NEW.kind WHEN 'SALE' THEN format('CREDIT 4000 %1$s, DEBIT 1200 %1$s', s.amount_minor) ELSE settlement_shape(s) END
                INTO fits FROM settlements s WHERE s.id = NEW.source_id AND s.organization_id = NEW.organization_id AND s.link_id = NEW.link_id
                AND s.currency = NEW.currency AND s.voided_at IS NULL;
        WHEN NEW.kind IN ('CREDIT', 'SUSPENSE') AND NEW.source_type = 'PAYMENT' THEN
            SELECT (NEW.kind = 'SUSPENSE') = (p.link_id IS NULL)
                AND shape = format('CREDIT %s %s, DEBIT %s %s', CASE NEW.kind WHEN 'CREDIT' THEN '2100' ELSE '2190' END, p.value_minor,
                    clearing_account(p.provider, p.asset), p.value_minor) || coalesce(' ' || p.asset || ' ' || p.asset_amount, '')
                INTO fits FROM payments p WHERE p.id = NEW.source_id AND p.organization_id = NEW.organization_id
                AND p.link_id IS NOT DISTINCT FROM NEW.link_id AND p.currency = NEW.currency AND p.outcome = 'EXCEPTION';
        WHEN NEW.source_type = 'RESOLUTION' THEN
            SELECT CASE NEW.kind
                    WHEN 'CREDIT' THEN r.action = 'MATCHED' AND NEW.link_id = r.link_id AND NEW.currency = r.value_currency
                        AND shape = format('CREDIT 2100 %s, DEBIT %s %s', r.value_minor, clearing_account(p.provider, p.asset), r.value_minor)
                            || coalesce(' ' || p.asset || ' ' || p.asset_amount, '')
                    WHEN 'WRITE_OFF' THEN r.action = 'WRITTEN_OFF' AND NEW.link_id IS NOT DISTINCT FROM x.link_id AND NEW.currency = r.currency
                        AND shape = format('CREDIT 6120 %s, DEBIT %s %s', r.amount_minor, x.held_in, r.amount_minor)
                    WHEN 'OWN_TRANSFER' THEN r.action = 'OWN_TRANSFER' AND NEW.link_id IS NULL AND NEW.currency = r.currency
                        AND shape = format('CREDIT 1000 %1$s, DEBIT 2190 %1$s', r.amount_minor) END
                INTO fits FROM payment_resolutions r JOIN payment_exceptions x ON x.id = r.exception_id JOIN payments p ON p.id = x.payment_id
                WHERE r.id = NEW.source_id AND r.organization_id = NEW.organization_id;
        WHEN NEW.kind = 'REVERSAL' AND NEW.source_type = 'JOURNAL' AND NEW.source_id = NEW.reverses_id THEN
            -- Taken back is what a settlement booked, once it is voided, and suspense, once it is matched; line by line, the sides exchanged.
            SELECT shape = journal_shape(r.id, true) AND CASE r.kind
                    WHEN 'SUSPENSE' THEN EXISTS (SELECT FROM payment_resolutions d JOIN payment_exceptions x ON x.id = d.exception_id
                        WHERE x.payment_id = r.source_id AND x.held_in = '2190' AND d.action = 'MATCHED')
                    ELSE r.kind IN ('SALE', 'PAYMENT') AND EXISTS (SELECT FROM settlements WHERE id = r.source_id AND voided_at IS NOT NULL) END
                INTO fits FROM journals r
                WHERE r.id = NEW.reverses_id AND r.organization_id = NEW.organization_id
                AND r.link_id IS NOT DISTINCT FROM NEW.link_id AND r.currency = NEW.currency;
        ELSE
            fits := false;
    END CASE;
    IF fits IS NOT TRUE THEN
        RAISE EXCEPTION 'journal % (%, %) is not what its source says: %', NEW.id, NEW.kind, NEW.currency, shape USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

-- ---------------------------------------------------------------- what a decision did (I-13)
CREATE OR REPLACE FUNCTION part_fits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE payment payments; settlement settlements; carried numeric;
BEGIN
    SELECT * INTO payment FROM payments WHERE id = NEW.payment_id;
    SELECT * INTO settlement FROM settlements WHERE id = NEW.settlement_id;
    -- Held money stands in 2100 already: only a decision takes it from there, for its own link or the one that was named.
    IF settlement.voided_at IS NOT NULL
        OR (NEW.resolution_id IS NULL AND (payment.outcome IS DISTINCT FROM 'SETTLED' OR payment.link_id IS DISTINCT FROM settlement.link_id
            OR payment.currency IS DISTINCT FROM NEW.currency))
        OR (NEW.resolution_id IS NOT NULL AND NOT EXISTS (SELECT FROM payment_resolutions r JOIN payment_exceptions e ON e.id = r.exception_id
            WHERE r.id = NEW.resolution_id AND r.settlement_id = NEW.settlement_id AND e.payment_id = NEW.payment_id AND e.held_in = '2100'
            AND coalesce(r.link_id, e.link_id) = settlement.link_id AND (r.amount_minor, r.currency) = (NEW.amount_minor, NEW.currency))) THEN
        RAISE EXCEPTION 'payment % is not there for settlement % to take', NEW.payment_id, NEW.settlement_id USING ERRCODE = '23514';
    END IF;
    SELECT sum(amount_minor) + settlement.written_off_minor INTO carried FROM settlement_parts WHERE settlement_id = NEW.settlement_id;
    IF carried <> settlement.amount_minor THEN
        RAISE EXCEPTION 'settlement % of % is carried by payments over %', settlement.id, settlement.amount_minor, carried USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

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
    IF NEW.transfer_id IS NOT NULL AND (NEW.kind NOT IN ('UNKNOWN_TOKEN', 'UNVALUED') OR NOT EXISTS (SELECT FROM hedera_transfers t
            WHERE t.id = NEW.transfer_id AND t.direction = 'IN' AND t.link_id IS NOT DISTINCT FROM NEW.link_id
            AND (t.asset IS NULL) = (NEW.kind = 'UNKNOWN_TOKEN'))) THEN
        RAISE EXCEPTION 'transfer % is not money that cannot be valued', NEW.transfer_id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION judge_resolution() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE held payment_exceptions;
BEGIN
    SELECT * INTO held FROM payment_exceptions WHERE id = NEW.exception_id;
    IF still_held(NEW.exception_id) < 0 OR (NEW.amount_minor IS NOT NULL AND NEW.currency IS DISTINCT FROM held.currency) THEN
        RAISE EXCEPTION 'decisions use more than the % held by exception %', held.amount_minor, held.id USING ERRCODE = '23514';
    END IF;
    IF (CASE NEW.action
            WHEN 'VALUED' THEN EXISTS (SELECT FROM payments WHERE id = NEW.payment_id AND transfer_id = held.transfer_id)
            WHEN 'MATCHED' THEN held.held_in = '2190' AND NEW.amount_minor = held.amount_minor
                AND EXISTS (SELECT FROM payment_exceptions WHERE resolution_id = NEW.id)
                AND EXISTS (SELECT FROM journals WHERE source_type = 'RESOLUTION' AND source_id = NEW.id AND kind = 'CREDIT')
                AND EXISTS (SELECT FROM journals j JOIN journals b ON b.reverses_id = j.id
                            WHERE j.source_type = 'PAYMENT' AND j.source_id = held.payment_id AND j.kind = 'SUSPENSE')
            WHEN 'WRITTEN_OFF' THEN EXISTS (SELECT FROM journals WHERE source_type = 'RESOLUTION' AND source_id = NEW.id AND kind = 'WRITE_OFF')
            WHEN 'OWN_TRANSFER' THEN held.held_in = '2190'
                AND EXISTS (SELECT FROM journals WHERE source_type = 'RESOLUTION' AND source_id = NEW.id AND kind = 'OWN_TRANSFER')
            WHEN 'KEPT' THEN held.held_in = '2100'
            WHEN 'IGNORED' THEN held.payment_id IS NULL
            ELSE held.held_in = '2100' AND EXISTS (SELECT FROM settlement_parts WHERE resolution_id = NEW.id) END) IS NOT TRUE THEN
        RAISE EXCEPTION 'decision % (%) is not what was done', NEW.id, NEW.action USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

-- ---------------------------------------------------------------- grants
GRANT SELECT ON correction_requests, exception_comments TO provvypay_web, provvypay_worker, provvypay_lookup;
GRANT INSERT (id, organization_id, action, exception_id, link_id, details, amount_minor, currency, reason, requested_by) ON correction_requests TO provvypay_web;
GRANT UPDATE (state, decided_by, decided_at) ON correction_requests TO provvypay_web;
GRANT INSERT (id, organization_id, exception_id, written_by, body) ON exception_comments TO provvypay_web;
GRANT INSERT (link_id, value_minor, value_currency, approved_by) ON payment_resolutions TO provvypay_web, provvypay_worker;
GRANT UPDATE (assigned_to) ON payment_exceptions TO provvypay_web;
GRANT UPDATE (voided_at) ON settlements TO provvypay_web;
GRANT UPDATE (approval_limit_minor) ON merchant_settings TO provvypay_web;

GRANT CREATE ON SCHEMA public TO provvypay_lookup;
ALTER FUNCTION used_of(uuid) OWNER TO provvypay_lookup;
ALTER FUNCTION credits_come_back() OWNER TO provvypay_lookup;
ALTER FUNCTION judge_voiding() OWNER TO provvypay_lookup;
REVOKE CREATE ON SCHEMA public FROM provvypay_lookup;
REVOKE ALL ON FUNCTION used_of(uuid), credits_come_back(), judge_voiding(), refuse_deciding_twice() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION still_held(uuid) TO provvypay_web, provvypay_worker;
