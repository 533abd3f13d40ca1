"""Splitting bills, in whole cents."""

from till.split import split_bill

__all__ = ["split_bill"]
