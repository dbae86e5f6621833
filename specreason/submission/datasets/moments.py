"""Points and lengths of time as ISO 8601, whatever their unit and year. Python's own end with the year 9999."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_PER_DAY = 86_400  # seconds
_PER_CYCLE = 146_097  # days in 400 years, after which the calendar is the same again
_EPOCH = date(1970, 1, 1).toordinal()
_NAMED_YEARS = range(10_000)  # a year outside has a sign and six digits


def moment(ticks: int, unit: str, zone: str | None) -> str:
    """The point in time that is `ticks` of `unit` after 1970, as "2026-01-02T00:00:00"; with its offset in a `zone`."""
    seconds, rest = divmod(ticks, PER_SECOND[unit])
    part = _part(rest, unit)
    if zone is not None:
        try:
            local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
            text = local.astimezone(_zone(zone)).isoformat()
            return text[:19] + part + text[19:]
        except OverflowError:
            pass  # in UTC
    days, second = divmod(seconds, _PER_DAY)
    return f"{day(days)}T{_clock(second)}{part}{'' if zone is None else '+00:00'}"


def day(days: int) -> str:
    """The day that is `days` after 1 January 1970."""
    cycles, inside = divmod(days + _EPOCH - 1, _PER_CYCLE)
    found = date.fromordinal(inside + 1)
    year = found.year + 400 * cycles
    return f"{year:04}{found:-%m-%d}" if year in _NAMED_YEARS else f"{year:+07}{found:-%m-%d}"


def time_of_day(ticks: int, unit: str) -> str:
    seconds, rest = divmod(ticks, PER_SECOND[unit])
    return _clock(seconds) + _part(rest, unit)


def duration(ticks: int, unit: str) -> str:
    """A length of time in seconds, such as "PT90.5S"."""
    seconds, rest = divmod(abs(ticks), PER_SECOND[unit])
    return f"{'-' if ticks < 0 else ''}PT{seconds}{_part(rest, unit).rstrip('0')}S"


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _part(rest: int, unit: str) -> str:
    """A part of a second in six digits, as Python writes it; in nine where six are not enough."""
    if not rest:
        return ""
    nanoseconds = rest * (PER_SECOND["ns"] // PER_SECOND[unit])
    return f".{nanoseconds:09}" if nanoseconds % 1000 else f".{nanoseconds // 1000:06}"


def _zone(name: str) -> tzinfo:
    """The zone called so, or an offset such as "+05:30"; UTC where this machine does not know it."""
    if name[:1] in "+-" and name[1:3].isdecimal() and name[-2:].isdecimal():
        offset = timedelta(hours=int(name[1:3]), minutes=int(name[-2:]))
        return timezone(-offset if name[0] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC
