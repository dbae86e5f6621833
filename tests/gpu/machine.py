"""The machine that the proof runs on."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from specreason.cli.checks.machine import shown_gpus
from specreason.engines.platform import Device, check_platform
from specreason.planning.cards import Cards, cards_shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """`cards` is None where no GPU is at hand, whatever vLLM is built for."""

    device: Device
    cards: Cards | None

    @property
    def num_gpus(self) -> int:
        return 0 if self.cards is None else self.cards.count


def this_machine() -> Machine:
    """Look at the installed vLLM and, if it is built for GPUs, at the cards. Raises InputError without a vLLM."""
    device = check_platform()
    return Machine(device=device, cards=cards_here() if device is Device.GPU else None)


def cards_here() -> Cards | None:
    """Return the cards with the memory that is in use right now, None if the driver shows none."""
    try:
        return cards_shown(shown_gpus())
    except (OSError, subprocess.SubprocessError):
        return None
