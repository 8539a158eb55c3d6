"""The guards that must be there: triggers with their functions, and what web and worker must never be able to do."""

from __future__ import annotations

FACTS = (
    "link_transitions", "link_status_events", "payments", "settlement_parts", "payment_events", "balance_transactions",
    "journals", "ledger_entries", "period_locks", "audit_logs", "hedera_transfers", "payment_resolutions",
    "exception_comments",
)  # fmt: skip
"""rows that never change"""

ROWS = (
    "organizations", "merchant_settings", "users", "accounts", "payment_links", "payment_attempts", "checkout_sessions",
    "settlements", "payment_exceptions", "fx_snapshots", "xero_syncs", "notifications", "email_deliveries",
    "hedera_accounts", "hedera_cursors", "transfer_claims", "correction_requests",
    "refunds", "disputes", "xero_grants", "xero_connections",
)  # fmt: skip
"""rows that never vanish"""

FROZEN = (
    "settlements", "payment_exceptions", "payment_attempts", "checkout_sessions", "fx_snapshots", "accounts",
    "hedera_accounts", "transfer_claims", "refunds", "disputes", "correction_requests", "xero_authorizations",
    "xero_syncs",
)  # fmt: skip
"""rows of which only named columns change"""

TRIGGERS: tuple[tuple[str, str, str], ...] = (
    *((table, "facts_stay", "refuse_change") for table in FACTS),
    *((table, "facts_stay_all", "refuse_change") for table in FACTS),
    *((table, "rows_stay", "refuse_change") for table in ROWS),
    *((table, "rows_stay_all", "refuse_change") for table in ROWS),
    *((table, "frozen", "refuse_other_columns") for table in FROZEN),
    ("link_status_events", "apply_status", "apply_status"),
    ("payment_links", "status_is_last_event", "status_is_last_event"),
    ("payment_links", "paid_is_complete", "judge_own_link"),
    ("payment_links", "freeze_money", "freeze_money"),
    ("payment_links", "keep_words", "keep_link_words"),
    ("link_contacts", "keep_words", "keep_link_words"),
    ("settlements", "settled_is_paid", "judge_settlement"),
    ("settlement_parts", "part_fits", "part_fits"),
    ("payments", "did_one_thing", "judge_payment"),
    ("payment_exceptions", "is_held_money", "judge_exception"),
    ("payment_exceptions", "is_about_a_return", "judge_return_exception"),
    ("refunds", "takes_payment", "lock_payment"),
    ("refunds", "takes_credit", "lock_exception"),
    ("refunds", "within_received", "judge_refund"),
    ("refunds", "tokens_go", "tokens_go"),
    ("refunds", "forward", "refund_goes_forward"),
    ("disputes", "takes_payment", "lock_payment"),
    ("disputes", "is_booked", "judge_dispute"),
    ("disputes", "forward", "dispute_goes_forward"),
    ("balance_transactions", "credit_goes", "credit_goes"),
    ("disputes", "credit_goes", "credit_goes"),
    ("balance_transactions", "is_booked", "judge_balance_transaction"),
    ("journals", "stamp", "journal_stamp"),
    ("journals", "true_to_source", "judge_journal"),
    ("journals", "true_to_processor", "judge_processor_journal"),
    ("journals", "in_open_period", "journal_in_open_period"),
    ("ledger_entries", "sealed", "lines_come_together"),
    ("ledger_entries", "dated", "entry_dated"),
    ("period_locks", "fits", "period_lock_fits"),
    ("accounts", "unused", "account_is_unused"),
    ("fx_snapshots", "filled_once", "snapshot_filled_once"),
    ("checkout_sessions", "forward", "session_goes_forward"),
    ("inbox", "forward", "refuse_going_back"),
    ("outbox", "forward", "refuse_going_back"),
    ("hedera_cursors", "forward", "cursor_goes_forward"),
    ("payment_resolutions", "one_at_a_time", "lock_exception"),
    ("payment_resolutions", "was_done", "judge_resolution"),
    ("payment_exceptions", "is_resolved", "judge_resolved"),
    ("settlements", "credits_come_back", "credits_come_back"),
    ("settlements", "only_a_mark", "judge_voiding"),
    ("correction_requests", "decided_once", "refuse_deciding_twice"),
    ("xero_grants", "forward", "grant_goes_forward"),
    ("organizations", "owner_remains", "owner_remains"),
    ("memberships", "owner_remains", "owner_remains"),
)
"""table, trigger, function"""

WITHOUT_TENANT_POLICY = ("user_sessions",)
"""has an organization, and is read before one is known"""

DELETABLE = ("sign_in_throttles", "fx_rate_history", "link_contacts")
"""tables whose rows web or worker may delete"""

UNTOUCHABLE: tuple[tuple[str, str, str], ...] = (
    *(("payment_links", column, "UPDATE") for column in
      ("organization_id", "short_code", "status", "status_seq", "opened_at", "paid_at", "closed_at")),
    *(("payment_links", column, "INSERT") for column in ("status", "status_seq", "opened_at", "paid_at", "closed_at")),
    ("journals", "created_xid", "INSERT"),
    ("journals", "lock_seq", "INSERT"),
    ("period_locks", "open_from", "INSERT"),
    ("period_locks", "created_at", "INSERT"),
    ("accounts", "archived_at", "INSERT"),
    ("link_status_events", "created_at", "INSERT"),
    ("link_transitions", "event", "INSERT"),
    ("users", "is_platform_admin", "INSERT"),
    ("users", "is_platform_admin", "UPDATE"),
    ("users", "email", "UPDATE"),
    ("inbox", "payload", "UPDATE"),
    ("outbox", "payload", "UPDATE"),
    ("alembic_version", "version_num", "INSERT"),
    ("alembic_version", "version_num", "UPDATE"),
)  # fmt: skip
"""table, column, and what neither web nor worker may do with it"""
