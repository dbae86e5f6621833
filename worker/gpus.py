"""The GPUs that `--gpu` names: are they well formed, here, and as many as the pair uses?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from specreason.engines.machine.gpus import Gpu, named_gpus, refuse_part
from specreason.errors import InvalidField
from specreason.pairs import PairConfig
from specreason.words import counted, shown

FIELD = "--gpu"
# As CUDA_VISIBLE_DEVICES takes them: an index, or the UUID that `nvidia-smi -L` prints.
_DEVICE = re.compile(r"\d{1,3}|(GPU|MIG|MIG-GPU)-[0-9a-fA-F][0-9a-fA-F/-]*")


def check_gpus(gpu: str, name: str, pair: PairConfig, listed: Sequence[Gpu] | None) -> None:
    """Raise InvalidField unless `gpu` names as many different GPUs of `listed` as the pair called `name` uses.

    `listed` is None where nobody tells which GPUs this machine has: then any may be here.
    """
    devices = gpu.split(",")
    for device in devices:
        if not _DEVICE.fullmatch(device):
            raise InvalidField(
                FIELD,
                f"{shown(device)} is neither the number of a GPU nor a UUID as `nvidia-smi -L` prints it; "
                "write 0 or 0,1, without spaces",
            )
        refuse_part(device, FIELD)
    twice = next((device for device in devices if devices.count(device) > 1), None)
    if twice is not None:
        raise InvalidField(FIELD, f"names {twice} twice")
    needed = pair.num_devices
    if len(devices) != needed:
        remedy = (
            "give the others to another worker" if len(devices) > needed else "name more, or another pair"
        )
        raise InvalidField(
            FIELD, f"names {counted(len(devices), 'GPU')}, and the pair '{name}' uses {needed}: {remedy}"
        )
    if listed is not None:
        named_gpus(gpu, listed, field=FIELD)
