"""Texts that look like steps of a model's thinking: an opening and a continuation, some 20 tokens in all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.synthetic.copying import array_elements, array_head

SUBJECTS = (
    "the number of apples",
    "the area of the triangle",
    "the remainder",
    "the probability of red",
    "the shorter side",
    "the linear coefficient",
    "the greatest divisor",
    "the distance",
    "the number of solutions",
    "the slope",
    "the discounted price",
    "the last digit",
)
OPENINGS = (
    "So {subject} is {a} * {b}",
    "Let me check {subject}: {a} + {b}",
    "Wait, {subject} cannot be {a}",
    "Next, with x = {a} we get {subject}",
    "We know that {subject} equals {a}",
    "Since {a} is even, {subject} is at least {b}",
    "First, {subject} follows from {a}",
    "Alternatively, write {subject} as {a}/{b}",
)
CONTINUATIONS = (
    ", which leaves {a}.",
    ", and so {subject} is {b}.",
    ". Adding both sides gives {c}.",
    ". That contradicts the assumption.",
    ", so dividing by {a} we get {b}.",
    ". Hmm, but then it would be negative.",
    ", because {a} and {b} are coprime.",
    ". This matches {c}.",
)
NUM_OPENINGS = NUM_CONTINUATIONS = 4096
NUM_ANSWERS = 1000
"""The continuations go on: first one that boxes each answer from 0 on, then the tag that closes the thinking."""
CLOSING = NUM_CONTINUATIONS + NUM_ANSWERS
NO_OPENING = NUM_OPENINGS
TOKEN = re.compile(r" ?[A-Za-z]+|\d|[^\w\s]|\n\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragments:
    """Halves of texts, as arrays over the fragments: the text and the ids as COPY takes them, and their numbers."""

    texts: NDArray[Any]
    ids: NDArray[Any]
    num_bytes: NDArray[np.int32]
    num_tokens: NDArray[np.int32]


@cache
def openings() -> Fragments:
    random = Random(1)
    return _fragments([*(_said(random, OPENINGS) for _ in range(NUM_OPENINGS)), ""], random)


@cache
def continuations() -> Fragments:
    random = Random(2)
    said = [f"{_said(random, CONTINUATIONS)}\n\n" for _ in range(NUM_CONTINUATIONS)]
    boxed = [f", so the answer is \\boxed{{{answer}}}." for answer in range(NUM_ANSWERS)]
    return _fragments([*said, *boxed, "</think>\n\n"], random)


def text_cells(first: NDArray[np.int32], second: NDArray[np.int32]) -> NDArray[Any]:
    """For each row, a column with the text of both halves and a column with its token ids."""
    before, after = openings(), continuations()
    sizes, heads = _heads()
    pieces = np.empty((len(first), 6), dtype=object)
    pieces[:, 0] = sizes[before.num_bytes[first] + after.num_bytes[second]]
    pieces[:, 1], pieces[:, 2] = before.texts[first], after.texts[second]
    pieces[:, 3] = heads[before.num_tokens[first] + after.num_tokens[second]]
    pieces[:, 4], pieces[:, 5] = before.ids[first], after.ids[second]
    cells = np.empty(len(first), dtype=object)
    cells[:] = [b"".join(row) for row in pieces.tolist()]
    return cells


def num_tokens(first: NDArray[np.int32], second: NDArray[np.int32]) -> NDArray[np.int32]:
    return openings().num_tokens[first] + continuations().num_tokens[second]


@cache
def _heads() -> tuple[NDArray[Any], NDArray[Any]]:
    """The size of a text of each length, and the head of an array of each length."""
    sizes, heads = np.empty(512, dtype=object), np.empty(256, dtype=object)
    sizes[:] = [length.to_bytes(4) for length in range(512)]
    heads[:] = [array_head(length) for length in range(256)]
    return sizes, heads


def _said(random: Random, patterns: tuple[str, ...]) -> str:
    a, b = random.randrange(2, 100), random.randrange(2, 100)
    return random.choice(patterns).format(subject=random.choice(SUBJECTS), a=a, b=b, c=a * b)


def _fragments(said: list[str], random: Random) -> Fragments:
    vocabulary: dict[str, int] = {}
    tokens = [
        [vocabulary.setdefault(token, random.randrange(150_000)) for token in TOKEN.findall(text)]
        for text in said
    ]
    tokens = [[151_649] if text == "</think>\n\n" else ids for text, ids in zip(said, tokens, strict=True)]
    texts, ids = np.empty(len(said), dtype=object), np.empty(len(said), dtype=object)
    texts[:] = [text.encode() for text in said]
    ids[:] = [array_elements(one) for one in tokens]
    return Fragments(
        texts=texts,
        ids=ids,
        num_bytes=np.array([len(text) for text in texts], dtype=np.int32),
        num_tokens=np.array([len(one) for one in tokens], dtype=np.int32),
    )
