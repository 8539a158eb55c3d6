-- Roles of a Provvypay database. A superuser runs this once per cluster; running it again changes nothing.
-- In production give the three that sign in a password each:  ALTER ROLE provvypay_web PASSWORD '…';
--
--   provvypay_owner    owns the schema; migrations sign in as this role
--   provvypay_web      the web processes; owns nothing
--   provvypay_worker   workers, clock and commands; owns nothing
--   provvypay_lookup   cannot sign in; owns the few functions that look across organizations, past row-level security

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'provvypay_owner') THEN
        CREATE ROLE provvypay_owner;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'provvypay_web') THEN
        CREATE ROLE provvypay_web;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'provvypay_worker') THEN
        CREATE ROLE provvypay_worker;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'provvypay_lookup') THEN
        CREATE ROLE provvypay_lookup;
    END IF;
END
$$;

ALTER ROLE provvypay_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE provvypay_web LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE provvypay_worker LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE provvypay_lookup NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION BYPASSRLS;

-- so that migrations may hand functions over to it
GRANT provvypay_lookup TO provvypay_owner;
