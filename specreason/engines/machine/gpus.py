"""The GPUs of this machine, as NVIDIA's driver shows them: to the memory plan, to the doctor and to `--gpu`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from specreason.errors import EngineDead, InputError, InvalidField
from specreason.planning.cards import Cards, cards_of
from specreason.words import shown

FIELDS = (
    "index",
    "uuid",
    "name",
    "driver_version",
    "compute_cap",
    "mig.mode.current",
    "memory.used",
    "memory.total",
)
NVIDIA_SMI = ("nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits")
# A sound driver answers within a second or two, a broken one never.
PATIENCE_S = 20.0
VISIBLE = "CUDA_VISIBLE_DEVICES"
_PARTS = "(MIG) cannot be planned, because nvidia-smi tells the memory of whole GPUs only: name whole ones"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One line of NVIDIA_SMI. None: the driver does not say, as of a card that shares the machine's memory."""

    index: int
    uuid: str
    name: str
    driver: str | None
    capability: tuple[int, int] | None
    # NVIDIA's MIG divides it into parts, and a process gets one of them.
    is_divided: bool
    used_mib: int | None
    total_mib: int | None


def all_gpus() -> tuple[Gpu, ...] | None:
    """Return every GPU that nvidia-smi lists, by index. None: this machine has no nvidia-smi.

    Raises EngineDead if nvidia-smi fails, or does not answer within PATIENCE_S: another try may succeed.
    """
    try:
        ended = subprocess.run(NVIDIA_SMI, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired:
        raise EngineDead(f"nvidia-smi does not answer within {PATIENCE_S:g} s") from None
    except OSError as error:
        raise EngineDead(f"nvidia-smi does not start ({error.strerror})") from error
    if ended.returncode:
        said = " ".join(f"{ended.stdout} {ended.stderr}".split())
        raise EngineDead(f"nvidia-smi fails with status {ended.returncode}" + (f" ({said})" if said else ""))
    return parse_gpus(ended.stdout)


def visible_gpus() -> tuple[Gpu, ...] | None:
    """Return the GPUs that this process may use: those of CUDA_VISIBLE_DEVICES in its order, or all without it.

    None and EngineDead as of all_gpus. Raises InputError for a name that is no whole GPU of this machine.
    """
    gpus, names = all_gpus(), os.environ.get(VISIBLE)
    if gpus is None:
        return None
    if names is not None:
        return named_gpus(names, gpus, field=VISIBLE)
    for gpu in gpus:
        if gpu.is_divided:
            raise InputError(f"GPU {gpu.index} is divided into parts, and a part {_PARTS} in {VISIBLE}")
    return gpus


def named_gpus(names: str, gpus: Sequence[Gpu], *, field: str) -> tuple[Gpu, ...]:
    """Return those of `gpus` that `names` lists: indices or whole UUIDs, with commas between them.

    Raises InvalidField of `field` for a name that is none of them, that is a part of one, or that comes twice. CUDA
    itself would ignore such a name and every one after it. vLLM knows no beginnings of UUIDs, though CUDA does.
    """
    named: list[Gpu] = []
    for name in filter(None, map(str.strip, names.split(","))):
        refuse_part(name, field)
        gpu = next((each for each in gpus if name in (str(each.index), each.uuid)), None)
        if gpu is None:
            known = ", ".join(f"{each.index} ({each.uuid})" for each in gpus) or "none"
            raise InvalidField(field, f"nvidia-smi lists no GPU {shown(name)}; it lists {known}")
        if gpu.is_divided:
            raise InvalidField(field, f"GPU {name} is divided into parts, and a part {_PARTS}")
        if gpu in named:
            raise InvalidField(field, f"names GPU {gpu.index} twice")
        named.append(gpu)
    return tuple(named)


def refuse_part(name: str, field: str) -> None:
    """Raise InvalidField of `field` for the name of a part of a GPU."""
    if name.startswith("MIG-"):
        raise InvalidField(field, f"{shown(name)} is a part of a GPU, and a part {_PARTS}")


def machine_cards(*, needed: int | None = None) -> Cards | None:
    """Return the visible GPUs as the planner takes them. The first `needed` of them decide, as vLLM takes these.

    None: there is no nvidia-smi, or it does not tell the memory. Raises InputError if no GPU is visible, and what
    visible_gpus raises.
    """
    gpus = visible_gpus()
    if gpus is None:
        return None
    if not gpus:
        raise InputError("nvidia-smi lists no GPU that this process may use")
    return cards_among(gpus, needed=needed)


def cards_among(gpus: Sequence[Gpu], *, needed: int | None = None) -> Cards | None:
    """Return these GPUs as the planner takes them, None if there are none, or if one does not tell its memory."""
    taken = gpus[:needed]
    sizes = [
        (gpu.name, gpu.total_mib, gpu.used_mib)
        for gpu in taken
        if gpu.total_mib is not None and gpu.used_mib is not None
    ]
    return cards_of(sizes, count=len(gpus)) if len(sizes) == len(taken) else None


def parse_gpus(text: str) -> tuple[Gpu, ...]:
    """Read the output of NVIDIA_SMI. A line that is no card, such as "No devices were found", is left out."""
    rows = [[value.strip() for value in line.split(",")] for line in text.splitlines()]
    return tuple(_gpu(dict(zip(FIELDS, row, strict=True))) for row in rows if len(row) == len(FIELDS))


def _gpu(row: Mapping[str, str]) -> Gpu:
    driver, used, total = row["driver_version"], row["memory.used"], row["memory.total"]
    return Gpu(
        index=int(row["index"]),
        uuid=row["uuid"],
        name=row["name"],
        driver=driver if driver[:1].isdigit() else None,
        capability=_capability(row["compute_cap"]),
        is_divided=row["mig.mode.current"] == "Enabled",
        used_mib=int(used) if used.isdigit() else None,
        total_mib=int(total) if total.isdigit() else None,
    )


def _capability(text: str) -> tuple[int, int] | None:
    major, _, minor = text.partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None
