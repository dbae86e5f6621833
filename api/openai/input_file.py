"""Reads an input file: either its requests, grouped by configuration, or the errors of its lines.

The problems wait in a spool until they are stored.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import BinaryIO

from api.openai.lines import RequestLine, config_of, read_line
from api.openai.requests.endpoint import Endpoint
from api.openai.requests.refusal import INVALID, LineInvalid
from specreason.config import RunConfig
from specreason.errors import InvalidField
from specreason.pairs import PairConfig, get_pair
from specreason.reasoning.schemes import stored_config
from specreason.store.queue.problems import CheckedProblems, NewProblem
from specreason.store.queue.spool import Spool
from specreason.submission.datasets.kinds import complaint_on
from specreason.submission.datasets.plain import HEAD
from specreason.submission.jsonl import BLANK_PER_LINE, Line, lines_of
from specreason.words import counted

BROKEN = "invalid_json_line"
MOST_ERRORS = 100  # reported per file, because one mistake often recurs in every line
MOST_KINDS = 1000  # configurations per file; each becomes a batch


@dataclass(frozen=True, slots=True, kw_only=True)
class LineError:
    """An entry of `errors.data[]`. `line` counts from 1; None means the whole file."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


class Refused(Exception):
    """The file is refused with these errors."""

    def __init__(self, errors: Sequence[LineError]) -> None:
        super().__init__(errors[0].message)
        self.errors = [asdict(error) for error in errors]


@dataclass(frozen=True, slots=True, eq=False)
class Problems:
    """The problems with these numbers in the spool."""

    spool: Spool
    numbers: Sequence[int]

    def __iter__(self) -> Iterator[NewProblem]:
        return map(self.spool.problem, self.numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The lines with the same pair and configuration."""

    pair: str
    config: RunConfig
    problems: CheckedProblems


def read_parts(
    content: BinaryIO,
    pairs: Mapping[str, PairConfig],
    *,
    endpoint: Endpoint = Endpoint.CHAT,
    max_lines: int,
    max_jobs: int,
) -> tuple[Part, ...]:
    """The requests of the file to `endpoint`. Raises Refused with the first errors, in the order of their lines."""
    groups = _Groups(pairs, endpoint)
    errors: list[LineError] = []
    for line in _lines(content, max_lines, errors):
        try:
            groups.add(line)
        except LineInvalid as error:
            is_first = not errors and not groups.line_of
            what_it_is = _complaint(content, line) if is_first and error.code == BROKEN else None
            message = error.message if what_it_is is None else f"the file {what_it_is}"
            errors.append(LineError(code=error.code, message=message, line=line.number, param=error.param))
            if what_it_is is not None:
                break
        if len(groups.kinds) > MOST_KINDS:
            message = f"the lines ask for more than {MOST_KINDS} different configurations"
            errors.append(LineError(code="too_many_configurations", message=message, line=line.number))
            break
        if len(errors) == MOST_ERRORS:
            break
    if groups.num_jobs > max_jobs:
        message = (
            f"the lines ask for {counted(groups.num_jobs, 'answer')}; a file may ask for at most {max_jobs:,}"
        )
        errors.append(LineError(code="too_many_jobs", message=message))
    if errors:
        raise Refused(errors)
    return tuple(
        Part(
            pair=pair,
            config=config,
            problems=CheckedProblems(Problems(groups.spool, numbers), len(numbers)),
        )
        for (pair, config), numbers in groups.numbers.items()
    )


@dataclass(frozen=True, slots=True)
class _Groups:
    """The problems of the lines so far, grouped by pair and configuration: their numbers in the spool."""

    pairs: Mapping[str, PairConfig]
    endpoint: Endpoint
    line_of: dict[str, int] = field(default_factory=dict)  # line numbers by custom_id
    kinds: dict[str, tuple[str, RunConfig]] = field(default_factory=dict)
    numbers: dict[tuple[str, RunConfig], array[int]] = field(default_factory=dict)
    spool: Spool = field(default_factory=Spool)

    def add(self, line: Line) -> None:
        """Add a line to its group. Raises LineInvalid."""
        request = _read(line, self.endpoint)
        if (first := self.line_of.setdefault(request.custom_id, line.number)) != line.number:
            raise LineInvalid("duplicate_custom_id", f"custom_id: line {first} has the same", "custom_id")
        kind = request.kind
        if kind not in self.kinds:
            self.kinds[kind] = self._kind(request)
        self.numbers.setdefault(self.kinds[kind], array("q")).append(self.spool.add(request.problem))

    def _kind(self, request: RequestLine) -> tuple[str, RunConfig]:
        """Raises LineInvalid. Where earlier lines name a model of this deployment, OpenAI says `model_mismatch`."""
        try:
            return pair_and_config(request, self.pairs)
        except LineInvalid as error:
            if error.code == "model_not_found" and self.kinds:
                raise LineInvalid("model_mismatch", error.message, error.param) from error
            raise

    @property
    def num_jobs(self) -> int:
        return sum(len(numbers) * config.repeats for (_, config), numbers in self.numbers.items())


def _lines(content: BinaryIO, max_lines: int, errors: list[LineError]) -> Iterator[Line]:
    """The lines, at most `max_lines`. Adds to `errors` if the file has more lines, too many blank lines, or none."""
    num_lines = 0
    try:
        for line in lines_of(content, most_blank=BLANK_PER_LINE * max_lines):
            num_lines += 1
            if num_lines > max_lines:
                message = f"the file has more than {counted(max_lines, 'line')}"
                errors.append(LineError(code="too_many_tasks", message=message, line=line.number))
                return
            yield line
    except InvalidField as error:
        errors.append(LineError(code="too_many_tasks", message=f"the file {error.reason}"))
    if not num_lines and not errors:
        errors.append(LineError(code="empty_file", message="the file has no lines"))


def _read(line: Line, endpoint: Endpoint) -> RequestLine:
    try:
        return read_line(line.parse(), endpoint)
    except ValueError as error:
        raise LineInvalid(BROKEN, f"the line {error}") from error


def _complaint(content: BinaryIO, first: Line) -> str | None:
    """What the file is, where its first bytes say that it is no JSONL at all: none of its lines is worth a word.

    A first line that begins an object and breaks off is no more than a broken line.
    """
    if first.content.startswith(b"{") and b"\0" not in first.content[:4] and first.content.strip() != b"{":
        return None
    position = content.tell()
    content.seek(0)
    head = content.read(HEAD)
    content.seek(position)
    return complaint_on(head)


def pair_and_config(request: RequestLine, pairs: Mapping[str, PairConfig]) -> tuple[str, RunConfig]:
    """The pair that a request names, and its configuration as it is stored. Raises LineInvalid."""
    name = request.body.model
    try:
        pair = get_pair(pairs, name)
    except InvalidField as error:
        raise LineInvalid("model_not_found", f"body.model: {error.reason}", "body.model") from error
    try:
        return name, stored_config(config_of(request), name, pair)
    except InvalidField as error:
        field = error.field.removeprefix("config.")
        is_openai = getattr(request.body, field, None) is not None
        param = f"body.{field}" if is_openai else f"body.specreason.{field}"
        raise LineInvalid(INVALID, f"{param}: {error.reason}", param) from error
