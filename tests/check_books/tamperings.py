"""How each invariant is broken, past every guard: one change a case, and what check-books must then say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tampering:
    """Statements of a superuser with triggers and foreign keys off; the last one returns what must be named."""

    check: str
    statements: tuple[str, ...]
    also: tuple[str, ...] = ()
    """checks that break with it, because they see the same wrong from another side"""
    rows: tuple[str, ...] | None = None
    """what names the rows, where no statement returns it; may hold names of the world's ids in braces"""

    @property
    def name(self) -> str:
        return f"{self.check}: {self.statements[0][:60]}"


def _copy(table: str, where: str, **other: str) -> str:
    """Return an INSERT that copies one row, but for some columns."""
    changed = ", ".join(f"'{column}', {value}" for column, value in other.items())
    return (
        f"INSERT INTO {table} OVERRIDING SYSTEM VALUE"
        f" SELECT (jsonb_populate_record(t, jsonb_build_object({changed}))).* FROM {table} t WHERE {where}"
    )


NEW = "gen_random_uuid()"
OF_SALE = "journal_id = (SELECT id FROM journals WHERE link_id = :link_paid AND kind = 'SALE')"
OF_PAYMENT = OF_SALE.replace("SALE", "PAYMENT")
OF_FEE = OF_SALE.replace("SALE", "FEE")
OF_CREDIT = "journal_id = (SELECT id FROM journals WHERE source_id = :payment_double)"
SETTLEMENT = "(SELECT id FROM settlements WHERE link_id = :link_paid)"
OF_TOKENS = "journal_id = (SELECT id FROM journals WHERE source_id = :refund_tokens)"
OF_EMPTIED = "journal_id = (SELECT id FROM journals WHERE source_id = :refund_emptied)"
LINE = "journal_id::text || '/' || line_no"

GUARDS = (
    Tampering("guards.schema_is_at_head", ("UPDATE alembic_version SET version_num = '0001' RETURNING version_num",)),
    Tampering(
        "guards.triggers_are_there", ("DROP TRIGGER true_to_source ON journals",), rows=("true_to_source on journals",)
    ),
    Tampering(
        "guards.triggers_are_there",
        (
            (
                "CREATE OR REPLACE TRIGGER freeze_money BEFORE UPDATE ON payment_links FOR EACH ROW"
                " WHEN (false) EXECUTE FUNCTION refuse_change()"
            ),
        ),
        rows=("freeze_money on payment_links",),
    ),
    Tampering(
        "guards.triggers_are_on", ("ALTER TABLE payments DISABLE TRIGGER facts_stay",), rows=("facts_stay on payments",)
    ),
    Tampering(
        "guards.triggers_are_on", ("ALTER TABLE journals ENABLE REPLICA TRIGGER stamp",), rows=("stamp on journals",)
    ),
    Tampering(
        "guards.triggers_are_on",
        (
            "ALTER TABLE email_deliveries DISABLE TRIGGER ALL",
            "SELECT tgname || ' on email_deliveries' FROM pg_trigger WHERE tgrelid = 'email_deliveries'::regclass",
        ),
    ),
    Tampering(
        "guards.constraints_are_there",
        ("ALTER TABLE payments DROP CONSTRAINT ck_payments_value_minor",),
        rows=("ck_payments_value_minor on payments",),
    ),
    Tampering(
        "guards.constraints_are_there",
        (
            "ALTER TABLE payments DROP CONSTRAINT ck_payments_value_minor",
            "ALTER TABLE payments ADD CONSTRAINT ck_payments_value_minor CHECK (value_minor > 0) NOT VALID",
        ),
        rows=("ck_payments_value_minor on payments",),
    ),
    Tampering(
        "guards.constraints_are_there",
        ("ALTER TABLE payments ALTER CONSTRAINT fk_payments_organization_id_link_id NOT ENFORCED",),
        rows=("fk_payments_organization_id_link_id on payments",),
    ),
    Tampering(
        "guards.unique_indexes_are_there",
        ("DROP INDEX uq_settlements_one_live",),
        rows=("uq_settlements_one_live on settlements",),
    ),
    Tampering(
        "guards.unique_indexes_are_there",
        (
            "DROP INDEX uq_settlements_one_live",
            "CREATE INDEX uq_settlements_one_live ON settlements (link_id) WHERE voided_at IS NULL",
        ),
        rows=("uq_settlements_one_live on settlements",),
    ),
    Tampering(
        "guards.columns_are_required",
        ("ALTER TABLE payments ALTER COLUMN value_minor DROP NOT NULL",),
        rows=("payments.value_minor",),
    ),
    Tampering(
        "guards.nothing_vanishes_with_its_parent",
        (
            "ALTER TABLE payments DROP CONSTRAINT fk_payments_organization_id_link_id",
            (
                "ALTER TABLE payments ADD CONSTRAINT fk_payments_organization_id_link_id FOREIGN KEY"
                " (organization_id, link_id)"
                " REFERENCES payment_links (organization_id, id) ON DELETE CASCADE"
            ),
        ),
        rows=("fk_payments_organization_id_link_id on payments",),
    ),
    Tampering(
        "guards.row_security_is_forced", ("ALTER TABLE payments NO FORCE ROW LEVEL SECURITY",), rows=("payments",)
    ),
    Tampering(
        "guards.row_security_is_forced",
        ("ALTER TABLE organizations DISABLE ROW LEVEL SECURITY",),
        rows=("organizations",),
    ),
    Tampering("guards.row_security_is_forced", ("CREATE TABLE takings (organization_id uuid)",), rows=("takings",)),
    Tampering(
        "guards.policies_name_the_organization",
        ("CREATE POLICY everybody ON payments USING (true)",),
        rows=("everybody on payments",),
    ),
    Tampering(
        "guards.policies_name_the_organization",
        ("ALTER POLICY tenant ON payments USING (true)",),
        rows=("tenant on payments",),
    ),
    Tampering(
        "guards.policies_name_the_organization", ("DROP POLICY tenant ON settlements",), rows=("tenant on settlements",)
    ),
    Tampering(
        "guards.views_show_what_the_reader_may_see",
        ("CREATE VIEW takings AS SELECT * FROM payments",),
        rows=("takings",),
    ),
    Tampering(
        "guards.views_show_what_the_reader_may_see",
        ("CREATE MATERIALIZED VIEW takings AS SELECT * FROM payments",),
        rows=("takings",),
    ),
)

RIGHTS = (
    Tampering(
        "rights.roles_are_plain", ("ALTER ROLE provvypay_worker BYPASSRLS CREATEDB",), rows=("provvypay_worker",)
    ),
    Tampering(
        "rights.nobody_becomes_another",
        ("GRANT provvypay_lookup TO provvypay_web",),
        rows=("provvypay_web",),
        also=("rights.facts_are_out_of_reach",),
    ),
    Tampering(
        "rights.web_and_worker_own_nothing",
        ("SELECT lo_create(424242)", "ALTER LARGE OBJECT 424242 OWNER TO provvypay_web"),
        rows=("provvypay_web",),
    ),
    Tampering(
        "rights.no_settings_undo_the_guards",
        (
            (
                "DO $$ BEGIN EXECUTE format('ALTER ROLE provvypay_web IN DATABASE %I"
                " SET row_security = off', current_database()); END $$"
            ),
        ),
        rows=("provvypay_web",),
    ),
    Tampering(
        "rights.facts_are_out_of_reach", ("GRANT UPDATE (payer) ON payments TO provvypay_worker",), rows=("payments",)
    ),
    Tampering("rights.facts_are_out_of_reach", ("GRANT DELETE ON inbox TO provvypay_web",), rows=("inbox",)),
    Tampering(
        "rights.columns_are_out_of_reach",
        ("GRANT UPDATE (status) ON payment_links TO provvypay_web",),
        rows=("payment_links.status",),
    ),
    Tampering(
        "rights.columns_are_out_of_reach",
        ("GRANT INSERT ON users TO provvypay_web",),
        rows=("users.is_platform_admin",),
    ),
    Tampering(
        "rights.definer_functions_are_closed",
        ("ALTER FUNCTION judge_link(uuid) RESET search_path",),
        rows=("judge_link(uuid)",),
    ),
    Tampering(
        "rights.nothing_is_for_everybody",
        ("GRANT EXECUTE ON FUNCTION judge_link(uuid) TO PUBLIC",),
        rows=("judge_link(uuid)",),
    ),
    Tampering("rights.nothing_is_for_everybody", ("GRANT SELECT ON users TO PUBLIC",), rows=("users",)),
    Tampering(
        "rights.judges_see_every_row",
        ("ALTER FUNCTION judge_journal() OWNER TO provvypay_owner",),
        rows=("judge_journal()",),
    ),
    Tampering(
        "rights.judges_see_every_row", ("ALTER FUNCTION judge_journal() SECURITY INVOKER",), rows=("judge_journal()",)
    ),
)

PEOPLE = (
    Tampering(
        "people.address_is_unique",
        (
            "DROP INDEX uq_users_email_lower",
            (
                "UPDATE users SET email = (SELECT upper(email) FROM users WHERE id = :owner)"
                " WHERE id = (SELECT id FROM users WHERE id <> :owner LIMIT 1)"
            ),
            "SELECT min(id::text) FROM users GROUP BY lower(email) HAVING count(*) > 1",
        ),
        also=("guards.unique_indexes_are_there",),
    ),
    Tampering(
        "people.owner_remains",
        ("UPDATE memberships SET role = 'ADMIN' WHERE user_id = :owner RETURNING organization_id",),
    ),
    Tampering(
        "people.organization_is_whole",
        ("DELETE FROM accounts WHERE organization_id = :organization AND code = '1054' RETURNING organization_id",),
    ),
    Tampering(
        "people.organization_is_whole",
        ("DELETE FROM merchant_settings WHERE organization_id = :organization RETURNING organization_id",),
    ),
)

LINKS = (
    Tampering(
        "links.attempts_keep_the_amount",
        ("UPDATE payment_attempts SET amount_minor = 1 WHERE link_id = :link_being_paid RETURNING id",),
        also=("checkout.session_is_its_attempts",),
    ),
    Tampering(
        "links.history_is_a_path",
        ("DELETE FROM link_status_events WHERE link_id = :link_paid AND seq = 1 RETURNING link_id::text || '/2'",),
        also=("links.moments_are_the_events",),
    ),
    Tampering(
        "links.history_is_a_path",
        (
            (
                "UPDATE link_status_events SET from_status = 'DRAFT', event = 'link.discarded'"
                " WHERE link_id = :link_canceled AND seq = 2"
                " RETURNING link_id::text || '/2'"
            ),
        ),
    ),
    Tampering(
        "links.steps_are_legal",
        (
            (
                "UPDATE link_status_events SET event = 'link.willed' WHERE link_id = :link_paid AND seq = 2"
                " RETURNING link_id::text || '/2'"
            ),
        ),
    ),
    Tampering(
        "links.table_is_the_codes",
        ("INSERT INTO link_transitions VALUES ('PAID', 'DRAFT', 'link.unpaid') RETURNING 'PAID → DRAFT'",),
    ),
    Tampering(
        "links.table_is_the_codes",
        ("DELETE FROM link_transitions WHERE event = 'link.paid_within_grace' RETURNING 'EXPIRED → PAID'",),
    ),
    Tampering(
        "links.status_is_the_last_event",
        ("UPDATE payment_links SET status = 'CANCELED', closed_at = opened_at WHERE id = :link_open RETURNING id",),
    ),
    Tampering(
        "links.words_are_its_own",
        ("UPDATE link_search SET words = 'x' WHERE link_id = :link_open RETURNING link_id",),
    ),
    Tampering(
        "links.words_are_its_own",
        ("DELETE FROM link_contacts WHERE link_id = :link_open RETURNING link_id",),
    ),
    Tampering(
        "links.moments_are_the_events",
        ("UPDATE payment_links SET closed_at = closed_at - interval '1 hour' WHERE id = :link_expired RETURNING id",),
    ),
    Tampering(
        "links.moments_are_the_events",
        ("UPDATE payment_links SET opened_at = NULL WHERE id = :link_open RETURNING id",),
    ),
    Tampering(
        "links.expiry_never_beats_money",
        ("UPDATE payment_links SET expires_at = now() + interval '1 day' WHERE id = :link_expired RETURNING id",),
    ),
)

PAYMENTS = (
    Tampering(
        "payments.amounts_are_positive",
        (
            "ALTER TABLE ledger_entries DROP CONSTRAINT ck_ledger_entries_asset_amount",
            f"UPDATE ledger_entries SET asset_amount = 0 WHERE asset IS NOT NULL RETURNING {LINE}",
        ),
        also=("guards.constraints_are_there", "clearing.tokens_follow_from_facts"),
    ),
    Tampering(
        "payments.settled_money_settled_wholly",
        ("UPDATE payments SET value_minor = value_minor + 1 WHERE id = :payment_paid RETURNING id",),
        also=("clearing.accounts_follow_from_facts",),
    ),
    Tampering(
        "payments.held_money_is_an_exception",
        ("DELETE FROM payment_exceptions WHERE payment_id = :payment_double RETURNING payment_id",),
        also=("clearing.credits_are_open_exceptions",),
    ),
    Tampering(
        "payments.held_money_is_booked",
        (
            f"UPDATE ledger_entries SET account_code = '2190' WHERE account_code = '2100' AND {OF_CREDIT}",
            "SELECT :payment_double",
        ),
        also=("clearing.credits_are_open_exceptions",),
    ),
    Tampering(
        "payments.stored_once",
        (
            "ALTER TABLE payments DROP CONSTRAINT uq_payments_provider_provider_reference",
            "UPDATE payments SET provider_reference = 'pi_twice' WHERE id IN (:payment_double, :payment_late)",
            "SELECT least(:payment_double, :payment_late)",
        ),
        also=("guards.constraints_are_there",),
    ),
    Tampering(
        "payments.exceptions_fit_their_payment",
        ("UPDATE payment_exceptions SET link_id = :link_open WHERE payment_id = :payment_double RETURNING id",),
    ),
    Tampering(
        "payments.decisions_fit_their_exception",
        (
            (
                "UPDATE payment_exceptions SET state = 'RESOLVED', resolved_at = now()"
                " WHERE payment_id = :payment_double RETURNING id"
            ),
        ),
    ),
    Tampering(
        "transfers.every_credit_is_seen",
        (
            (
                "DELETE FROM payment_exceptions WHERE transfer_id IS NOT NULL AND state = 'OPEN'"
                " AND organization_id = :organization RETURNING transfer_id"
            ),
        ),
    ),
    Tampering(
        "transfers.payments_are_their_transfers",
        (
            (
                "UPDATE hedera_transfers t SET amount = t.amount - 1 FROM payments p"
                " WHERE p.transfer_id = t.id AND p.link_id = :link_tokens RETURNING p.id"
            ),
        ),
    ),
    Tampering(
        "transfers.plain_ones_settle",
        (
            (
                "UPDATE hedera_transfers t SET concern = 'AIRDROP' FROM payments p"
                " WHERE p.transfer_id = t.id AND p.link_id = :link_tokens RETURNING p.id"
            ),
        ),
    ),
    Tampering(
        "transfers.cursors_follow_accounts",
        ("DELETE FROM hedera_cursors WHERE organization_id = :organization RETURNING hedera_account_id",),
    ),
    Tampering(
        "payments.taken_once",
        (
            (
                "UPDATE settlement_parts SET amount_minor = amount_minor + 1 WHERE payment_id = :payment_paid"
                " RETURNING payment_id"
            ),
        ),
        also=("payments.settled_money_settled_wholly", "settlements.parts_add_up"),
    ),
    Tampering(
        "payments.attempt_is_of_the_link",
        (
            (
                "UPDATE payments SET attempt_id = (SELECT id FROM payment_attempts WHERE link_id = :link_being_paid)"
                " WHERE id = :payment_paid RETURNING id"
            ),
        ),
        also=("checkout.payment_has_its_session",),
    ),
)

SETTLEMENTS = (
    Tampering(
        "settlements.one_live",
        (
            "DROP INDEX uq_settlements_one_live",
            _copy("settlements", "link_id = :link_paid", id=NEW) + " RETURNING link_id",
        ),
        also=(
            "guards.unique_indexes_are_there",
            "settlements.parts_add_up",
            "settlements.are_booked",
            "completeness.settlement_rates",
            "completeness.xero_rows",
            "completeness.somebody_is_told",
            "completeness.effects_are_left",
        ),
    ),
    Tampering(
        "settlements.paid_is_settled",
        ("UPDATE settlements SET voided_at = now() WHERE link_id = :link_paid RETURNING link_id",),
        also=("settlements.no_sale_without_one", "clearing.accounts_follow_from_facts"),
    ),
    Tampering(
        "settlements.agree_with_their_link",
        ("UPDATE settlements SET settled_at = settled_at - interval '1 hour' WHERE link_id = :link_paid RETURNING id",),
    ),
    Tampering(
        "settlements.parts_add_up",
        ("DELETE FROM settlement_parts WHERE payment_id = :payment_paid RETURNING settlement_id",),
        also=("payments.settled_money_settled_wholly",),
    ),
    Tampering(
        "settlements.are_booked",
        (
            f"UPDATE ledger_entries SET account_code = '4090' WHERE account_code = '4000' AND {OF_SALE}",
            f"SELECT {SETTLEMENT}",
        ),
    ),
    Tampering(
        "settlements.no_sale_without_one",
        (
            (
                "UPDATE journals SET source_id = gen_random_uuid() WHERE link_id = :link_paid AND kind = 'SALE'"
                " RETURNING id"
            ),
        ),
        also=("settlements.are_booked", "journals.have_their_source"),
    ),
    Tampering(
        "settlements.receivables_are_zero",
        (
            f"UPDATE ledger_entries SET account_code = '1190' WHERE account_code = '1200' AND {OF_SALE}",
            "SELECT :link_paid",
        ),
    ),
)

RATES = (
    Tampering(
        "rates.are_of_their_moment",
        (
            (
                "UPDATE fx_snapshots SET as_of = created_at - interval '2 hours'"
                " WHERE link_id = :link_open AND asset = 'HBAR' RETURNING id"
            ),
        ),
    ),
    Tampering(
        "rates.are_of_their_moment",
        (
            (
                "UPDATE fx_snapshots SET as_of = created_at + interval '20 minutes'"
                " WHERE link_id = :link_open AND asset = 'HBAR' RETURNING id"
            ),
        ),
    ),
    Tampering(
        "rates.cross_rates_say_from_what",
        (
            "ALTER TABLE fx_snapshots DROP CONSTRAINT ck_fx_snapshots_made_from",
            "UPDATE fx_snapshots SET source = 'CROSS' WHERE link_id = :link_open AND asset = 'HBAR' RETURNING id",
        ),
        also=("guards.constraints_are_there",),
    ),
    Tampering(
        "rates.are_filled_in",
        (
            (
                "INSERT INTO fx_rate_history (fetched_at, asset, currency, rate, source, as_of)"
                " SELECT now() - interval '2 hours', 'AUDD', 'AUD', 1, 'COINGECKO', now() - interval '2 hours'"
            ),
            (
                "UPDATE fx_snapshots SET created_at = now() - interval '2 hours'"
                " WHERE link_id = :link_open AND asset = 'AUDD' RETURNING id"
            ),
        ),
    ),
    Tampering(
        "rates.accepted_stand_in_history",
        ("UPDATE fx_rates SET rate = rate * 2 WHERE asset = 'HBAR' RETURNING asset || '/' || currency",),
    ),
)

COMPLETENESS = (
    Tampering(
        "completeness.creation_rates",
        (
            (
                "DELETE FROM fx_snapshots WHERE kind = 'CREATION' AND link_id = :link_open AND asset = 'AUDD'"
                " RETURNING link_id"
            ),
        ),
    ),
    Tampering(
        "completeness.settlement_rates",
        (
            (
                "DELETE FROM fx_snapshots WHERE kind = 'SETTLEMENT' AND link_id = :link_paid AND asset = 'HBAR'"
                " RETURNING settlement_id"
            ),
        ),
    ),
    Tampering(
        "completeness.rates_are_of_their_link",
        ("UPDATE fx_snapshots SET currency = 'NZD' WHERE link_id = :link_open AND asset = 'HBAR' RETURNING id",),
    ),
    Tampering(
        "completeness.rates_are_of_their_link",
        (
            (
                "UPDATE fx_snapshots SET link_id = :link_converted WHERE link_id = :link_paid"
                " AND kind = 'SETTLEMENT' AND asset = 'HBAR' RETURNING id"
            ),
        ),
    ),
    Tampering(
        "completeness.rates_once",
        (
            "DROP INDEX uq_fx_snapshots_creation",
            _copy("fx_snapshots", "link_id = :link_open AND asset = 'HBAR'", id=NEW),
            "SELECT min(id::text) FROM fx_snapshots WHERE link_id = :link_open AND asset = 'HBAR'",
        ),
        also=("guards.unique_indexes_are_there",),
    ),
    Tampering(
        "completeness.xero_rows",
        ("DELETE FROM xero_syncs WHERE kind = 'PAYMENT' AND link_id = :link_paid RETURNING source_id",),
    ),
    Tampering(
        "completeness.xero_rows_once",
        (
            "ALTER TABLE xero_syncs DROP CONSTRAINT uq_xero_syncs_connection_id_link_id_kind_source_id",
            _copy("xero_syncs", "link_id = :link_paid AND kind = 'INVOICE'", id=NEW),
            "SELECT min(id::text) FROM xero_syncs WHERE link_id = :link_paid AND kind = 'INVOICE'",
        ),
        also=("guards.constraints_are_there",),
    ),
    Tampering(
        "completeness.xero_rows_have_their_settlement",
        (_copy("xero_syncs", "link_id = :link_paid AND kind = 'INVOICE'", id=NEW, source_id=NEW) + " RETURNING id",),
    ),
    Tampering(
        "xero.connected_by_a_living_grant",
        (
            "UPDATE xero_grants SET state = 'REFUSED' WHERE organization_id = :organization",
            "SELECT id FROM xero_connections WHERE organization_id = :organization",
        ),
    ),
    Tampering(
        "xero.tokens_are_sealed_or_gone",
        (
            "ALTER TABLE xero_grants DROP CONSTRAINT ck_xero_grants_sealed",
            "UPDATE xero_grants SET refresh_token = 'plain' WHERE organization_id = :organization RETURNING id",
        ),
        also=("guards.constraints_are_there",),
    ),
    Tampering(
        "xero.rows_are_whole",
        (
            "ALTER TABLE xero_syncs DROP CONSTRAINT ck_xero_syncs_document",
            (
                "UPDATE xero_syncs SET state = 'SUCCESS', next_attempt_at = NULL"
                " WHERE kind = 'INVOICE' AND link_id = :link_paid RETURNING id"
            ),
        ),
        also=("guards.constraints_are_there",),
    ),
    Tampering(
        "xero.payments_follow_their_invoice",
        (
            (
                f"UPDATE xero_syncs SET state = 'SUCCESS', next_attempt_at = NULL, xero_document_id = {NEW}"
                " WHERE kind = 'PAYMENT' AND link_id = :link_paid RETURNING id"
            ),
        ),
    ),
    Tampering(
        "completeness.somebody_is_told",
        (f"DELETE FROM notifications WHERE cause_id = {SETTLEMENT} AND user_id = :owner RETURNING cause_id",),
    ),
    Tampering(
        "completeness.somebody_is_told",
        (
            "UPDATE memberships SET created_at = now() WHERE organization_id = :organization",
            f"DELETE FROM notifications WHERE cause_id = {SETTLEMENT}",
            f"SELECT {SETTLEMENT}",
        ),
    ),
    Tampering(
        "completeness.timeline_tells_of_money",
        (
            (
                "DELETE FROM payment_events WHERE kind = 'payment.held' AND payment_id = :payment_double"
                " RETURNING payment_id"
            ),
        ),
    ),
    Tampering(
        "completeness.timeline_tells_of_money",
        (
            "DELETE FROM payment_events WHERE kind = 'fee.booked' AND payment_id = :payment_paid",
            "SELECT id FROM balance_transactions WHERE payment_id = :payment_paid",
        ),
    ),
    Tampering(
        "completeness.effects_are_left",
        (
            (
                "DELETE FROM outbox WHERE topic = 'link.closed' AND dedupe LIKE :link_canceled || '%'"
                " RETURNING payload ->> 'link_id'"
            ),
        ),
    ),
)

PERIODS = (
    Tampering(
        "periods.journals_stay_out",
        (
            (
                "UPDATE journals SET effective_at = moved_from + interval '1 s'"
                " WHERE source_id = :payment_late RETURNING id"
            ),
        ),
        also=("journals.lines_have_its_date",),
    ),
    Tampering(
        "periods.journals_stay_out",
        (
            (
                "UPDATE journals SET lock_seq = NULL, moved_from = NULL, effective_at = moved_from,"
                " created_at = created_at + interval '1 hour' WHERE source_id = :payment_late RETURNING id"
            ),
        ),
        also=("journals.lines_have_its_date",),
    ),
    Tampering(
        "periods.locks_follow",
        (
            (
                "DELETE FROM period_locks WHERE organization_id = :organization AND seq = 1"
                " RETURNING organization_id::text || '/2'"
            ),
        ),
    ),
    Tampering(
        "periods.locks_follow",
        (
            (
                "UPDATE period_locks SET reason = '' WHERE organization_id = :organization AND seq = 2"
                " RETURNING organization_id::text || '/2'"
            ),
        ),
    ),
    Tampering(
        "periods.locks_follow",
        (
            (
                "UPDATE period_locks SET open_from = open_from + interval '1 h'"
                " WHERE organization_id = :organization AND seq = 2 RETURNING organization_id::text || '/2'"
            ),
        ),
    ),
    Tampering(
        "journals.lines_have_its_date",
        (f"UPDATE ledger_entries SET effective_at = now() WHERE {OF_FEE} RETURNING {LINE}",),
    ),
    Tampering(
        "accounts.archived_are_unused",
        (
            (
                "UPDATE accounts SET is_system = false, archived_at = now() WHERE organization_id = :organization"
                " AND code = '1200' RETURNING organization_id::text || '/' || code"
            ),
        ),
        also=("accounts.system_ones_are_the_charts", "people.organization_is_whole"),
    ),
    Tampering(
        "accounts.system_ones_are_the_charts",
        (
            (
                "UPDATE accounts SET kind = 'ASSET' WHERE organization_id = :organization AND code = '7000'"
                " RETURNING organization_id::text || '/' || code"
            ),
        ),
        also=("people.organization_is_whole",),
    ),
)

JOURNALS = (
    Tampering(
        "journals.balance",
        (
            (
                "UPDATE ledger_entries SET amount_minor = amount_minor + 1 WHERE account_code = '1050'"
                f" AND {OF_PAYMENT} RETURNING journal_id"
            ),
        ),
        also=("journals.trial_balance", "clearing.accounts_follow_from_facts"),
    ),
    Tampering(
        "journals.balance",
        (f"DELETE FROM ledger_entries WHERE {OF_FEE} RETURNING journal_id",),
        also=("clearing.fees_are_booked", "clearing.accounts_follow_from_facts"),
    ),
    Tampering(
        "journals.one_currency",
        (f"UPDATE ledger_entries SET currency = 'NZD' WHERE {OF_FEE} RETURNING {LINE}",),
        also=("references.ledger_entries.organization_id_journal_id_currency", "clearing.accounts_follow_from_facts"),
    ),
    Tampering(
        "journals.reversals_mirror",
        (
            (
                "UPDATE ledger_entries SET account_code = '4090' WHERE journal_id = :reversal"
                " AND account_code = '4000' RETURNING journal_id"
            ),
        ),
    ),
    Tampering(
        "journals.once_per_fact",
        (
            "ALTER TABLE journals DROP CONSTRAINT uq_journals_source_type_source_id_kind",
            (
                "CREATE TEMPORARY TABLE again ON COMMIT DROP AS SELECT id, gen_random_uuid() AS twin"
                " FROM journals WHERE link_id = :link_paid AND kind = 'FEE'"
            ),
            _copy("journals", "id = (SELECT id FROM again)", id="(SELECT twin FROM again)"),
            _copy("ledger_entries", "journal_id = (SELECT id FROM again)", journal_id="(SELECT twin FROM again)"),
            "SELECT least(id::text, twin::text) FROM again",
        ),
        also=("guards.constraints_are_there", "clearing.accounts_follow_from_facts"),
    ),
    Tampering(
        "journals.have_their_source",
        ("UPDATE journals SET source_id = gen_random_uuid() WHERE source_id = :payment_double RETURNING id",),
        also=("payments.held_money_is_booked",),
    ),
    Tampering(
        "journals.have_their_source",
        ("UPDATE journals SET organization_id = :other_organization WHERE source_id = :payment_double RETURNING id",),
        also=(
            "journals.one_currency",
            "payments.held_money_is_booked",
            "references.journals.organization_id_link_id",
            "references.ledger_entries.organization_id_journal_id_currency",
        ),
    ),
    Tampering(
        "journals.trial_balance",
        (f"DELETE FROM ledger_entries WHERE account_code = '6100' AND {OF_FEE} RETURNING organization_id",),
        also=("journals.balance", "clearing.fees_are_booked"),
    ),
)

CLEARING = (
    Tampering(
        "clearing.credits_are_open_exceptions",
        (
            (
                "INSERT INTO payment_resolutions"
                " (id, organization_id, exception_id, action, amount_minor, currency, settlement_id, actor_type)"
                " SELECT gen_random_uuid(), organization_id, id, 'COMPLETED', 1, currency,"
                " (SELECT id FROM settlements WHERE link_id = :link_paid), 'SYSTEM'"
                " FROM payment_exceptions WHERE payment_id = :payment_double RETURNING organization_id"
            ),
        ),
    ),
    Tampering(
        "clearing.fees_are_booked",
        (
            f"UPDATE ledger_entries SET account_code = '6110' WHERE account_code = '6100' AND {OF_FEE}",
            "SELECT id FROM balance_transactions WHERE payment_id = :payment_paid",
        ),
    ),
    Tampering(
        "clearing.fees_are_booked",
        (
            (
                "DELETE FROM ledger_entries WHERE journal_id IN (SELECT id FROM journals"
                " WHERE link_id = :link_converted AND kind = 'CONVERSION_IN')"
            ),
            "DELETE FROM journals WHERE link_id = :link_converted AND kind = 'CONVERSION_IN'",
            "SELECT id FROM balance_transactions WHERE payment_id = :payment_converted",
        ),
        also=("clearing.accounts_follow_from_facts",),
    ),
    Tampering(
        "clearing.one_charge_per_payment",
        (
            "DROP INDEX uq_balance_transactions_charge",
            _copy(
                "balance_transactions",
                "payment_id = :payment_paid",
                id=NEW,
                provider_id="'txn_again'",
                fee_minor="0",
                net_minor="t.amount_minor",
            ),
            "SELECT min(id::text) FROM balance_transactions WHERE payment_id = :payment_paid",
        ),
        also=("completeness.timeline_tells_of_money", "guards.unique_indexes_are_there"),
    ),
    Tampering(
        "clearing.accounts_follow_from_facts",
        (
            f"UPDATE ledger_entries SET account_code = '1054' WHERE account_code = '1050' AND {OF_PAYMENT}",
            "SELECT :organization || '/' || code FROM (VALUES ('1050'), ('1054')) AS c (code)",
        ),
    ),
    Tampering(
        "clearing.tokens_follow_from_facts",
        (
            (
                "UPDATE ledger_entries SET asset_amount = asset_amount - 1 WHERE asset = 'HBAR'"
                " AND organization_id = :organization"
                " RETURNING organization_id::text || '/HBAR'"
            ),
        ),
    ),
    Tampering(
        "clearing.tokens_follow_from_facts",
        (
            f"UPDATE ledger_entries SET asset_amount = asset_amount + 1 WHERE asset = 'HBAR' AND {OF_TOKENS}",
            "SELECT :organization || '/HBAR'",
        ),
    ),
    Tampering(
        "clearing.empty_pools_have_no_value",
        (
            _copy(
                "ledger_entries",
                f"{OF_EMPTIED} AND account_code = '4090'",
                line_no="9",
                account_code="'7000'",
                side="'CREDIT'",
                amount_minor="1",
            ),
            f"UPDATE ledger_entries SET amount_minor = amount_minor - 1 WHERE account_code = '1051' AND {OF_EMPTIED}",
            "SELECT :other_organization || '/1051'",
        ),
    ),
)

CHECKOUT = (
    Tampering(
        "checkout.one_open_session",
        (
            "DROP INDEX uq_checkout_sessions_one_open",
            "CREATE TEMPORARY TABLE twin ON COMMIT DROP AS SELECT gen_random_uuid() AS id",
            _copy(
                "payment_attempts",
                "link_id = :link_being_paid",
                id="(SELECT id FROM twin)",
                number="2",
                idempotency_key="'again'",
            ),
            _copy(
                "checkout_sessions",
                "link_id = :link_being_paid",
                id=NEW,
                attempt_id="(SELECT id FROM twin)",
                provider_session_id="'cs_again'",
            ),
            "SELECT :link_being_paid",
        ),
        also=("guards.unique_indexes_are_there",),
    ),
    Tampering(
        "checkout.session_is_its_attempts",
        ("UPDATE payment_attempts SET state = 'STARTED' WHERE link_id = :link_being_paid RETURNING id",),
    ),
    Tampering(
        "checkout.paid_session_has_its_payment",
        (
            (
                "UPDATE checkout_sessions"
                " SET state = 'COMPLETE', payment_status = 'paid', url = NULL, payment_intent_id = 'pi_lost'"
                " WHERE link_id = :link_being_paid RETURNING id"
            ),
        ),
    ),
    Tampering(
        "checkout.payment_has_its_session",
        ("UPDATE checkout_sessions SET state = 'EXPIRED' WHERE link_id = :link_paid", "SELECT :payment_paid"),
    ),
    Tampering(
        "checkout.intent_has_one_session",
        (
            (
                "UPDATE checkout_sessions SET payment_intent_id = (SELECT payment_intent_id"
                " FROM checkout_sessions WHERE link_id = :link_paid)"
                " WHERE link_id = :link_being_paid"
            ),
            "SELECT min(id::text) FROM checkout_sessions WHERE link_id IN (:link_paid, :link_being_paid)",
        ),
    ),
    Tampering(
        "checkout.ended_session_cannot_be_paid",
        ("UPDATE checkout_sessions SET url = 'https://checkout.example/x' WHERE link_id = :link_paid RETURNING id",),
    ),
)

ONE_NOTIFICATION = f"cause_id = {SETTLEMENT} AND user_id = :owner"
MESSAGES = (
    Tampering(
        "messages.accepted_once",
        (
            "ALTER TABLE inbox DROP CONSTRAINT uq_inbox_provider_event_id",
            _copy("inbox", "event_id = 'evt_1'", id=NEW),
            "SELECT min(id::text) FROM inbox WHERE event_id = 'evt_1'",
        ),
        also=("guards.constraints_are_there",),
    ),
    Tampering("messages.event_ends", ("UPDATE inbox SET lease_until = now() WHERE state = 'DONE' RETURNING id",)),
    Tampering(
        "messages.told_once",
        (
            "ALTER TABLE notifications DROP CONSTRAINT uq_notifications_cause_id_kind_user_id",
            _copy("notifications", ONE_NOTIFICATION, id=NEW),
            f"SELECT min(id::text) FROM notifications WHERE {ONE_NOTIFICATION}",
        ),
        also=("guards.constraints_are_there",),
    ),
    Tampering(
        "messages.left_once",
        (
            "ALTER TABLE outbox DROP CONSTRAINT uq_outbox_topic_dedupe",
            _copy("outbox", "dedupe LIKE :link_canceled || '%'", id="900000"),
            "SELECT min(id)::text FROM outbox WHERE dedupe LIKE :link_canceled || '%'",
        ),
        also=("guards.constraints_are_there",),
    ),
    Tampering(
        "messages.message_ends", ("UPDATE outbox SET lease_until = now() WHERE done_at IS NOT NULL RETURNING id",)
    ),
)

OF_REFUND = "journal_id = (SELECT id FROM journals WHERE source_id = :refund AND kind = 'REFUND')"
OF_LOSS = "journal_id = (SELECT id FROM journals WHERE source_id = :dispute_lost AND kind = 'DISPUTE_LOST')"

RETURNS = (
    Tampering(
        "returns.within_received",
        ("UPDATE payments SET value_minor = 1599 WHERE id = :payment_returned RETURNING id",),
        also=(
            "payments.settled_money_settled_wholly",
            "payments.taken_once",
            "clearing.accounts_follow_from_facts",
            "returns.excess_is_seen",
        ),
    ),
    Tampering(
        "returns.excess_is_seen",
        (
            "DELETE FROM payment_exceptions WHERE dispute_id = :dispute_over",
            "SELECT payment_id FROM disputes WHERE id = :dispute_over",
        ),
    ),
    Tampering(
        "returns.refunds_are_booked",
        (
            f"UPDATE ledger_entries SET account_code = '2190' WHERE account_code = '4090' AND {OF_REFUND}",
            "SELECT :refund",
        ),
        also=("clearing.credits_are_open_exceptions",),
    ),
    Tampering(
        "returns.refunds_are_booked",
        (
            (
                "DELETE FROM ledger_entries WHERE journal_id IN (SELECT id FROM journals"
                " WHERE source_id = :refund_bounced AND kind = 'REFUND_REVERSAL')"
            ),
            "DELETE FROM journals WHERE source_id = :refund_bounced AND kind = 'REFUND_REVERSAL'",
            "SELECT :refund_bounced",
        ),
        also=("clearing.accounts_follow_from_facts",),
    ),
    Tampering(
        "returns.refunds_are_booked",
        ("UPDATE refunds SET state = 'CANCELED' WHERE id = :refund_by_hand RETURNING id",),
        also=("clearing.accounts_follow_from_facts",),
    ),
    Tampering(
        "returns.refunds_are_booked",
        ("UPDATE refunds SET state = 'SUBMITTED', transfer_id = NULL WHERE id = :refund_tokens RETURNING id",),
        also=(
            "clearing.accounts_follow_from_facts",
            "clearing.tokens_follow_from_facts",
            "transfers.every_credit_is_seen",
        ),
    ),
    Tampering(
        "returns.refunds_end_as_booked",
        ("UPDATE refunds SET state = 'CANCELED' WHERE id = :refund RETURNING id",),
    ),
    Tampering(
        "returns.refunds_end_as_booked",
        ("UPDATE refunds SET state = 'SUCCEEDED' WHERE id = :refund_bounced RETURNING id",),
    ),
    Tampering(
        "returns.disputes_are_booked",
        (
            f"UPDATE ledger_entries SET account_code = '6120' WHERE account_code = '6110' AND {OF_LOSS}",
            "SELECT :dispute_lost",
        ),
    ),
    Tampering(
        "returns.disputed_funds_are_open_disputes",
        (
            "UPDATE disputes SET state = 'LOST' WHERE id = :dispute",
            "SELECT :organization",
        ),
        also=("returns.disputes_are_booked",),
    ),
    Tampering(
        "returns.belong_to_their_payment",
        ("UPDATE refunds SET link_id = NULL WHERE id = :refund_pending RETURNING id",),
    ),
    Tampering(
        "returns.bounces_are_seen",
        ("DELETE FROM payment_exceptions WHERE refund_id = :refund_bounced RETURNING refund_id",),
    ),
)

BOOKS = (*PAYMENTS, *SETTLEMENTS, *RATES, *COMPLETENESS, *JOURNALS, *PERIODS, *CLEARING, *RETURNS)

TAMPERINGS = (*GUARDS, *RIGHTS, *PEOPLE, *LINKS, *BOOKS, *CHECKOUT, *MESSAGES)
