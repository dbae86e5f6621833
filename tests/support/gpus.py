"""What nvidia-smi writes of a card, as it was seen to, and a program of that name that writes it."""

from __future__ import annotations

from pathlib import Path


def gpu_line(
    index: int = 0,
    name: str = "NVIDIA RTX A6000",
    *,
    driver: str = "580.95.05",
    capability: str = "8.6",
    mig: str = "[N/A]",
    used: int | str = 14,
    total: int | str = 49140,
) -> str:
    return f"{index}, {uuid_of(index)}, {name}, {driver}, {capability}, {mig}, {used}, {total}\n"


def uuid_of(index: int) -> str:
    return f"GPU-8932f937-d72c-4106-c12f-20bd9faed9f{index:x}"


def write_nvidia_smi(folder: Path, script: str) -> None:
    """Make a program of that name in `folder`, from what follows the first line of a shell script."""
    folder.mkdir(exist_ok=True)
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


A6000S = gpu_line(0) + gpu_line(1, used=21344)
# Cards that share the machine's memory tell nothing of it.
GB10 = gpu_line(name="NVIDIA GB10", capability="12.1", used="[N/A]", total="[N/A]")
# Drivers of other years do not know the capability, nor their own version.
SILENT = gpu_line(
    name="NVIDIA H100 80GB HBM3", driver="[Not Supported]", capability="[Not Supported]", used=0, total=81559
)
_T4 = gpu_line(0, "Tesla T4", driver="535.183.01", capability="7.5", used=2, total=15360)
T4_AND_H100 = _T4 + gpu_line(
    1, "NVIDIA H100", driver="535.183.01", capability="9.0", mig="Disabled", used=2, total=81559
)
NO_CARD = "No devices were found\n"
