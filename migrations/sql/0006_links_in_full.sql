-- Links in full (docs/explanation/payment-links.md, docs/decisions/0022-search-by-words-in-a-table-of-their-own.md).

-- ---------------------------------------------------------------- what a link carries
ALTER TABLE payment_links
    ADD COLUMN return_url TEXT DEFAULT '' NOT NULL,
    ADD COLUMN methods TEXT[] DEFAULT '{CARD}' NOT NULL,
    ADD COLUMN own_data JSONB DEFAULT '{}' NOT NULL,
    ADD COLUMN archived_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN ends_at TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (coalesce(expires_at, '9999-12-31 00:00:00+00')) STORED NOT NULL,
    ADD CONSTRAINT ck_payment_links_return_url CHECK (return_url = '' OR (length(return_url) <= 2000 AND return_url ~ '^https://[^[:space:][:cntrl:]]+$')),
    ADD CONSTRAINT ck_payment_links_methods CHECK (cardinality(methods) BETWEEN 1 AND 5 AND methods <@ ARRAY['CARD', 'HBAR', 'USDC', 'USDT', 'AUDD']),
    ADD CONSTRAINT ck_payment_links_own_data CHECK (jsonb_typeof(own_data) = 'object'
        AND jsonb_array_length(jsonb_path_query_array(own_data, '$.keyvalue()')) <= 15
        AND NOT jsonb_path_exists(own_data, '$.keyvalue() ? (!(@.key like_regex "^.{1,30}$") || @.value.type() != "string" || !(@.value like_regex "^.{1,100}$"))')),
    -- What can still be paid stays in sight.
    ADD CONSTRAINT ck_payment_links_archived CHECK (archived_at IS NULL OR status IN ('PAID', 'EXPIRED', 'CANCELED'));

-- A correction that opens a link again takes it out of the archive.
CREATE OR REPLACE FUNCTION apply_status() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
        closed_at = CASE WHEN NEW.to_status IN ('EXPIRED', 'CANCELED') THEN NEW.effective_at END,
        archived_at = CASE WHEN NEW.to_status IN ('PAID', 'EXPIRED', 'CANCELED') THEN archived_at END
    WHERE id = NEW.link_id;
    RETURN NEW;
END $$;

-- ---------------------------------------------------------------- who it is for
-- Personal data, in a table of its own: erasing a customer touches no link and no ledger.
CREATE TABLE link_contacts (
    link_id UUID NOT NULL,
    organization_id UUID NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    email TEXT DEFAULT '' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_link_contacts PRIMARY KEY (link_id),
    CONSTRAINT fk_link_contacts_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id),
    CONSTRAINT ck_link_contacts_name_length CHECK (length(name) <= 120),
    CONSTRAINT ck_link_contacts_email_length CHECK (length(email) <= 254),
    CONSTRAINT ck_link_contacts_somebody CHECK (name <> '' OR email <> '')
);

-- ---------------------------------------------------------------- the words it is found by
CREATE TABLE link_search (
    link_id UUID NOT NULL,
    organization_id UUID NOT NULL,
    words TSVECTOR NOT NULL,
    CONSTRAINT pk_link_search PRIMARY KEY (link_id),
    CONSTRAINT fk_link_search_organization_id_link_id FOREIGN KEY(organization_id, link_id) REFERENCES payment_links (organization_id, id)
);

-- One rule for what a word is, for what is stored and for what is typed: lower case, no accents, letters and figures only.
CREATE FUNCTION link_words(said text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT left(word, 100)), '{}')
    FROM regexp_split_to_table(regexp_replace(lower(normalize(said, NFKD)), '[\u0300-\u036F]', '', 'g'), '[^[:alnum:]]+') AS word
    WHERE word <> ''
$$;

-- Each word begins with the end of its organization's id: one organization's search never walks through another's words.
CREATE FUNCTION link_lexemes(org uuid, said text, amount_minor bigint, currency text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(ARRAY(SELECT right(org::text, 12) || word
        FROM unnest(public.link_words(said) || ARRAY['=' || lower(currency), '=' || amount_minor || lower(currency)]) AS word))
$$;

CREATE FUNCTION keep_link_words() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE judged uuid;
BEGIN
    IF TG_TABLE_NAME = 'payment_links' THEN
        judged := NEW.id;
    ELSIF TG_OP = 'DELETE' THEN
        judged := OLD.link_id;
    ELSE
        judged := NEW.link_id;
    END IF;
    INSERT INTO link_search AS s (link_id, organization_id, words)
    SELECT l.id, l.organization_id, link_lexemes(l.organization_id,
        concat_ws(' ', l.short_code, l.description, l.reference, c.name, c.email), l.amount_minor, l.currency)
    FROM payment_links l LEFT JOIN link_contacts c ON c.link_id = l.id WHERE l.id = judged
    ON CONFLICT (link_id) DO UPDATE SET words = EXCLUDED.words WHERE s.words <> EXCLUDED.words;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_words AFTER INSERT OR UPDATE OF description, reference, amount_minor, currency ON payment_links
    FOR EACH ROW EXECUTE FUNCTION keep_link_words();
CREATE TRIGGER keep_words AFTER INSERT OR UPDATE OR DELETE ON link_contacts FOR EACH ROW EXECUTE FUNCTION keep_link_words();

-- Without a list of pending entries: a search would read through it, and whoever fills it would pay for all others.
CREATE INDEX ix_link_search_words ON link_search USING gin (words) WITH (fastupdate = off);

-- Row-level security keeps an index on words from being used (its operator might leak), so the look-up stands behind a function that
-- knows no organization but the transaction's. It never reads the table through; NULL says that more than `most` links have these words.
CREATE FUNCTION find_links(sought text, most int)
    RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE found uuid[];
BEGIN
    SELECT array_agg(f.link_id) INTO found FROM (
        SELECT s.link_id FROM link_search s
        WHERE s.words @@ sought::tsquery AND s.organization_id = current_setting('app.org_id')::uuid LIMIT most + 1) AS f;
    IF cardinality(found) > most THEN
        RETURN NULL;
    END IF;
    RETURN coalesce(found, '{}');
END $$;

-- ---------------------------------------------------------------- lists in three orders, the archive apart
DROP INDEX ix_payment_links_by_status;
CREATE INDEX ix_payment_links_by_status ON payment_links (organization_id, status, created_at DESC, id DESC) WHERE archived_at IS NULL;
CREATE INDEX ix_payment_links_by_amount ON payment_links (organization_id, status, currency DESC, amount_minor DESC, id DESC) WHERE archived_at IS NULL;
CREATE INDEX ix_payment_links_by_end ON payment_links (organization_id, status, ends_at, id) WHERE archived_at IS NULL;
CREATE INDEX ix_payment_links_archived ON payment_links (organization_id, created_at DESC, id DESC) WHERE archived_at IS NOT NULL;
DROP INDEX ix_payment_links_expiring;
CREATE INDEX ix_payment_links_expiring ON payment_links (expires_at, id) WHERE status = 'OPEN' AND expires_at IS NOT NULL;
-- Only sessions that are open had an index by their link; whoever asks for all of a link's read the table through.
CREATE INDEX ix_checkout_sessions_by_link ON checkout_sessions (link_id);

-- ---------------------------------------------------------------- the sweep, batch by batch
-- Behind the last one seen, because a link whose card payment is on its way stays due: it must not stand in front of all others.
-- What somebody holds locked (a settlement, most likely) is left for the next run.
CREATE FUNCTION due_expiries(most int, after timestamptz, after_id uuid)
    RETURNS TABLE (organization_id uuid, link_id uuid, expires_at timestamptz)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT l.organization_id, l.id, l.expires_at FROM payment_links l
    WHERE l.status = 'OPEN' AND l.expires_at < clock_timestamp() - interval '1 second' AND (l.expires_at, l.id) > (after, after_id)
    ORDER BY l.expires_at, l.id LIMIT most FOR UPDATE OF l SKIP LOCKED;
$$;

-- ---------------------------------------------------------------- row-level security and grants
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['link_contacts', 'link_search']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (organization_id = current_setting(''app.org_id'')::uuid) '
                       'WITH CHECK (organization_id = current_setting(''app.org_id'')::uuid)', name);
    END LOOP;
END $$;
GRANT SELECT ON link_contacts, link_search TO provvypay_web, provvypay_worker, provvypay_lookup;
GRANT INSERT, UPDATE ON link_search TO provvypay_lookup;
GRANT INSERT (link_id, organization_id, name, email), UPDATE (name, email, updated_at), DELETE ON link_contacts TO provvypay_web;
GRANT INSERT (return_url, methods, own_data) ON payment_links TO provvypay_web;
GRANT UPDATE (return_url, methods, own_data, archived_at) ON payment_links TO provvypay_web;
-- Row locks need the right to update one column.
GRANT UPDATE (expires_at) ON payment_links TO provvypay_lookup;

GRANT CREATE ON SCHEMA public TO provvypay_lookup;
ALTER FUNCTION keep_link_words() OWNER TO provvypay_lookup;
ALTER FUNCTION find_links(text, int) OWNER TO provvypay_lookup;
ALTER FUNCTION due_expiries(int, timestamptz, uuid) OWNER TO provvypay_lookup;
REVOKE ALL ON FUNCTION link_words(text), link_lexemes(uuid, text, bigint, text), keep_link_words(), find_links(text, int),
    due_expiries(int, timestamptz, uuid) FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM provvypay_lookup;
GRANT EXECUTE ON FUNCTION link_words(text) TO provvypay_web, provvypay_lookup;
GRANT EXECUTE ON FUNCTION link_lexemes(uuid, text, bigint, text) TO provvypay_lookup;
GRANT EXECUTE ON FUNCTION find_links(text, int) TO provvypay_web;
GRANT EXECUTE ON FUNCTION due_expiries(int, timestamptz, uuid) TO provvypay_worker;

-- ---------------------------------------------------------------- the links that are there already
-- Row-level security binds the owner too; this runs once, as the role it does not bind.
CREATE FUNCTION fill_link_words() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO link_search (link_id, organization_id, words)
    SELECT l.id, l.organization_id, link_lexemes(l.organization_id,
        concat_ws(' ', l.short_code, l.description, l.reference), l.amount_minor, l.currency)
    FROM payment_links l
$$;
GRANT CREATE ON SCHEMA public TO provvypay_lookup;
ALTER FUNCTION fill_link_words() OWNER TO provvypay_lookup;
REVOKE CREATE ON SCHEMA public FROM provvypay_lookup;
SELECT fill_link_words();
DROP FUNCTION fill_link_words();
