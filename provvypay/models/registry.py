"""Every table, imported in one place, for migrations and for whoever needs the whole metadata."""

from provvypay.models import (
    audit,
    balance_transaction,
    correction,
    delivery,
    exception,
    fx,
    hedera,
    ledger,
    notification,
    organization,
    payment,
    payment_link,
    refund,
    user,
    xero,
)
from provvypay.models.base import Base

__all__ = ["TABLES"]

_MODULES = (
    audit,
    balance_transaction,
    correction,
    delivery,
    exception,
    fx,
    hedera,
    ledger,
    notification,
    organization,
    payment,
    payment_link,
    refund,
    user,
    xero,
)

TABLES = Base.metadata.tables
