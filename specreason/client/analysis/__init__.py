"""Analyses that the API makes of stored rows, and the rows themselves: `Analysis`, and the values that it returns."""

from __future__ import annotations

from specreason.client.analysis.analysis import Analysis

__all__ = ["Analysis"]
