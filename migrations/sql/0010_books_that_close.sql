-- Books an accountant can close: a lock per organization, entries that carry their date, a chart the merchant may widen.
-- Why it is so, and what was tried against it: docs/decisions/0024-a-lock-moves-money-it-refuses-none.md.

-- ---------------------------------------------------------------- one word for who writes and who closes (I-49)
-- Whoever posts shares it, whoever closes a period or archives an account has it alone, each until its commit. In memory only: no
-- row is written, so that settlements of one organization do not wait for each other.
CREATE FUNCTION books_key(org uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT hashtextextended('books of ' || org, 0) $$;

-- ---------------------------------------------------------------- a lock is a fact, and the last one holds (I-49)
CREATE TABLE period_locks (
    organization_id UUID NOT NULL,
    seq INTEGER NOT NULL,
    locked_through DATE,
    time_zone TEXT NOT NULL,
    open_from TIMESTAMP WITH TIME ZONE,
    reason TEXT DEFAULT '' NOT NULL,
    locked_by UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_period_locks PRIMARY KEY (organization_id, seq),
    CONSTRAINT ck_period_locks_seq CHECK (seq >= 1),
    CONSTRAINT ck_period_locks_open_from CHECK ((locked_through IS NULL) = (open_from IS NULL)),
    CONSTRAINT ck_period_locks_reason CHECK (length(reason) <= 500),
    CONSTRAINT fk_period_locks_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id) ON DELETE RESTRICT,
    CONSTRAINT fk_period_locks_locked_by FOREIGN KEY(locked_by) REFERENCES users (id)
);

CREATE FUNCTION period_lock_fits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE last period_locks;
BEGIN
    -- A snapshot from before the wait would not see what was posted during it.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'books are closed at READ COMMITTED' USING ERRCODE = '25001';
    END IF;
    PERFORM pg_advisory_xact_lock(books_key(NEW.organization_id));
    SELECT * INTO last FROM period_locks WHERE organization_id = NEW.organization_id ORDER BY seq DESC LIMIT 1;
    IF NEW.seq <> coalesce(last.seq, 0) + 1 THEN
        RAISE EXCEPTION 'lock % follows upon lock %', NEW.seq, coalesce(last.seq, 0) USING ERRCODE = '23514';
    END IF;
    NEW.open_from := (NEW.locked_through + 1)::timestamp AT TIME ZONE NEW.time_zone;
    NEW.created_at := clock_timestamp();
    -- Money that arrives is booked at the first open instant, and that has to be one that has been.
    IF NEW.open_from > clock_timestamp() THEN
        RAISE EXCEPTION 'a period that is not over cannot be closed: %', NEW.locked_through USING ERRCODE = '23514';
    END IF;
    IF coalesce(NEW.open_from, '-infinity') < coalesce(last.open_from, '-infinity') AND btrim(NEW.reason) = '' THEN
        RAISE EXCEPTION 'opening a closed period needs a reason' USING ERRCODE = '23514';
    END IF;
    IF NOT EXISTS (SELECT FROM memberships WHERE organization_id = NEW.organization_id AND user_id = NEW.locked_by
                   AND role IN ('OWNER', 'ADMIN', 'ACCOUNTANT')) THEN
        RAISE EXCEPTION 'user % does not keep these books', NEW.locked_by USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fits BEFORE INSERT ON period_locks FOR EACH ROW EXECUTE FUNCTION period_lock_fits();
CREATE TRIGGER facts_stay BEFORE UPDATE OR DELETE ON period_locks FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER facts_stay_all BEFORE TRUNCATE ON period_locks FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- ---------------------------------------------------------------- no journal enters a closed period (I-49)
-- What is there already belongs to many organizations, and the owner is bound by row-level security too.
ALTER TABLE journals NO FORCE ROW LEVEL SECURITY;
ALTER TABLE journals ADD COLUMN moved_from TIMESTAMP WITH TIME ZONE, ADD COLUMN lock_seq INTEGER;
ALTER TABLE journals ADD CONSTRAINT fk_journals_organization_id_lock_seq FOREIGN KEY(organization_id, lock_seq)
    REFERENCES period_locks (organization_id, seq);
ALTER TABLE journals ADD CONSTRAINT ck_journals_moved_from CHECK (moved_from < effective_at AND lock_seq IS NOT NULL OR moved_from IS NULL);

-- What journals.post() asks: whoever has the answer holds the word until the commit, so that the answer stays true.
CREATE FUNCTION first_open_instant(org uuid) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(books_key(org));
    RETURN (SELECT open_from FROM period_locks WHERE organization_id = org ORDER BY seq DESC LIMIT 1);
END $$;

CREATE FUNCTION journal_in_open_period() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE last period_locks;
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'journals are written at READ COMMITTED' USING ERRCODE = '25001';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(books_key(NEW.organization_id));
    SELECT * INTO last FROM period_locks WHERE organization_id = NEW.organization_id ORDER BY seq DESC LIMIT 1;
    NEW.lock_seq := last.seq;
    IF NEW.effective_at < last.open_from THEN
        RAISE EXCEPTION 'journal % of % lies in a closed period: the books are open from %', NEW.id, NEW.effective_at, last.open_from
            USING ERRCODE = '23514';
    END IF;
    IF NEW.moved_from IS NOT NULL AND NEW.effective_at IS DISTINCT FROM last.open_from THEN
        RAISE EXCEPTION 'journal % was moved, and not to the first open instant', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER in_open_period BEFORE INSERT ON journals FOR EACH ROW EXECUTE FUNCTION journal_in_open_period();

-- ---------------------------------------------------------------- entries carry the date of their journal (I-50)
-- So that a statement reads its page, and the sum before it, from one index.
ALTER TABLE ledger_entries ADD COLUMN effective_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE ledger_entries NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER facts_stay;
UPDATE ledger_entries e SET effective_at = j.effective_at FROM journals j WHERE j.id = e.journal_id;
ALTER TABLE journals FORCE ROW LEVEL SECURITY;
ALTER TABLE ledger_entries FORCE ROW LEVEL SECURITY, ENABLE TRIGGER facts_stay;
ALTER TABLE ledger_entries ALTER COLUMN effective_at SET NOT NULL;

CREATE FUNCTION entry_dated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    SELECT j.effective_at INTO NEW.effective_at FROM journals j WHERE j.id = NEW.journal_id AND j.organization_id = NEW.organization_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no journal % for this entry', NEW.journal_id USING ERRCODE = '23503';
    END IF;
    IF EXISTS (SELECT FROM accounts WHERE organization_id = NEW.organization_id AND code = NEW.account_code AND archived_at IS NOT NULL) THEN
        RAISE EXCEPTION 'account % is archived', NEW.account_code USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER dated BEFORE INSERT ON ledger_entries FOR EACH ROW EXECUTE FUNCTION entry_dated();

DROP INDEX ix_ledger_entries_by_account;
CREATE INDEX ix_ledger_entries_by_account ON ledger_entries (organization_id, account_code, currency, effective_at, journal_id, line_no)
    INCLUDE (side, amount_minor);

-- ---------------------------------------------------------------- a chart the merchant may widen (I-51)
ALTER TABLE accounts ADD COLUMN version INTEGER DEFAULT 1 NOT NULL;
ALTER TABLE accounts ADD CONSTRAINT ck_accounts_name CHECK (length(btrim(name)) BETWEEN 1 AND 80);
DROP TRIGGER frozen ON accounts;
CREATE TRIGGER frozen BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION refuse_other_columns('name', 'archived_at', 'version');

CREATE FUNCTION account_is_unused() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'accounts are archived at READ COMMITTED' USING ERRCODE = '25001';
    END IF;
    PERFORM pg_advisory_xact_lock(books_key(NEW.organization_id));
    IF EXISTS (SELECT FROM ledger_entries WHERE organization_id = NEW.organization_id AND account_code = NEW.code) THEN
        RAISE EXCEPTION 'account % has entries, so it stays', NEW.code USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER unused BEFORE UPDATE OF archived_at ON accounts FOR EACH ROW
    WHEN (NEW.archived_at IS NOT NULL AND OLD.archived_at IS NULL) EXECUTE FUNCTION account_is_unused();

-- ---------------------------------------------------------------- who may see and write it
ALTER TABLE period_locks ENABLE ROW LEVEL SECURITY;
ALTER TABLE period_locks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON period_locks USING (organization_id = current_setting('app.org_id')::uuid)
    WITH CHECK (organization_id = current_setting('app.org_id')::uuid);
GRANT SELECT ON period_locks TO provvypay_web, provvypay_worker, provvypay_lookup;
GRANT INSERT (organization_id, seq, locked_through, time_zone, reason, locked_by) ON period_locks TO provvypay_web;
GRANT INSERT (moved_from) ON journals TO provvypay_web, provvypay_worker;
REVOKE INSERT ON accounts FROM provvypay_web;
GRANT INSERT (organization_id, code, name, kind, is_system) ON accounts TO provvypay_web;
GRANT UPDATE (name, archived_at, version) ON accounts TO provvypay_web;

GRANT CREATE ON SCHEMA public TO provvypay_lookup;
ALTER FUNCTION period_lock_fits() OWNER TO provvypay_lookup;
ALTER FUNCTION journal_in_open_period() OWNER TO provvypay_lookup;
ALTER FUNCTION entry_dated() OWNER TO provvypay_lookup;
ALTER FUNCTION account_is_unused() OWNER TO provvypay_lookup;
REVOKE CREATE ON SCHEMA public FROM provvypay_lookup;
REVOKE ALL ON FUNCTION books_key(uuid), first_open_instant(uuid), period_lock_fits(), journal_in_open_period(), entry_dated(), account_is_unused()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION books_key(uuid) TO provvypay_web, provvypay_worker, provvypay_lookup;
GRANT EXECUTE ON FUNCTION first_open_instant(uuid) TO provvypay_web, provvypay_worker;
