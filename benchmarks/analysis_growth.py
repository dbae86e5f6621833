"""The figures of `benchmarks.analysis`, of a small store beside a large one, and which of them miss their targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.analysis_figures import Export

TARGET_BUILD_S, TARGET_QUERY_S, TARGET_PAGE_MS, TARGET_EXPORT_ROWS_PER_S = 600, 10, 200, 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The figures of one store. `disk` as `disk_bytes` has it."""

    steps: int
    build_s: float
    queries: dict[str, float]
    pages: dict[str, float]
    analyses: dict[str, float]
    disk: Mapping[str, Mapping[str, int]]
    export: Export

    @property
    def bytes_per_step(self) -> float:
        return sum(sum(parts.values()) for parts in self.disk.values()) / self.steps

    @property
    def too_slow(self) -> list[str]:
        return [
            *(f"query: {name}" for name, took_s in self.queries.items() if took_s > TARGET_QUERY_S),
            *(f"analysis: {name}" for name, took_s in self.analyses.items() if took_s > TARGET_QUERY_S),
            *(f"page: {name}" for name, took_s in self.pages.items() if 1000 * took_s > TARGET_PAGE_MS),
            *(["export"] if self.export.rows_per_s < TARGET_EXPORT_ROWS_PER_S else []),
            *(["build"] if self.build_s > TARGET_BUILD_S else []),
        ]


def growth(smaller: Measured, larger: Measured) -> Iterator[str]:
    """A line for each figure: what it is at both sizes."""
    yield f"{'':58} {smaller.steps:>12,} {larger.steps:>12,}"
    yield from section("build, s", {"build": smaller.build_s}, {"build": larger.build_s}, "12.1f")
    yield from section("queries, s", smaller.queries, larger.queries, "12.3f")
    yield from section("pages, ms", in_ms(smaller.pages), in_ms(larger.pages), "12.1f")
    yield from section("analyses, s", smaller.analyses, larger.analyses, "12.3f")
    yield from section("bytes per step in Postgres", per_step(smaller), per_step(larger), "12.1f")
    yield from section("bytes per step in Parquet", in_parquet(smaller), in_parquet(larger), "12.1f")
    yield from section("export", of_export(smaller.export), of_export(larger.export), "12,.0f")


def section(
    title: str, smaller: Mapping[str, float], larger: Mapping[str, float], form: str
) -> Iterator[str]:
    yield title
    for name, value in larger.items():
        before = format(smaller[name], form) if name in smaller else f"{'':>12}"
        yield f"  {name[:56]:56} {before} {value:{form}}"


def in_ms(seconds: Mapping[str, float]) -> dict[str, float]:
    return {name: 1000 * value for name, value in seconds.items()}


def per_step(measured: Measured) -> dict[str, float]:
    parts = {
        f"{table}: {part}": num_bytes / measured.steps
        for table, sizes in measured.disk.items()
        for part, num_bytes in sizes.items()
        if num_bytes / measured.steps >= 0.1
    }
    return parts | {"all": measured.bytes_per_step}


def in_parquet(measured: Measured) -> dict[str, float]:
    parts = {table: size / measured.steps for table, size in measured.export.num_bytes.items()}
    return parts | {"all": sum(parts.values())}


def of_export(done: Export) -> dict[str, float]:
    return {
        "rows": sum(done.rows.values()),
        "seconds": done.took_s,
        "rows per second": done.rows_per_s,
        "peak of the command, MiB": done.command_rss_mb,
        "peak of the API, MiB": done.api_rss_mb,
    }
