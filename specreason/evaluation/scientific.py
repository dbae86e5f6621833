"""numpy and scipy, which the statistics here stand on. The import raises ExtraMissing where one is absent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from specreason.errors import ExtraMissing

try:
    import numpy as np
    from scipy import special, stats
except ImportError as error:
    raise ExtraMissing(error.name or "scipy") from error

__all__ = ["Numbers", "np", "special", "stats"]

# One number per problem, job or call.
Numbers: TypeAlias = Sequence[float] | np.ndarray
