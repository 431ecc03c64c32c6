"""Slice results to the one ``Result`` that a single machine would have returned."""

from .failures import Failure, failures
from .result import merge

__all__ = ["Failure", "failures", "merge"]
