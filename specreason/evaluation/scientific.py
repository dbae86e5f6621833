"""numpy and scipy, which the statistics here stand on. The import raises ExtraMissing where one is absent."""

from __future__ import annotations

from specreason.errors import ExtraMissing

try:
    import numpy as np
    from scipy import stats
except ImportError as error:
    raise ExtraMissing(error.name or "scipy") from error

__all__ = ["np", "stats"]
