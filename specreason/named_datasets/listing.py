"""The table of named datasets, and what each one needs on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from specreason.errors import InvalidField
from specreason.named_datasets import gym
from specreason.named_datasets.bundled import bundled
from specreason.named_datasets.fetching import cached_file
from specreason.named_datasets.names import DEMO, GYM, parsed
from specreason.named_datasets.pins import pins

NETWORK, ACCOUNT = "network once", "an account that accepted its terms (HF_TOKEN)"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedDataset:
    """One dataset. `num_problems` is None where a generator makes as many as are asked for.

    `needs` is what it takes to read it; all of it is met already where `is_here` is true. `revision` and `sha256` are
    those of the pinned file; `revision` of a package that is installed is its version.
    """

    name: str
    num_problems: int | None
    licence: str
    source: str
    needs: tuple[str, ...]
    is_here: bool
    revision: str | None = None
    sha256: str | None = None
    tasks: tuple[str, ...] = ()


def listed() -> tuple[NamedDataset, ...]:
    """All named datasets, the hub's first. Asks no server."""
    of_the_hub = tuple(
        NamedDataset(
            name=name,
            num_problems=pin.num_problems,
            licence=pin.licence,
            source=f"hub: {pin.repository}",
            needs=(NETWORK, *((ACCOUNT,) if pin.is_gated else ())),
            is_here=cached_file(pin) is not None,
            revision=pin.revision,
            sha256=pin.sha256,
        )
        for name, pin in pins().items()
    )
    return (*of_the_hub, _demo(), _gym())


def the_one(name: str) -> NamedDataset:
    """The dataset of this name. Raises InvalidField for an unknown name, and for one with a task or revision."""
    dataset = name if name == GYM else parsed(name).dataset
    if dataset != name:
        raise InvalidField(name, f"name the whole dataset here: {dataset}")
    return next(each for each in listed() if each.name.partition(":")[0] == dataset)


def _demo() -> NamedDataset:
    return NamedDataset(
        name=DEMO,
        num_problems=len(bundled()),
        licence="Apache-2.0",
        source="bundled; more from a generator",
        needs=(),
        is_here=True,
    )


def _gym() -> NamedDataset:
    is_here = gym.is_installed()
    return NamedDataset(
        name=f"{GYM}:TASK",
        num_problems=None,
        licence="Apache-2.0",
        source="package reasoning-gym",
        needs=(f"pip install 'specreason[{gym.EXTRA}]'",),
        is_here=is_here,
        revision=gym.package_version() if is_here else None,
        tasks=gym.tasks() if is_here else (),
    )
