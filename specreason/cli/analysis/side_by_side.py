"""Prints two traces side by side: steps that are the same once, and from where they part one beside the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest

from rich.console import Console
from rich.text import Text

from specreason.cli.show.jobs import asked
from specreason.cli.show.output import as_text, ellipsis_of, print_hanging
from specreason.cli.show.trace import headline
from specreason.client import Job, Step
from specreason.client.analysis.comparison import Parting
from specreason.words import counted

# Same steps that are shown before the traces part, and lines of each text without `--full`.
BEFORE = 2
SHORT_LINES = 6
INDENT = 5
BETWEEN = " │ "
PLAIN_BETWEEN = " | "

Pair = tuple[Step | None, Step | None]


def paired(a: Iterable[Step], b: Iterable[Step], limit: int | None) -> Iterator[Pair]:
    """The steps of both with the same index, as they are read; None behind the end of a trace."""
    return islice(zip_longest(a, b), limit)


def print_side_by_side(
    console: Console,
    names: Sequence[str],
    jobs: Sequence[Job],
    parting: Parting,
    pairs: Iterable[Pair],
    *,
    full: bool,
) -> None:
    """Print where two traces part, both of them as far as `pairs` goes, and how both ended."""
    for letter, name in zip("AB", names, strict=True):
        console.print(Text.assemble((f"{letter}  ", "bold"), as_text(name)), soft_wrap=True)
    print_hanging(console, Text(), as_text(asked(jobs[0]).strip()))
    if not parting.same_problem:
        print_hanging(console, Text("! ", style="yellow"), Text("The two jobs have different problems."))
    console.print()
    print_hanging(console, Text(), Text(parted(parting), style="bold"))
    console.print()
    for pair in pairs:
        _print_pair(console, pair, parting, full=full)
    console.print()
    _print_columns(console, "", [Text(_ending(job)) for job in jobs])


def parted(parting: Parting) -> str:
    """Where two traces part, in a sentence."""
    decided, index = parting.decided, parting.index
    earlier = decided is not None and (index is None or decided < index)
    otherwise = f" Step {decided} was decided otherwise, with the same text." if earlier else ""
    if not parting.num_steps_a and not parting.num_steps_b:
        return "Neither job has a step yet."
    if parting.lacks_texts:
        first = "No step" if decided is None else f"Step {decided} is the first that"
        return (
            "Texts of these traces are not stored, as after `prune` or an import without `payload`, and cannot be "
            f"compared. {first} was decided otherwise."
        )
    if index is None:
        return f"The traces have the same text in all {counted(parting.num_steps_a, 'step')}.{otherwise}"
    for name, number in (("A", parting.num_steps_a), ("B", parting.num_steps_b)):
        if number <= index:
            return f"{name}'s trace ends after {counted(number, 'step')}; until then both are the same.{otherwise}"
    same = parting.num_same_characters
    after = f", after {counted(same, 'character')}" if same else ""
    before = f"The first {counted(index, 'step')} are the same. " if index > 1 else ""
    return f"{before}The traces part at step {index}{after}.{otherwise}"


def _print_pair(console: Console, pair: Pair, parting: Parting, *, full: bool) -> None:
    index = next(step.index for step in pair if step is not None)
    same = parting.index is None or index < parting.index
    heads = [Text("–", style="dim") if step is None else headline(step) for step in pair]
    _print_columns(console, f"{index:>3}  ", heads)
    if same:
        step = pair[0] or pair[1]
        assert step is not None
        lines = _wrapped(console, step.kept_text or "", console.width - INDENT, full=full)
        print_hanging(console, Text("  =  ", style="dim"), Text("\n").join(lines))
        return
    first = parting.num_same_characters if index == parting.index else None
    _print_columns(console, "", [_body(console, step, first, full=full) for step in pair])


def _body(console: Console, step: Step | None, same: int | None, *, full: bool) -> Text:
    """The texts of a step: a rejected draft struck out, the kept one marked from where it differs."""
    if step is None:
        return Text()
    parts = []
    width = _column(console)
    rejected = step.draft_text is not None and step.decision.startswith("rejected")
    if rejected:
        draft = _wrapped(console, step.draft_text or "", width - 2, full=full, style="dim strike")
        parts += [Text.assemble("- " if place == 0 else "  ", line) for place, line in enumerate(draft)]
    mark = "+ " if rejected else ""
    kept = _wrapped(console, step.kept_text or "", width - len(mark), full=full, same=same)
    parts += [Text.assemble(mark if place == 0 else " " * len(mark), line) for place, line in enumerate(kept)]
    return Text("\n").join(parts)


def _wrapped(
    console: Console, text: str, width: int, *, full: bool, style: str = "", same: int | None = None
) -> list[Text]:
    """A text in lines; without `full` only its first ones, around where it differs from character `same` on."""
    start = 0
    if same is not None and not full and same > 3 * width:
        start = same - width  # a line before the difference
    shown = as_text(text[start:], style)
    if same is not None and same >= start:
        shown.stylize("bold yellow", same - start)
    if start:
        shown = Text.assemble(ellipsis_of(console), " ", shown)
    if not full:
        shown = Text(" ").join(part for part in shown.split("\n") if part.plain.strip())
    shown.rstrip()
    more = f" {ellipsis_of(console)}"
    lines = list(shown.wrap(console, max(10, width if full else width - len(more))))
    kept = lines if full else lines[:SHORT_LINES]
    for line in kept:
        line.rstrip()
    if len(kept) < len(lines):
        kept[-1].append(more)
    return kept or [Text()]


def _between(console: Console) -> str:
    return PLAIN_BETWEEN if console.options.ascii_only else BETWEEN


def _column(console: Console) -> int:
    return max(10, (console.width - INDENT - len(BETWEEN)) // 2)


def _print_columns(console: Console, head: str, texts: Sequence[Text]) -> None:
    """Two texts beside each other, the first line behind `head`."""
    width = _column(console)
    columns = [list(text.wrap(console, width)) or [Text()] for text in texts]
    for place, (left, right) in enumerate(zip_longest(*columns, fillvalue=None)):
        line = Text((head if place == 0 else "").ljust(INDENT), style="bold")
        cell = Text() if left is None else left.copy()
        cell.rstrip()
        cell.align("left", width)
        line = Text.assemble(line, cell, (_between(console), "dim"), right or Text())
        line.rstrip()
        console.print(line, soft_wrap=True)


def _ending(job: Job) -> str:
    verdict = {True: ": right", False: ": wrong", None: ""}[job.is_correct]
    return f"{job.state}; answer {job.answer or 'none'}{verdict}"
