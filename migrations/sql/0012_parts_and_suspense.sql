-- Settlements carried by several payments, short within tolerance or over by rounding; money that names no link; decisions about held
-- money. What judges at the commit widens with it (docs/explanation/settlement.md). Replaced functions keep owner and grants.

-- Where a provider's money is held: the account of each rail and token.
CREATE FUNCTION clearing_account(provider text, asset text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE provider WHEN 'STRIPE' THEN '1050' WHEN 'MANUAL' THEN '1000' ELSE
        CASE asset WHEN 'HBAR' THEN '1051' WHEN 'USDC' THEN '1052' WHEN 'USDT' THEN '1053' WHEN 'AUDD' THEN '1054' END END
$$;

-- The one rule for which code a memo names: ASCII upper case, no ASCII spaces and quotes, nothing looser.
CREATE FUNCTION memo_code(memo text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(memo, 'abcdefghijklmnopqrstuvwxyz "''', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ')
$$;

-- ---------------------------------------------------------------- a journal says what its source says (I-01, I-04, I-06, I-11)
-- Lines are written as one text in one order; tokens stand behind the amount.
CREATE FUNCTION journal_shape(judged uuid, mirrored boolean) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT string_agg(line, ', ' ORDER BY line) FROM (
        SELECT format('%s %s %s', CASE WHEN (side = 'DEBIT') <> mirrored THEN 'DEBIT' ELSE 'CREDIT' END, account_code, amount_minor)
            || coalesce(' ' || asset || ' ' || asset_amount, '') AS line
        FROM ledger_entries WHERE journal_id = judged) AS lines
$$;

-- What the payment journal of a settlement must say: the money that came, earlier parts out of 2100, and what was missing, against the
-- receivable and what came on top.
CREATE FUNCTION settlement_shape(settled settlements) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH parts AS (
        SELECT part.amount_minor, part.resolution_id, p.value_minor, p.provider, p.asset, p.asset_amount
        FROM settlement_parts part JOIN payments p ON p.id = part.payment_id WHERE part.settlement_id = settled.id),
    sums AS (
        SELECT coalesce(sum(amount_minor) FILTER (WHERE resolution_id IS NOT NULL), 0) AS earlier,
            coalesce(sum(value_minor - amount_minor) FILTER (WHERE resolution_id IS NULL), 0) - settled.rounded_off_minor AS surplus
        FROM parts)
    SELECT string_agg(line, ', ' ORDER BY line) FROM (
        SELECT format('DEBIT %s %s', clearing_account(provider, asset), value_minor) || coalesce(' ' || asset || ' ' || asset_amount, '')
            FROM parts WHERE resolution_id IS NULL
        UNION ALL SELECT format('DEBIT 2100 %s', earlier) FROM sums WHERE earlier > 0
        UNION ALL SELECT format('DEBIT 6120 %s', settled.written_off_minor) WHERE settled.written_off_minor > 0
        UNION ALL SELECT format('CREDIT 1200 %s', settled.amount_minor)
        UNION ALL SELECT format('CREDIT 2100 %s', surplus) FROM sums WHERE surplus <> 0
        UNION ALL SELECT format('CREDIT 6120 %s', settled.rounded_off_minor) WHERE settled.rounded_off_minor > 0) AS wanted (line)
$$;

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
        WHEN NEW.kind IN ('FEE', 'CONVERSION_OUT', 'CONVERSION_IN') AND NEW.source_type = 'BALANCE_TRANSACTION' THEN
            SELECT CASE NEW.kind
                    WHEN 'FEE' THEN b.currency = NEW.currency
                        AND shape = format(CASE WHEN b.fee_minor > 0 THEN 'CREDIT 1050 %1$s, DEBIT 6100 %1$s'
                                                ELSE 'CREDIT 6100 %1$s, DEBIT 1050 %1$s' END, abs(b.fee_minor))
                    WHEN 'CONVERSION_OUT' THEN b.currency <> p.currency AND p.currency = NEW.currency
                        AND shape = format('CREDIT 1050 %1$s, DEBIT 1190 %1$s', p.value_minor)
                    ELSE b.currency <> p.currency AND b.currency = NEW.currency
                        AND shape = format('CREDIT 1190 %1$s, DEBIT 1050 %1$s', b.amount_minor) END
                INTO fits FROM balance_transactions b JOIN payments p ON p.id = b.payment_id
                WHERE b.id = NEW.source_id AND b.organization_id = NEW.organization_id AND p.link_id IS NOT DISTINCT FROM NEW.link_id;
        WHEN NEW.kind = 'REVERSAL' AND NEW.source_type = 'JOURNAL' AND NEW.source_id = NEW.reverses_id THEN
            -- Only what a settlement booked is ever taken back, and only once it is voided; line by line, the sides exchanged.
            SELECT shape = journal_shape(r.id, true)
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

-- ---------------------------------------------------------------- PAID is complete, with money behind it (I-08, I-11, I-12)
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
    SELECT coalesce(sum(amount_minor), 0) + live.written_off_minor INTO taken FROM settlement_parts WHERE settlement_id = live.id;
    IF taken <> live.amount_minor THEN
        RAISE EXCEPTION 'settlement % of % is carried by payments over %', live.id, live.amount_minor, taken USING ERRCODE = '23514';
    END IF;
END $$;

-- ---------------------------------------------------------------- money does one thing, wholly (I-07, I-09, I-13, I-17)
CREATE OR REPLACE FUNCTION judge_payment() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE used numeric;
BEGIN
    IF NEW.attempt_id IS NOT NULL AND NOT EXISTS (SELECT FROM payment_attempts WHERE id = NEW.attempt_id AND link_id = NEW.link_id) THEN
        RAISE EXCEPTION 'payment % names the attempt of another link', NEW.id USING ERRCODE = '23514';
    END IF;
    IF NEW.transfer_id IS NOT NULL AND NOT EXISTS (SELECT FROM hedera_transfers t WHERE t.id = NEW.transfer_id AND t.direction = 'IN'
            AND t.asset = NEW.asset AND t.amount = NEW.asset_amount AND t.link_id IS NOT DISTINCT FROM NEW.link_id
            AND t.consensus_timestamp IS NOT DISTINCT FROM NEW.consensus_timestamp) THEN
        RAISE EXCEPTION 'payment % is not what its transfer says', NEW.id USING ERRCODE = '23514';
    END IF;
    IF NEW.outcome = 'SETTLED' THEN
        -- By itself settles only a plain transfer whose memo is the link's code.
        IF NEW.transfer_id IS NOT NULL AND NOT EXISTS (SELECT FROM hedera_transfers t JOIN payment_links l ON l.id = t.link_id
                WHERE t.id = NEW.transfer_id AND t.concern IS NULL AND memo_code(t.memo) = l.short_code
                AND (t.kind = 'erc20' OR (t.name = 'CRYPTOTRANSFER' AND t.nonce = 0))) THEN
            RAISE EXCEPTION 'payment % came in a way that does not settle by itself', NEW.id USING ERRCODE = '23514';
        END IF;
        SELECT (SELECT sum(p.amount_minor + s.rounded_off_minor) FROM settlement_parts p JOIN settlements s ON s.id = p.settlement_id
                WHERE p.payment_id = NEW.id AND p.resolution_id IS NULL AND s.link_id = NEW.link_id AND s.voided_at IS NULL)
            + coalesce((SELECT amount_minor FROM payment_exceptions WHERE payment_id = NEW.id), 0) INTO used;
        IF used IS DISTINCT FROM NEW.value_minor THEN
            RAISE EXCEPTION 'payment % of % settled %', NEW.id, NEW.value_minor, coalesce(used::text, 'nothing') USING ERRCODE = '23514';
        END IF;
    ELSE
        IF NOT EXISTS (SELECT FROM payment_exceptions WHERE payment_id = NEW.id) THEN
            RAISE EXCEPTION 'payment % settled nothing and is no exception: it would be invisible', NEW.id USING ERRCODE = '23514';
        END IF;
        IF NOT EXISTS (SELECT FROM journals WHERE source_type = 'PAYMENT' AND source_id = NEW.id
                AND kind = CASE WHEN NEW.link_id IS NULL THEN 'SUSPENSE' ELSE 'CREDIT' END) THEN
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
    -- Held money stands in 2100 already: only a decision takes it from there, and for this settlement.
    IF payment.link_id IS DISTINCT FROM settlement.link_id OR settlement.voided_at IS NOT NULL
        OR (NEW.resolution_id IS NULL AND payment.outcome IS DISTINCT FROM 'SETTLED')
        OR (NEW.resolution_id IS NOT NULL AND NOT EXISTS (SELECT FROM payment_resolutions r JOIN payment_exceptions e ON e.id = r.exception_id
            WHERE r.id = NEW.resolution_id AND r.settlement_id = NEW.settlement_id AND e.payment_id = NEW.payment_id
            AND (r.amount_minor, r.currency) = (NEW.amount_minor, NEW.currency))) THEN
        RAISE EXCEPTION 'payment % is not there for settlement % to take', NEW.payment_id, NEW.settlement_id USING ERRCODE = '23514';
    END IF;
    SELECT sum(p.amount_minor) INTO taken FROM settlement_parts p JOIN settlements s ON s.id = p.settlement_id
        WHERE p.payment_id = NEW.payment_id AND s.voided_at IS NULL;
    IF taken > payment.value_minor THEN
        RAISE EXCEPTION 'settlements take more than payment % brought', NEW.payment_id USING ERRCODE = '23514';
    END IF;
    SELECT sum(amount_minor) + settlement.written_off_minor INTO carried FROM settlement_parts WHERE settlement_id = NEW.settlement_id;
    IF carried <> settlement.amount_minor THEN
        RAISE EXCEPTION 'settlement % of % is carried by payments over %', settlement.id, settlement.amount_minor, carried USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION judge_exception() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.payment_id IS NOT NULL AND NOT EXISTS (SELECT FROM payments p WHERE p.id = NEW.payment_id AND p.link_id IS NOT DISTINCT FROM NEW.link_id
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

-- ---------------------------------------------------------------- decisions about held money (I-13)
-- The row is locked before the sum is looked at, so that two who decide at once take their turns.
CREATE FUNCTION lock_exception() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM payment_exceptions WHERE id = NEW.exception_id AND organization_id = NEW.organization_id FOR UPDATE;
    RETURN NEW;
END $$;
CREATE TRIGGER one_at_a_time BEFORE INSERT ON payment_resolutions FOR EACH ROW EXECUTE FUNCTION lock_exception();

CREATE FUNCTION judge_resolution() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE held payment_exceptions; used numeric;
BEGIN
    SELECT * INTO held FROM payment_exceptions WHERE id = NEW.exception_id;
    SELECT coalesce(sum(amount_minor), 0) INTO used FROM payment_resolutions WHERE exception_id = NEW.exception_id;
    IF used > coalesce(held.amount_minor, 0) OR (NEW.amount_minor IS NOT NULL AND NEW.currency IS DISTINCT FROM held.currency) THEN
        RAISE EXCEPTION 'decisions use % of % held by exception %', used, held.amount_minor, held.id USING ERRCODE = '23514';
    END IF;
    IF (CASE NEW.action
            WHEN 'COMPLETED' THEN held.held_in = '2100' AND EXISTS (SELECT FROM settlement_parts WHERE resolution_id = NEW.id)
            WHEN 'VALUED' THEN EXISTS (SELECT FROM payments WHERE id = NEW.payment_id AND transfer_id = held.transfer_id) END) IS NOT TRUE THEN
        RAISE EXCEPTION 'decision % (%) is not what was done', NEW.id, NEW.action USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER was_done AFTER INSERT ON payment_resolutions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION judge_resolution();

CREATE FUNCTION judge_resolved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.state = 'RESOLVED' AND NOT EXISTS (SELECT FROM payment_resolutions WHERE exception_id = NEW.id) THEN
        RAISE EXCEPTION 'nothing was decided about exception %', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER is_resolved AFTER UPDATE OF state ON payment_exceptions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION judge_resolved();

GRANT UPDATE (state, resolved_at, version) ON payment_exceptions TO provvypay_web, provvypay_worker;
GRANT UPDATE (version) ON payment_exceptions TO provvypay_lookup;

GRANT CREATE ON SCHEMA public TO provvypay_lookup;
DO $$
DECLARE f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname = 'public' AND p.proname IN ('journal_shape', 'settlement_shape', 'lock_exception', 'judge_resolution', 'judge_resolved')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO provvypay_lookup', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
REVOKE CREATE ON SCHEMA public FROM provvypay_lookup;
REVOKE ALL ON FUNCTION clearing_account(text, text), memo_code(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION clearing_account(text, text), memo_code(text) TO provvypay_lookup, provvypay_web, provvypay_worker;
