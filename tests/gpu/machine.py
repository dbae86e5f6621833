"""The machine that the proof runs on."""

from __future__ import annotations

from dataclasses import dataclass

from specreason.engines.machine.gpus import machine_cards
from specreason.engines.machine.platform import Device, check_platform
from specreason.errors import SpecReasonError
from specreason.planning.cards import Cards


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """`cards` is None where no GPU is at hand, or where vLLM is built for the CPU."""

    device: Device
    cards: Cards | None

    @property
    def num_gpus(self) -> int:
        return 0 if self.cards is None else self.cards.count


def this_machine() -> Machine:
    """Look at the installed vLLM and, if it is built for GPUs, at the cards. Raises InputError without a vLLM."""
    device = check_platform()
    return Machine(device=device, cards=_cards() if device is Device.GPU else None)


def used_gib() -> float:
    """Memory in use on the fullest card right now, by whichever process; 0 without a card."""
    cards = _cards()
    return 0.0 if cards is None else round(cards.used_gib, 2)


def _cards() -> Cards | None:
    """The cards that this process may use, None if nvidia-smi tells of none."""
    try:
        return machine_cards()
    except SpecReasonError:
        return None
