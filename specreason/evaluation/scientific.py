"""numpy and scipy, which the statistics here stand on. The import raises ExtraMissing where one is absent.

Of scipy only `special`: `scipy.stats` takes a second to import, and the first page with a figure would wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from specreason.errors import ExtraMissing

try:
    import numpy as np
    from scipy import special
except ImportError as error:
    raise ExtraMissing(error.name or "scipy") from error

__all__ = ["Numbers", "np", "special"]

# One number per problem, job or call.
Numbers: TypeAlias = Sequence[float] | np.ndarray
