"""RQ entry points for what happens on Hedera."""

import uuid

from provvypay.flows import transfer_claims


def check_claim(organization_id: str, claim_id: str) -> None:
    """Look up one transaction that somebody reported."""
    transfer_claims.check(uuid.UUID(organization_id), uuid.UUID(claim_id))
