"""The GPUs that `--gpu` names: are they well formed, and as many as the pair uses?"""

from __future__ import annotations

import re

from specreason.errors import InvalidField
from specreason.pairs import PairConfig
from specreason.words import counted, shown

# As CUDA_VISIBLE_DEVICES takes them: an index, or the UUID that `nvidia-smi -L` prints or a beginning of it.
_DEVICE = re.compile(r"\d{1,3}|(GPU|MIG|MIG-GPU)-[0-9a-fA-F][0-9a-fA-F/-]*")


def check_gpus(gpu: str, name: str, pair: PairConfig) -> None:
    """Raise InvalidField unless `gpu` names as many different devices as the pair called `name` uses.

    CUDA itself would ignore a name that it cannot read and every one after it.
    """
    devices = gpu.split(",")
    for device in devices:
        if not _DEVICE.fullmatch(device):
            raise InvalidField(
                "--gpu",
                f"{shown(device)} is neither the number of a GPU nor a UUID as `nvidia-smi -L` prints it; "
                "write 0 or 0,1, without spaces",
            )
    twice = next((device for device in devices if devices.count(device) > 1), None)
    if twice is not None:
        raise InvalidField("--gpu", f"names {twice} twice")
    needed = max(pair.base.tensor_parallel_size, pair.drafter.tensor_parallel_size)
    if len(devices) != needed:
        remedy = (
            "give the others to another worker" if len(devices) > needed else "name more, or another pair"
        )
        raise InvalidField(
            "--gpu", f"names {counted(len(devices), 'GPU')}, and the pair '{name}' uses {needed}: {remedy}"
        )
