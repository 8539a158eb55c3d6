"""What a customer is told of a transaction id they reported: a code that is kept, and a sentence for it."""

from __future__ import annotations

NOT_FOUND = "claim_not_found"
FAILED = "claim_failed"
NOT_CARRIED_OUT = "claim_not_carried_out"
OTHER_ACCOUNT = "claim_other_account"
OTHER_LINK = "claim_other_link"
USED = "claim_used"
UNKNOWN_TOKEN = "claim_unknown_token"  # noqa: S105 - a token of money, not a secret
NEEDS_CONFIRMATION = "claim_needs_confirmation"

_BY_RESULT = {
    "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT": "claim_not_associated",
    "NO_REMAINING_AUTOMATIC_ASSOCIATIONS": "claim_not_associated",
    "ACCOUNT_FROZEN_FOR_TOKEN": "claim_frozen",
    "ACCOUNT_KYC_NOT_GRANTED_FOR_TOKEN": "claim_no_kyc",
    "TOKEN_IS_PAUSED": "claim_token_paused",
    "INVALID_SIGNATURE": "claim_not_signed",
    "INSUFFICIENT_TOKEN_BALANCE": "claim_insufficient",
    "INSUFFICIENT_PAYER_BALANCE": "claim_insufficient",
    "INSUFFICIENT_ACCOUNT_BALANCE": "claim_insufficient",
    "TRANSACTION_EXPIRED": "claim_expired",
}

SENTENCES = {
    NOT_FOUND: "No transaction with this ID has reached the network. Please check the ID in your wallet.",
    FAILED: "This transaction failed on the network, so no money was moved. Only its fee was charged.",
    "claim_not_associated": "The network refused it: the seller's account cannot take this token yet. No money was"
    " moved; please pay with another token or tell the seller.",
    "claim_frozen": "The network refused it: this token is frozen for one of the two accounts. No money was moved.",
    "claim_no_kyc": "The network refused it: the token's issuer has not approved one of the two accounts. No money was"
    " moved.",
    "claim_token_paused": "The network refused it: transfers of this token are paused. No money was moved.",
    "claim_not_signed": "The network refused it: a signature was missing. No money was moved.",
    "claim_insufficient": "The network refused it: the account that sent it holds too little. No money was moved.",
    "claim_expired": "It was signed too late, and the network refused it. No money was moved; please send it again.",
    NOT_CARRIED_OUT: "It is scheduled, but was not carried out yet. We will see it as soon as it is.",
    OTHER_ACCOUNT: "This transaction paid another account than the one shown here.",
    OTHER_LINK: "The memo of this transaction names another payment.",
    USED: "This transaction already counts for another payment.",
    UNKNOWN_TOKEN: "This transaction sent something the seller does not take here. They have been told.",
    NEEDS_CONFIRMATION: "We found it. It does not say what it is for, so the seller will have a look and confirm it.",
}
"""by code; docs/reference/errors.md lists them"""


def answer_for(result: str) -> str:
    """Return the code of what the network said of a failed transaction."""
    return _BY_RESULT.get(result, FAILED)


def sentence_for(code: str) -> str:
    """Return what to tell a customer; empty for no answer yet."""
    return SENTENCES.get(code, "")
