-- Stripe's lines never change, but a charge may come to name another one. The difference of its fee is then a line of its own, an
-- 'adjustment' of amount nothing, whose fee may be negative. A charge itself is booked once, held here too.
ALTER TABLE balance_transactions DROP CONSTRAINT ck_balance_transactions_fee_minor;
ALTER TABLE balance_transactions ADD CONSTRAINT ck_balance_transactions_fee_minor
    CHECK (CASE type WHEN 'adjustment' THEN amount_minor = 0 AND fee_minor <> 0 ELSE fee_minor >= 0 END);
CREATE UNIQUE INDEX uq_balance_transactions_charge ON balance_transactions (payment_id) WHERE type = 'charge';

-- Replacing keeps the owners, the grants and the triggers.
CREATE OR REPLACE FUNCTION judge_journal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
                    WHEN 'FEE' THEN b.currency = NEW.currency
                        AND shape = format(CASE WHEN b.fee_minor > 0 THEN 'DEBIT 6100 %1$s, CREDIT 1050 %1$s'
                                                ELSE 'DEBIT 1050 %1$s, CREDIT 6100 %1$s' END, abs(b.fee_minor))
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

CREATE OR REPLACE FUNCTION judge_balance_transaction() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE wanted text[]; booked text[];
BEGIN
    SELECT array_remove(ARRAY[CASE WHEN converted THEN 'CONVERSION_IN' END, CASE WHEN converted THEN 'CONVERSION_OUT' END,
                              CASE WHEN NEW.fee_minor <> 0 THEN 'FEE' END], NULL)
        INTO wanted FROM payments p, LATERAL (SELECT p.currency <> NEW.currency AND NEW.type <> 'adjustment') AS c (converted)
        WHERE p.id = NEW.payment_id AND p.provider = 'STRIPE';
    SELECT coalesce(array_agg(kind ORDER BY kind), '{}') INTO booked FROM journals WHERE source_type = 'BALANCE_TRANSACTION' AND source_id = NEW.id;
    IF wanted IS DISTINCT FROM booked THEN
        RAISE EXCEPTION 'balance transaction % wants journals %, and has %', NEW.id, wanted, booked USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
