-- While Stripe is away, events wait for their next try, longer each time. They were counted as work that nobody does, so that an
-- outage of more than five minutes took every web process out of service. Due is what the clock would hand out now.
-- Replacing keeps the owner (provvypay_lookup) and the grants.
CREATE OR REPLACE FUNCTION queue_depths()
    RETURNS TABLE (name text, waiting bigint, oldest timestamptz) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT 'outbox', count(*), min(o.available_at) FROM outbox o WHERE o.done_at IS NULL AND o.dead_at IS NULL AND o.available_at <= clock_timestamp()
    UNION ALL
    SELECT 'inbox', count(*), min(i.next_attempt_at) FROM inbox i WHERE i.state = 'NEW' AND i.next_attempt_at <= clock_timestamp();
$$;
