"""Student's t from its table: intervals of a mean that need neither numpy nor scipy."""

from __future__ import annotations

# The quantiles at 97.5 %, from one degree of freedom on. Beyond the last one the interval is hardly wider than needed.
T_975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


def t_975(num_values: int) -> float:
    """How many standard errors are half a 95 % interval of the mean of so many values, two at least."""
    return T_975[min(num_values - 1, len(T_975)) - 1]
