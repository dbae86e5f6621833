"""Graders by name: the project's own, and those of one's own, found by the entry point group `specreason.graders`.

A package adds a grader by naming a function in its pyproject.toml; installed beside this one, on the API's machine and
on the workers', it can be asked for by the entry point's name:

    [project.entry-points."specreason.graders"]
    lenient = "my_package.grading:lenient"

The function takes the answer, None if a run ended without one, and the gold answer, and returns a `Verdict`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from specreason.errors import InvalidField
from specreason.grading.verdict import Verdict
from specreason.words import none_of

GROUP = "specreason.graders"
# What the project's own grader is asked for by.
LAYERS = "layers"


class Grader(Protocol):
    """Says whether an answer equals the gold answer. `name` is its name and version, as grades have it."""

    @property
    def name(self) -> str: ...

    def __call__(self, answer: str | None, gold: str) -> Verdict: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedGrader:
    """A function under a name."""

    name: str
    function: Callable[[str | None, str], Verdict]

    def __call__(self, answer: str | None, gold: str) -> Verdict:
        """Raises TypeError for anything that is not a verdict."""
        verdict = self.function(answer, gold)
        if not isinstance(verdict, Verdict):
            raise TypeError(f"the grader returned {type(verdict).__name__}, not a Verdict")
        return verdict


def installed_graders() -> tuple[str, ...]:
    """The names that can be asked for here, the project's own first. Imports none of them."""
    return (LAYERS, *sorted({point.name for point in entry_points(group=GROUP)} - {LAYERS}))


def check_grader(name: str | None) -> str | None:
    """The name of a grader to store: None for the project's own. Raises InvalidField if there is none of this name."""
    installed = installed_graders()
    if name is not None and name not in installed:
        raise InvalidField("grader", none_of(name, installed))
    return None if name == LAYERS else name


def load_grader(name: str | None) -> Grader:
    """The grader called `name`, None for the project's own. Raises InvalidField, and whatever its import raises."""
    if check_grader(name) is None:
        from specreason.grading.grading import GRADER, grade

        return NamedGrader(name=GRADER, function=grade)
    point: EntryPoint = next(point for point in entry_points(group=GROUP) if point.name == name)
    version = f" {point.dist.version}" if point.dist is not None else ""
    return NamedGrader(name=f"{name}{version}", function=point.load())
