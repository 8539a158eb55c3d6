-- How many merchants' accounts are due to be read, beside what waits in outbox and inbox. One whose reading fails is told to
-- come again later each time, and would never be overdue: after the fifth failure it waits since it was read last. Owner and
-- grants stay as they are.
CREATE OR REPLACE FUNCTION queue_depths()
    RETURNS TABLE (name text, waiting bigint, oldest timestamptz) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT 'outbox', count(*), min(o.available_at) FROM outbox o WHERE o.done_at IS NULL AND o.dead_at IS NULL AND o.available_at <= clock_timestamp()
    UNION ALL
    SELECT 'inbox', count(*), min(i.next_attempt_at) FROM inbox i WHERE i.state = 'NEW' AND i.next_attempt_at <= clock_timestamp()
    UNION ALL
    SELECT 'watch', count(*), min(least(c.next_poll_at, CASE WHEN c.failures >= 5 THEN c.polled_at END)) FROM hedera_cursors c
    WHERE c.next_poll_at <= clock_timestamp() OR c.failures >= 5;
$$;
