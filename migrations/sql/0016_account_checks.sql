-- Merchants' accounts are looked at again every few hours: which are due, across organizations.
CREATE FUNCTION hedera_accounts_to_check(its_network text, older_than_seconds int, most int)
    RETURNS TABLE (organization_id uuid, hedera_account_id uuid, account_id text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.organization_id, a.id, a.account_id FROM hedera_accounts a
    WHERE a.network = its_network AND a.state = 'ACTIVE'
      AND (a.checked_at IS NULL OR a.checked_at < clock_timestamp() - make_interval(secs => older_than_seconds))
    ORDER BY a.checked_at NULLS FIRST, a.id LIMIT most;
$$;
GRANT CREATE ON SCHEMA public TO provvypay_lookup;
ALTER FUNCTION hedera_accounts_to_check(text, int, int) OWNER TO provvypay_lookup;
REVOKE CREATE ON SCHEMA public FROM provvypay_lookup;
REVOKE ALL ON FUNCTION hedera_accounts_to_check(text, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hedera_accounts_to_check(text, int, int) TO provvypay_worker;
