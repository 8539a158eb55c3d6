"""Turn what Stripe reports of refunds and disputes into what the books take: our amounts, our shapes."""

from __future__ import annotations

from provvypay.domain.currencies import currency_of
from provvypay.integrations import stripe_returns
from provvypay.services.disputes import DisputeFact
from provvypay.services.refund_facts import RefundFact
from provvypay.services.return_lines import LineFact


def refund_fact(report: stripe_returns.RefundReport) -> RefundFact:
    """Return a refund as the books take it."""
    return RefundFact(
        provider_refund_id=report.id,
        amount_minor=currency_of(report.currency).from_stripe(report.amount),
        currency=report.currency,
        status=report.status,
        pending_reason=report.pending_reason,
        failure_code=report.failure_reason,
        reason=report.reason or "",
        refund_id=report.refund_id,
        occurred_at=report.created,
        left=_line(report.balance),
        came_back=_line(report.failure_balance),
    )


def dispute_fact(report: stripe_returns.DisputeReport) -> DisputeFact:
    """Return a dispute as the books take it."""
    withdrawn = next((line for line in report.lines if line.amount < 0), None)
    reinstated = next((line for line in report.lines if line.amount > 0), None)
    return DisputeFact(
        provider_dispute_id=report.id,
        amount_minor=currency_of(report.currency).from_stripe(report.amount),
        status=report.status,
        reason=report.reason,
        evidence_due_by=report.evidence_due_by,
        occurred_at=report.created,
        withdrawn=_line(withdrawn),
        reinstated=_line(reinstated),
    )


def _line(line: stripe_returns.BalanceLine | None) -> LineFact | None:
    if line is None:
        return None
    return LineFact(
        provider_id=line.id,
        amount_minor=line.amount,
        fee_minor=line.fee,
        currency=line.currency,
        exchange_rate=line.exchange_rate,
        available_on=line.available_on,
        occurred_at=line.created,
    )
