-- What the watcher and the pay page ask across organizations (I-30).

-- Somebody has a page open that shows this account: it is read at once. Nobody is waited for; one that is being read
-- now is let alone, and the page's next poll asks again.
CREATE FUNCTION hurry_hedera_account(its_id uuid)
    RETURNS void LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE hedera_cursors SET next_poll_at = clock_timestamp() WHERE hedera_account_id IN (
        SELECT c.hedera_account_id FROM hedera_cursors c WHERE c.hedera_account_id = its_id
            AND (c.next_poll_at > clock_timestamp() OR c.lease_until > clock_timestamp()) FOR UPDATE SKIP LOCKED);
$$;

-- Money that waits for a rate of its time, in no order: dust that never gets one must not keep the rest waiting. One that did not come within two days does not come: older rates are pruned.
CREATE FUNCTION unvalued_transfers(most int)
    RETURNS TABLE (organization_id uuid, transfer_id uuid) LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.organization_id, e.transfer_id FROM payment_exceptions e JOIN hedera_transfers t ON t.id = e.transfer_id
    WHERE e.state = 'OPEN' AND e.kind = 'UNVALUED' AND t.seen_at > clock_timestamp() - interval '2 days'
    ORDER BY random() LIMIT most;
$$;

GRANT UPDATE (next_poll_at) ON hedera_cursors TO provvypay_lookup;
GRANT CREATE ON SCHEMA public TO provvypay_lookup;
ALTER FUNCTION hurry_hedera_account(uuid) OWNER TO provvypay_lookup;
ALTER FUNCTION unvalued_transfers(int) OWNER TO provvypay_lookup;
REVOKE CREATE ON SCHEMA public FROM provvypay_lookup;
REVOKE ALL ON FUNCTION hurry_hedera_account(uuid), unvalued_transfers(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hurry_hedera_account(uuid) TO provvypay_web, provvypay_worker;
GRANT EXECUTE ON FUNCTION unvalued_transfers(int) TO provvypay_worker;
