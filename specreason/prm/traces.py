"""Which sequences a trace takes: one for all its kept steps, and one for each draft that was rejected. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from specreason.prm.protocol import Encoded, Marked, marked, words_of

Encode = Callable[[Marked], Encoded]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A kept step, and the draft that was rejected in its favour, if there was one."""

    index: int
    text: str
    draft: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A text that is to be scored: the kept one of a step, or its draft."""

    index: int
    is_draft: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """One sequence for the model, and what it answers at each of its places."""

    encoded: Encoded
    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a trace is scored. What is `too_long` stands behind the end of the model's context; what is `empty` says
    nothing but white space.
    """

    askings: tuple[Asking, ...]
    too_long: tuple[Asked, ...]
    empty: tuple[Asked, ...]


def plan(
    problem: str, steps: Sequence[Step], wanted: Collection[Asked], encode: Encode, most_tokens: int
) -> Plan:
    """The sequences that answer what is wanted, none longer than `most_tokens`.

    A step is scored behind all steps before it, and so is a draft: where these do not fit into the context, it has no
    score. A part of them would be another question. Nor has the draft of a step that itself can have none, because the
    two are stored together.
    """
    said = [(step, words) for step in steps if (words := words_of(step.text))]
    kept = [Asked(step.index) for step, _ in said]
    askings, too_long = [], []
    last = max((place for place, asked in enumerate(kept) if asked in wanted), default=-1)
    if last >= 0:
        whole = encode(marked(problem, [words for _, words in said[: last + 1]]))
        num = sum(place < most_tokens for place in whole.places)
        answered = [place for place in range(num) if kept[place] in wanted]
        if answered:
            cut = whole.up_to(answered[-1] + 1)
            places = tuple(cut.places[place] for place in answered)
            askings.append(Asking(Encoded(cut.ids, places), tuple(kept[place] for place in answered)))
        too_long += [asked for asked in kept[num : last + 1] if asked in wanted]
    before: list[str] = []
    without_words = [Asked(step.index) for step in steps if not words_of(step.text)]
    behind_the_end = frozenset(too_long)
    for step in steps:
        draft = Asked(step.index, is_draft=True)
        if draft in wanted:
            words = words_of(step.draft or "")
            if not words or not words_of(step.text):
                without_words.append(draft)
            elif Asked(step.index) in behind_the_end:
                too_long.append(draft)
            elif (one := _behind(problem, before, words, encode)).places[0] < most_tokens:
                askings.append(Asking(one, (draft,)))
            else:
                too_long.append(draft)
        if words := words_of(step.text):
            before.append(words)
    return Plan(tuple(askings), tuple(too_long), tuple(asked for asked in without_words if asked in wanted))


def _behind(problem: str, before: Sequence[str], draft: str, encode: Encode) -> Encoded:
    """The draft behind the steps that were kept before it; only its own place."""
    whole = encode(marked(problem, [*before, draft]))
    cut = whole.up_to(len(before) + 1)
    return Encoded(cut.ids, cut.places[-1:])
