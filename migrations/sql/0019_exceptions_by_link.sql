-- Everybody who waits on a pay page asks what has come for this link and waits for the rest; a merchant's other held money is not read for it.
CREATE INDEX ix_payment_exceptions_by_link ON payment_exceptions (link_id) WHERE link_id IS NOT NULL AND state = 'OPEN';
