"""How pages write figures. What is not known is an en dash, which a reader cannot take for a zero."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from specreason.client.references import short_id
from specreason.evaluation.intervals import Interval
from specreason.visible import visible

UNKNOWN = "–"


def number(value: float | None, form: str = "{:,.2f}") -> str:
    """A figure as `form` has it."""
    return UNKNOWN if value is None else form.format(value)


def count(value: int | None) -> str:
    return number(value, "{:,}")


def percent(value: float | None, digits: int = 0) -> str:
    return UNKNOWN if value is None else f"{value:.{digits}%}".replace("%", " %")


def seconds(value: float | None) -> str:
    """A duration: milliseconds below a second, else seconds, minutes and hours."""
    if value is None:
        return UNKNOWN
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 120:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def interval(value: Interval | None, form: str = "{:.2f}") -> str:
    """An estimate with its bounds, as 0.50 (0.44 to 0.60)."""
    if value is None:
        return UNKNOWN
    if value.low is None or value.high is None:
        return form.format(value.mean)
    return f"{form.format(value.mean)} ({form.format(value.low)} to {form.format(value.high)})"


def moment(at: datetime | None) -> str:
    """A time in UTC; a script shows it as the viewer's clock does."""
    return UNKNOWN if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def short(whole: UUID | str) -> str:
    """The digits by which a person names a batch, a job or a worker."""
    return short_id(whole if isinstance(whole, UUID) else UUID(whole))


def facts(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values as text: what is no text itself is written as JSON."""
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in values.items()
    ]


def urlencode_known(parameters: dict[str, Any]) -> str:
    """A query with the parameters that have a value."""
    known = {name: value for name, value in parameters.items() if value is not None}
    return urlencode(
        {name: str(value).lower() if isinstance(value, bool) else value for name, value in known.items()}
    )


FILTERS: dict[str, Callable[..., Any]] = {
    "number": number,
    "count": count,
    "percent": percent,
    "seconds": seconds,
    "interval": interval,
    "moment": moment,
    "iso": iso,
    "short": short,
    "visible": visible,
    "facts": facts,
    "urlencode_known": urlencode_known,
}
