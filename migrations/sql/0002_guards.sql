-- What PostgreSQL itself refuses, whatever the code does. The invariants' numbers are those of docs/reference/invariants.md.

-- ---------------------------------------------------------------- the state machine as data (I-18)
INSERT INTO link_transitions (from_status, to_status, event) VALUES
    ('NEW', 'DRAFT', 'link.drafted'),
    ('NEW', 'OPEN', 'link.opened'),
    ('DRAFT', 'OPEN', 'link.opened'),
    ('DRAFT', 'CANCELED', 'link.discarded'),
    ('OPEN', 'PAID', 'link.paid'),
    ('OPEN', 'EXPIRED', 'link.expired'),
    ('OPEN', 'CANCELED', 'link.canceled'),
    ('EXPIRED', 'PAID', 'link.paid_in_time_seen_late'),
    ('EXPIRED', 'PAID', 'link.paid_within_grace'),
    ('EXPIRED', 'PAID', 'link.late_payment_accepted'),
    ('CANCELED', 'PAID', 'link.late_payment_accepted'),
    ('OPEN', 'PAID', 'link.marked_paid'),
    ('EXPIRED', 'PAID', 'link.marked_paid'),
    ('CANCELED', 'PAID', 'link.marked_paid'),
    ('PAID', 'OPEN', 'link.mark_undone'),
    ('PAID', 'EXPIRED', 'link.mark_undone'),
    ('PAID', 'CANCELED', 'link.mark_undone');

-- ---------------------------------------------------------------- facts stay facts (I-03, I-13)
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: its rows are facts', TG_OP, TG_TABLE_NAME USING ERRCODE = '55000';
END $$;

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['link_transitions', 'link_status_events', 'payments', 'settlement_parts', 'payment_events',
                                'balance_transactions', 'journals', 'ledger_entries', 'audit_logs']
    LOOP
        EXECUTE format('CREATE TRIGGER facts_stay BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('CREATE TRIGGER facts_stay_all BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['organizations', 'merchant_settings', 'users', 'accounts', 'payment_links', 'payment_attempts', 'checkout_sessions',
                                'settlements', 'payment_exceptions', 'fx_snapshots', 'xero_syncs', 'notifications', 'email_deliveries']
    LOOP
        EXECUTE format('CREATE TRIGGER rows_stay BEFORE DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('CREATE TRIGGER rows_stay_all BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;

-- A row that may change in some columns only: everything else is compared as a whole.
CREATE FUNCTION refuse_other_columns() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := to_jsonb(OLD);
    after jsonb := to_jsonb(NEW);
    allowed text;
BEGIN
    FOREACH allowed IN ARRAY TG_ARGV LOOP
        before := before - allowed;
        after := after - allowed;
    END LOOP;
    IF before IS DISTINCT FROM after THEN
        RAISE EXCEPTION 'these columns of % never change', TG_TABLE_NAME USING ERRCODE = '55000';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER frozen BEFORE UPDATE ON settlements FOR EACH ROW EXECUTE FUNCTION refuse_other_columns('voided_at');
CREATE TRIGGER frozen BEFORE UPDATE ON payment_exceptions FOR EACH ROW EXECUTE FUNCTION refuse_other_columns('state', 'resolved_at', 'version');
CREATE TRIGGER frozen BEFORE UPDATE ON payment_attempts FOR EACH ROW EXECUTE FUNCTION refuse_other_columns('state');
CREATE TRIGGER frozen BEFORE UPDATE ON checkout_sessions FOR EACH ROW
    EXECUTE FUNCTION refuse_other_columns('url', 'state', 'payment_status', 'payment_intent_id', 'checks', 'next_check_at', 'decline_code', 'updated_at');
CREATE TRIGGER frozen BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION refuse_other_columns('name', 'archived_at');

-- A payment intent, once known, stays with its session; a session that ended never opens again.
CREATE FUNCTION session_goes_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'OPEN' AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'checkout session % is %, not to become %', OLD.id, OLD.state, NEW.state USING ERRCODE = '55000';
    END IF;
    IF OLD.payment_intent_id IS NOT NULL AND NEW.payment_intent_id IS DISTINCT FROM OLD.payment_intent_id THEN
        RAISE EXCEPTION 'the payment intent of checkout session % never changes', OLD.id USING ERRCODE = '55000';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER forward BEFORE UPDATE ON checkout_sessions FOR EACH ROW EXECUTE FUNCTION session_goes_forward();

-- A rate that was missing may be filled in, once (I-21).
CREATE FUNCTION snapshot_filled_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'UNAVAILABLE' OR NEW.state <> 'OK' THEN
        RAISE EXCEPTION 'FX snapshot % never changes', OLD.id USING ERRCODE = '55000';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER filled_once BEFORE UPDATE ON fx_snapshots FOR EACH ROW EXECUTE FUNCTION snapshot_filled_once();
CREATE TRIGGER frozen BEFORE UPDATE ON fx_snapshots FOR EACH ROW EXECUTE FUNCTION refuse_other_columns('state', 'rate', 'source', 'as_of', 'fetched_at');

-- ---------------------------------------------------------------- a link's history is a path (I-18, I-19)
CREATE FUNCTION apply_status() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE link payment_links;
BEGIN
    SELECT * INTO link FROM payment_links WHERE id = NEW.link_id AND organization_id = NEW.organization_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no link % in this organization', NEW.link_id USING ERRCODE = '23503';
    END IF;
    IF link.status <> NEW.from_status THEN
        RAISE EXCEPTION 'link % is %, not %', NEW.link_id, link.status, NEW.from_status USING ERRCODE = '55000';
    END IF;
    NEW.seq := link.status_seq + 1;
    UPDATE payment_links SET
        status = NEW.to_status,
        status_seq = NEW.seq,
        version = version + 1,
        opened_at = CASE WHEN NEW.to_status = 'OPEN' THEN coalesce(opened_at, NEW.effective_at) ELSE opened_at END,
        paid_at = CASE WHEN NEW.to_status = 'PAID' THEN NEW.effective_at END,
        closed_at = CASE WHEN NEW.to_status IN ('EXPIRED', 'CANCELED') THEN NEW.effective_at END
    WHERE id = NEW.link_id;
    RETURN NEW;
END $$;
CREATE TRIGGER apply_status BEFORE INSERT ON link_status_events FOR EACH ROW EXECUTE FUNCTION apply_status();

-- Amount, currency, code and organization are frozen once a link has been OPEN (I-14).
CREATE FUNCTION freeze_money() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.organization_id <> OLD.organization_id OR NEW.id <> OLD.id OR NEW.short_code <> OLD.short_code THEN
        RAISE EXCEPTION 'link % stays where it is', OLD.id USING ERRCODE = '55000';
    END IF;
    IF OLD.opened_at IS NOT NULL AND (NEW.amount_minor, NEW.currency) IS DISTINCT FROM (OLD.amount_minor, OLD.currency) THEN
        RAISE EXCEPTION 'the amount of link % is frozen', OLD.id USING ERRCODE = '55000';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER freeze_money BEFORE UPDATE ON payment_links FOR EACH ROW EXECUTE FUNCTION freeze_money();

-- A link is born with its first step, in the same transaction.
CREATE FUNCTION link_has_begun() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (SELECT status FROM payment_links WHERE id = NEW.id) = 'NEW' THEN
        RAISE EXCEPTION 'link % has no first step', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER link_has_begun AFTER INSERT ON payment_links DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION link_has_begun();

-- ---------------------------------------------------------------- journals balance and are sealed (I-01, I-02)
CREATE FUNCTION journal_sealed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (SELECT created_xid FROM journals WHERE id = NEW.journal_id) IS DISTINCT FROM pg_current_xact_id() THEN
        RAISE EXCEPTION 'journal % is sealed', NEW.journal_id USING ERRCODE = '55000';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sealed BEFORE INSERT ON ledger_entries FOR EACH ROW EXECUTE FUNCTION journal_sealed();

CREATE FUNCTION journal_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.created_xid := pg_current_xact_id();
    RETURN NEW;
END $$;
CREATE TRIGGER stamp BEFORE INSERT ON journals FOR EACH ROW EXECUTE FUNCTION journal_stamp();

CREATE FUNCTION journal_balanced() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE debit numeric; credit numeric; lines int;
BEGIN
    SELECT coalesce(sum(amount_minor) FILTER (WHERE side = 'DEBIT'), 0), coalesce(sum(amount_minor) FILTER (WHERE side = 'CREDIT'), 0), count(*)
        INTO debit, credit, lines FROM ledger_entries WHERE journal_id = NEW.id;
    IF lines < 2 OR debit <> credit THEN
        RAISE EXCEPTION 'journal % does not balance: % lines, debit %, credit %', NEW.id, lines, debit, credit USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON journals DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION journal_balanced();

-- ---------------------------------------------------------------- PAID is complete, in both directions (I-08, I-11, I-12)
-- One function judges a link as it is at the commit; every row that could make it wrong asks for the judgement.
CREATE FUNCTION judge_link(judged uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    link payment_links;
    live settlements;
    sale bigint;
    paid bigint;
BEGIN
    SELECT * INTO link FROM payment_links WHERE id = judged;
    SELECT * INTO live FROM settlements WHERE link_id = judged AND voided_at IS NULL;
    IF (link.status = 'PAID') <> (live.id IS NOT NULL) THEN
        RAISE EXCEPTION 'link % is % and has % live settlement', judged, link.status, CASE WHEN live.id IS NULL THEN 'no' ELSE 'a' END
            USING ERRCODE = '23514';
    END IF;
    IF live.id IS NOT NULL THEN
        IF live.amount_minor <> link.amount_minor THEN
            RAISE EXCEPTION 'settlement % is not of the link''s amount', live.id USING ERRCODE = '23514';
        END IF;
        SELECT sum(e.amount_minor) INTO sale FROM journals j JOIN ledger_entries e ON e.journal_id = j.id
            WHERE j.source_type = 'SETTLEMENT' AND j.source_id = live.id AND j.kind = 'SALE' AND j.link_id = judged
              AND e.account_code = '1200' AND e.side = 'DEBIT';
        SELECT sum(e.amount_minor) INTO paid FROM journals j JOIN ledger_entries e ON e.journal_id = j.id
            WHERE j.source_type = 'SETTLEMENT' AND j.source_id = live.id AND j.kind = 'PAYMENT' AND j.link_id = judged
              AND e.account_code = '1200' AND e.side = 'CREDIT';
        IF sale IS DISTINCT FROM link.amount_minor OR paid IS DISTINCT FROM link.amount_minor THEN
            RAISE EXCEPTION 'settlement % lacks its sale and payment journals over %: sale %, payment %', live.id, link.amount_minor, sale, paid
                USING ERRCODE = '23514';
        END IF;
    END IF;
    -- A sale that is not reversed belongs to a live settlement.
    IF EXISTS (SELECT FROM journals j WHERE j.link_id = judged AND j.kind = 'SALE' AND j.source_id IS DISTINCT FROM live.id
               AND NOT EXISTS (SELECT FROM journals r WHERE r.reverses_id = j.id)) THEN
        RAISE EXCEPTION 'link % is % and has a sale that is not reversed', judged, link.status USING ERRCODE = '23514';
    END IF;
END $$;

CREATE FUNCTION judge_own_link() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM judge_link(NEW.id);
    RETURN NULL;
END $$;
CREATE FUNCTION judge_its_link() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM judge_link(NEW.link_id);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER paid_is_complete AFTER UPDATE OF status ON payment_links DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status = 'PAID' OR OLD.status = 'PAID') EXECUTE FUNCTION judge_own_link();
CREATE CONSTRAINT TRIGGER settled_is_paid AFTER INSERT OR UPDATE OF voided_at ON settlements DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION judge_its_link();
CREATE CONSTRAINT TRIGGER sale_belongs AFTER INSERT ON journals DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind IN ('SALE', 'PAYMENT') AND NEW.link_id IS NOT NULL) EXECUTE FUNCTION judge_its_link();

-- A sale or payment journal always has its settlement's link and source.
ALTER TABLE journals ADD CONSTRAINT ck_journals_settlement_kinds CHECK (
    (kind IN ('SALE', 'PAYMENT')) = (source_type = 'SETTLEMENT') AND (kind NOT IN ('SALE', 'PAYMENT') OR link_id IS NOT NULL));

-- ---------------------------------------------------------------- every payment did one thing, with its journal (I-07, I-09)
CREATE FUNCTION judge_payment() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.outcome = 'SETTLED' THEN
        IF NOT EXISTS (SELECT FROM settlement_parts p JOIN settlements s ON s.id = p.settlement_id
                       WHERE p.payment_id = NEW.id AND s.link_id = NEW.link_id) THEN
            RAISE EXCEPTION 'payment % settled nothing', NEW.id USING ERRCODE = '23514';
        END IF;
    ELSE
        IF NOT EXISTS (SELECT FROM payment_exceptions WHERE payment_id = NEW.id) THEN
            RAISE EXCEPTION 'payment % settled nothing and is no exception: it would be invisible', NEW.id USING ERRCODE = '23514';
        END IF;
        IF NOT EXISTS (SELECT FROM journals j JOIN ledger_entries e ON e.journal_id = j.id
                       WHERE j.source_type = 'PAYMENT' AND j.source_id = NEW.id AND j.kind = 'CREDIT' AND j.currency = NEW.currency
                       AND e.side = 'DEBIT' GROUP BY j.id HAVING sum(e.amount_minor) = NEW.value_minor) THEN
            RAISE EXCEPTION 'payment % has no journal over its value', NEW.id USING ERRCODE = '23514';
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER did_one_thing AFTER INSERT ON payments DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION judge_payment();

-- A settlement takes no more of a payment than there is.
CREATE FUNCTION part_fits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE payment payments; taken bigint;
BEGIN
    SELECT * INTO payment FROM payments WHERE id = NEW.payment_id;
    SELECT sum(p.amount_minor) INTO taken FROM settlement_parts p JOIN settlements s ON s.id = p.settlement_id
        WHERE p.payment_id = NEW.payment_id AND s.voided_at IS NULL;
    IF taken > payment.value_minor THEN
        RAISE EXCEPTION 'settlements take more than payment % brought', NEW.payment_id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER part_fits AFTER INSERT ON settlement_parts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION part_fits();

-- ---------------------------------------------------------------- people (I-31)
-- At least one owner: the check locks the organization, so that two who leave at once cannot both succeed.
CREATE FUNCTION owner_remains() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE judged uuid;
BEGIN
    IF TG_TABLE_NAME = 'organizations' THEN
        judged := NEW.id;
    ELSE
        judged := OLD.organization_id;
    END IF;
    PERFORM 1 FROM organizations WHERE id = judged FOR UPDATE;
    IF NOT EXISTS (SELECT FROM memberships WHERE organization_id = judged AND role = 'OWNER') THEN
        RAISE EXCEPTION 'organization % needs an owner', judged USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER owner_remains AFTER INSERT ON organizations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION owner_remains();
CREATE CONSTRAINT TRIGGER owner_remains AFTER UPDATE OR DELETE ON memberships DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION owner_remains();
