-- What hostile writes still got through, closed. The invariants' numbers are those of docs/reference/invariants.md.

-- ---------------------------------------------------------------- judges see every row (I-01, I-07, I-12, I-31)
-- The functions below judge at the commit, and row-level security bound them to whatever organization `app.org_id` named at that
-- moment: with another one set just before the commit they saw nothing and let everything pass. At the end of this file they are
-- handed to provvypay_lookup, which row-level security does not bind; so every query names its organization itself.

-- ---------------------------------------------------------------- a link's status is its last event (I-18, I-19)
DROP TRIGGER link_has_begun ON payment_links;
DROP FUNCTION link_has_begun();
CREATE FUNCTION status_is_last_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payment_links l JOIN link_status_events e ON e.link_id = l.id AND e.seq = l.status_seq AND e.to_status = l.status
                   WHERE l.id = NEW.id) THEN
        RAISE EXCEPTION 'the status of link % is not what its last event says', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER status_is_last_event AFTER INSERT OR UPDATE OF status, status_seq ON payment_links DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION status_is_last_event();

-- A discarded draft was never OPEN and may still become PAID by a person's act: its amount is frozen too (I-14).
CREATE OR REPLACE FUNCTION freeze_money() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.organization_id <> OLD.organization_id OR NEW.id <> OLD.id OR NEW.short_code <> OLD.short_code THEN
        RAISE EXCEPTION 'link % stays where it is', OLD.id USING ERRCODE = '55000';
    END IF;
    IF OLD.opened_at IS NOT NULL AND NEW.opened_at IS DISTINCT FROM OLD.opened_at THEN
        RAISE EXCEPTION 'link % was opened once', OLD.id USING ERRCODE = '55000';
    END IF;
    IF (OLD.opened_at IS NOT NULL OR OLD.status NOT IN ('NEW', 'DRAFT'))
        AND (NEW.amount_minor, NEW.currency) IS DISTINCT FROM (OLD.amount_minor, OLD.currency) THEN
        RAISE EXCEPTION 'the amount of link % is frozen', OLD.id USING ERRCODE = '55000';
    END IF;
    RETURN NEW;
END $$;

-- ---------------------------------------------------------------- a journal's lines come together (I-01, I-02)
-- After SET CONSTRAINTS ALL IMMEDIATE a journal had been judged, and further lines could still join it in the same transaction.
DROP TRIGGER sealed ON ledger_entries;
DROP FUNCTION journal_sealed();
CREATE FUNCTION lines_come_together() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE found_id uuid;
BEGIN
    SELECT a.journal_id INTO found_id FROM (SELECT journal_id, count(*) AS lines FROM added GROUP BY journal_id) a
        LEFT JOIN journals j ON j.id = a.journal_id
        WHERE j.created_xid IS DISTINCT FROM pg_current_xact_id()
           OR a.lines <> (SELECT count(*) FROM ledger_entries e WHERE e.journal_id = a.journal_id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'journal % is sealed: its lines come in one statement, in its own transaction', found_id USING ERRCODE = '55000';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sealed AFTER INSERT ON ledger_entries REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION lines_come_together();

-- ---------------------------------------------------------------- a journal says what its source says (I-01, I-04, I-06, I-11)
-- A source is an id without a foreign key, so a journal could name a fact that does not exist, or book another amount, currency or
-- account than the fact has. Each kind has one shape; what joins later (parts, tolerance, refunds) widens it here.
DROP TRIGGER balanced ON journals;
DROP FUNCTION journal_balanced();
CREATE FUNCTION judge_journal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    lines int;
    credits int;
    debit numeric;
    credit numeric;
    shape text;
    received boolean;
    fits boolean;
BEGIN
    SELECT count(*), count(*) FILTER (WHERE side = 'CREDIT'),
           coalesce(sum(amount_minor) FILTER (WHERE side = 'DEBIT'), 0), coalesce(sum(amount_minor) FILTER (WHERE side = 'CREDIT'), 0),
           string_agg(format('%s %s %s', side, account_code, amount_minor), ', ' ORDER BY side DESC, account_code, amount_minor),
           bool_and(side = 'CREDIT' OR account_code = '1000' OR account_code BETWEEN '1050' AND '1054')
        INTO lines, credits, debit, credit, shape, received FROM ledger_entries WHERE journal_id = NEW.id;
    IF lines < 2 OR debit <> credit THEN
        RAISE EXCEPTION 'journal % does not balance: % lines, debit %, credit %', NEW.id, lines, debit, credit USING ERRCODE = '23514';
    END IF;
    CASE
        WHEN NEW.kind IN ('SALE', 'PAYMENT') AND NEW.source_type = 'SETTLEMENT' THEN
            SELECT CASE NEW.kind WHEN 'SALE' THEN shape = format('DEBIT 1200 %1$s, CREDIT 4000 %1$s', s.amount_minor)
                                 ELSE received AND credits = 1 AND shape LIKE format('%%, CREDIT 1200 %s', s.amount_minor) END
                INTO fits FROM settlements s WHERE s.id = NEW.source_id AND s.organization_id = NEW.organization_id AND s.link_id = NEW.link_id
                AND s.currency = NEW.currency AND s.voided_at IS NULL;
        WHEN NEW.kind = 'CREDIT' AND NEW.source_type = 'PAYMENT' THEN
            SELECT received AND credits = 1 AND shape LIKE format('%%, CREDIT 2100 %s', p.value_minor)
                INTO fits FROM payments p WHERE p.id = NEW.source_id AND p.organization_id = NEW.organization_id
                AND p.link_id IS NOT DISTINCT FROM NEW.link_id AND p.currency = NEW.currency AND p.outcome = 'EXCEPTION';
        WHEN NEW.kind IN ('FEE', 'CONVERSION_OUT', 'CONVERSION_IN') AND NEW.source_type = 'BALANCE_TRANSACTION' THEN
            SELECT CASE NEW.kind
                    WHEN 'FEE' THEN b.currency = NEW.currency AND shape = format('DEBIT 6100 %1$s, CREDIT 1050 %1$s', b.fee_minor)
                    WHEN 'CONVERSION_OUT' THEN b.currency <> p.currency AND p.currency = NEW.currency
                        AND shape = format('DEBIT 1190 %1$s, CREDIT 1050 %1$s', p.value_minor)
                    ELSE b.currency <> p.currency AND b.currency = NEW.currency
                        AND shape = format('DEBIT 1050 %1$s, CREDIT 1190 %1$s', b.amount_minor) END
                INTO fits FROM balance_transactions b JOIN payments p ON p.id = b.payment_id
                WHERE b.id = NEW.source_id AND b.organization_id = NEW.organization_id AND p.link_id IS NOT DISTINCT FROM NEW.link_id;
        WHEN NEW.kind = 'REVERSAL' AND NEW.source_type = 'JOURNAL' AND NEW.source_id = NEW.reverses_id THEN
            -- Only what a settlement booked is ever taken back, and only once it is voided; line by line, the sides exchanged.
            SELECT shape = (SELECT string_agg(format('%s %s %s', m.side, m.account_code, m.amount_minor), ', '
                                              ORDER BY m.side DESC, m.account_code, m.amount_minor)
                            FROM (SELECT CASE side WHEN 'DEBIT' THEN 'CREDIT' ELSE 'DEBIT' END AS side, account_code, amount_minor
                                  FROM ledger_entries WHERE journal_id = r.id) m)
                INTO fits FROM journals r JOIN settlements s ON s.id = r.source_id AND s.voided_at IS NOT NULL
                WHERE r.id = NEW.reverses_id AND r.organization_id = NEW.organization_id AND r.kind IN ('SALE', 'PAYMENT')
                AND r.link_id = NEW.link_id AND r.currency = NEW.currency;
        ELSE
            fits := false;
    END CASE;
    IF fits IS NOT TRUE THEN
        RAISE EXCEPTION 'journal % (%, %) is not what its source says: %', NEW.id, NEW.kind, NEW.currency, shape USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER true_to_source AFTER INSERT ON journals DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION judge_journal();

ALTER TABLE ledger_entries ADD CONSTRAINT ck_ledger_entries_asset_amount CHECK (asset_amount > 0);

-- ---------------------------------------------------------------- PAID is complete, with money behind it (I-08, I-11, I-12)
-- judge_journal() holds each journal to its settlement, so a link asks only that both are there, and that nothing else stands.
DROP TRIGGER sale_belongs ON journals;
DROP TRIGGER settled_is_paid ON settlements;
DROP FUNCTION judge_its_link();
CREATE OR REPLACE FUNCTION judge_link(judged uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    link payment_links;
    live settlements;
    taken numeric;
    sales int;
    receipts int;
    others int;
BEGIN
    SELECT * INTO link FROM payment_links WHERE id = judged;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no link % to judge', judged USING ERRCODE = '23514';
    END IF;
    SELECT * INTO live FROM settlements WHERE link_id = judged AND voided_at IS NULL;
    IF (link.status = 'PAID') <> (live.id IS NOT NULL) THEN
        RAISE EXCEPTION 'link % is % and has % live settlement', judged, link.status, CASE WHEN live.id IS NULL THEN 'no' ELSE 'a' END
            USING ERRCODE = '23514';
    END IF;
    SELECT count(*) FILTER (WHERE j.source_id = live.id AND j.kind = 'SALE'), count(*) FILTER (WHERE j.source_id = live.id AND j.kind = 'PAYMENT'),
           count(*) FILTER (WHERE j.source_id IS DISTINCT FROM live.id)
        INTO sales, receipts, others FROM journals j
        WHERE j.organization_id = link.organization_id AND j.link_id = judged AND j.kind IN ('SALE', 'PAYMENT')
          AND NOT EXISTS (SELECT FROM journals r WHERE r.reverses_id = j.id);
    IF others > 0 THEN
        RAISE EXCEPTION 'link % is % and has a sale or payment journal that is not reversed', judged, link.status USING ERRCODE = '23514';
    END IF;
    IF live.id IS NULL THEN
        RETURN;
    END IF;
    IF live.amount_minor <> link.amount_minor THEN
        RAISE EXCEPTION 'settlement % is not of the link''s amount', live.id USING ERRCODE = '23514';
    END IF;
    IF sales <> 1 OR receipts <> 1 THEN
        RAISE EXCEPTION 'settlement % lacks its sale or its payment journal', live.id USING ERRCODE = '23514';
    END IF;
    SELECT coalesce(sum(amount_minor), 0) INTO taken FROM settlement_parts WHERE settlement_id = live.id;
    IF taken <> live.amount_minor THEN
        RAISE EXCEPTION 'settlement % of % is carried by payments over %', live.id, live.amount_minor, taken USING ERRCODE = '23514';
    END IF;
END $$;

CREATE FUNCTION judge_settlement() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM judge_link(NEW.link_id);
    -- A new one only asks whether the link is PAID: becoming PAID is what has the link judged as a whole.
    ELSIF NEW.voided_at IS NULL AND NOT EXISTS (SELECT FROM payment_links WHERE id = NEW.link_id AND status = 'PAID') THEN
        RAISE EXCEPTION 'settlement % is live and link % is not PAID', NEW.id, NEW.link_id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER settled_is_paid AFTER INSERT OR UPDATE OF voided_at ON settlements DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION judge_settlement();

-- ---------------------------------------------------------------- money does one thing, wholly (I-07, I-09, I-13)
CREATE OR REPLACE FUNCTION judge_payment() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE settled numeric;
BEGIN
    IF NEW.attempt_id IS NOT NULL AND NOT EXISTS (SELECT FROM payment_attempts WHERE id = NEW.attempt_id AND link_id = NEW.link_id) THEN
        RAISE EXCEPTION 'payment % names the attempt of another link', NEW.id USING ERRCODE = '23514';
    END IF;
    IF NEW.outcome = 'SETTLED' THEN
        SELECT sum(p.amount_minor) INTO settled FROM settlement_parts p JOIN settlements s ON s.id = p.settlement_id
            WHERE p.payment_id = NEW.id AND s.link_id = NEW.link_id AND s.voided_at IS NULL;
        IF settled IS DISTINCT FROM NEW.value_minor THEN
            RAISE EXCEPTION 'payment % of % settled %', NEW.id, NEW.value_minor, coalesce(settled::text, 'nothing') USING ERRCODE = '23514';
        END IF;
    ELSE
        IF NOT EXISTS (SELECT FROM payment_exceptions WHERE payment_id = NEW.id) THEN
            RAISE EXCEPTION 'payment % settled nothing and is no exception: it would be invisible', NEW.id USING ERRCODE = '23514';
        END IF;
        IF NOT EXISTS (SELECT FROM journals WHERE source_type = 'PAYMENT' AND source_id = NEW.id AND kind = 'CREDIT') THEN
            RAISE EXCEPTION 'payment % has no journal over its value', NEW.id USING ERRCODE = '23514';
        END IF;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION part_fits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE payment payments; settlement settlements; taken numeric; carried numeric;
BEGIN
    SELECT * INTO payment FROM payments WHERE id = NEW.payment_id;
    SELECT * INTO settlement FROM settlements WHERE id = NEW.settlement_id;
    -- Held money stands in 2100 already: settling with it too would count it twice.
    IF payment.outcome IS DISTINCT FROM 'SETTLED' OR payment.link_id IS DISTINCT FROM settlement.link_id OR settlement.voided_at IS NOT NULL THEN
        RAISE EXCEPTION 'payment % is not there for settlement % to take', NEW.payment_id, NEW.settlement_id USING ERRCODE = '23514';
    END IF;
    SELECT sum(p.amount_minor) INTO taken FROM settlement_parts p JOIN settlements s ON s.id = p.settlement_id
        WHERE p.payment_id = NEW.payment_id AND s.voided_at IS NULL;
    IF taken > payment.value_minor THEN
        RAISE EXCEPTION 'settlements take more than payment % brought', NEW.payment_id USING ERRCODE = '23514';
    END IF;
    SELECT sum(amount_minor) INTO carried FROM settlement_parts WHERE settlement_id = NEW.settlement_id;
    IF carried <> settlement.amount_minor THEN
        RAISE EXCEPTION 'settlement % of % is carried by payments over %', settlement.id, settlement.amount_minor, carried USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION judge_exception() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payments WHERE id = NEW.payment_id AND outcome = 'EXCEPTION' AND link_id IS NOT DISTINCT FROM NEW.link_id) THEN
        RAISE EXCEPTION 'payment % is not held, so it is no exception', NEW.payment_id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER is_held_money AFTER INSERT ON payment_exceptions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION judge_exception();

-- What the processor kept or converted is booked with the fact that says so (I-07).
CREATE FUNCTION judge_balance_transaction() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE wanted text[]; booked text[];
BEGIN
    SELECT array_remove(ARRAY[CASE WHEN p.currency <> NEW.currency THEN 'CONVERSION_IN' END, CASE WHEN p.currency <> NEW.currency THEN 'CONVERSION_OUT' END,
                              CASE WHEN NEW.fee_minor > 0 THEN 'FEE' END], NULL)
        INTO wanted FROM payments p WHERE p.id = NEW.payment_id AND p.provider = 'STRIPE';
    SELECT coalesce(array_agg(kind ORDER BY kind), '{}') INTO booked FROM journals WHERE source_type = 'BALANCE_TRANSACTION' AND source_id = NEW.id;
    IF wanted IS DISTINCT FROM booked THEN
        RAISE EXCEPTION 'balance transaction % wants journals %, and has %', NEW.id, wanted, booked USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER is_booked AFTER INSERT ON balance_transactions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION judge_balance_transaction();

-- ---------------------------------------------------------------- messages go forward (I-10, I-24)
-- A lease's token counts up, or a worker that lost its lease could finish in another's name; what is done stays done.
CREATE FUNCTION refuse_going_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'message % of % does not go back', OLD.id, TG_TABLE_NAME USING ERRCODE = '55000';
END $$;
CREATE TRIGGER forward BEFORE UPDATE ON outbox FOR EACH ROW
    WHEN (NEW.lease_token < OLD.lease_token OR OLD.done_at IS NOT NULL) EXECUTE FUNCTION refuse_going_back();
CREATE TRIGGER forward BEFORE UPDATE ON inbox FOR EACH ROW
    WHEN (NEW.lease_token < OLD.lease_token OR OLD.state = 'DONE') EXECUTE FUNCTION refuse_going_back();

-- Without the cap one message whose worker died at it twenty times would fail the claim of all others.
CREATE OR REPLACE FUNCTION claim_outbox(most int, lease_seconds int)
    RETURNS TABLE (id bigint, organization_id uuid, topic text, payload jsonb, lease_token int, attempts int)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH claimed AS (
        SELECT o.id FROM outbox o
        WHERE o.done_at IS NULL AND o.dead_at IS NULL AND o.available_at <= clock_timestamp()
          AND (o.lease_until IS NULL OR o.lease_until < clock_timestamp())
        ORDER BY o.available_at, o.id LIMIT most FOR UPDATE SKIP LOCKED)
    UPDATE outbox o SET lease_until = clock_timestamp() + make_interval(secs => lease_seconds), lease_token = o.lease_token + 1,
        attempts = least(o.attempts + 1, 20)
    FROM claimed WHERE o.id = claimed.id
    RETURNING o.id, o.organization_id, o.topic, o.payload, o.lease_token, o.attempts;
$$;

-- ---------------------------------------------------------------- people (I-31)
-- A lock alone does not stop two who leave under REPEATABLE READ, each with a snapshot that still shows the other; an update does.
CREATE OR REPLACE FUNCTION owner_remains() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE judged uuid;
BEGIN
    IF TG_TABLE_NAME = 'organizations' THEN
        judged := NEW.id;
    ELSE
        judged := OLD.organization_id;
        UPDATE organizations SET version = version WHERE id = judged;
    END IF;
    IF NOT EXISTS (SELECT FROM memberships WHERE organization_id = judged AND role = 'OWNER') THEN
        RAISE EXCEPTION 'organization % needs an owner', judged USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
GRANT UPDATE (version) ON organizations TO provvypay_lookup;

-- Nobody becomes a platform admin through the web.
REVOKE INSERT ON users FROM provvypay_web;
GRANT INSERT (id, email, name, password_hash) ON users TO provvypay_web;

-- ---------------------------------------------------------------- whose functions they are, and who may call them (I-30)
GRANT CREATE ON SCHEMA public TO provvypay_lookup;
DO $$
DECLARE f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname = 'public' AND p.proname IN ('status_is_last_event', 'lines_come_together', 'judge_journal', 'judge_link', 'judge_own_link',
                 'judge_settlement', 'judge_payment', 'part_fits', 'judge_exception', 'judge_balance_transaction', 'owner_remains')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO provvypay_lookup', f);
    END LOOP;
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public'
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
REVOKE CREATE ON SCHEMA public FROM provvypay_lookup;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
