"""The sizes of the warm-up, against the rule by which vLLM chooses its top-p kernels, as its source has it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from specreason.engines.machine.platform import Device
from specreason.engines.vllm.warm_up import rounds_for

SOURCE = Path("v1", "sample", "ops", "topk_topp_triton.py")
COUNT, MOST_SPLITS, MOST_ROWS = "_topp_split_count", "_SPLIT_MAX_SPLITS", "_SPLIT_MAX_BATCH"


def of_vllm() -> dict[str, Any]:
    """vLLM's function and constants by these names. The module itself is imported only where there is Triton."""
    spec = find_spec("vllm")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = spec.submodule_search_locations[0]
    wanted = [
        each
        for each in ast.parse((Path(folder) / SOURCE).read_text()).body
        if getattr(each, "name", None) == COUNT
        or (isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) in (MOST_SPLITS, MOST_ROWS))
    ]
    found: dict[str, Any] = {}
    exec(compile(ast.Module(body=wanted, type_ignores=[]), str(SOURCE), "exec"), found)
    return found


@pytest.mark.parametrize("num_multiprocessors", [84, 108, 128, 132, 142, 148])
def test_the_rounds_meet_each_variant_of_vllms_top_p_kernels(num_multiprocessors: int) -> None:
    found = of_vllm()
    splits: Callable[[int, int], int] = found[COUNT]
    most: int = found[MOST_ROWS]
    met = {splits(each.size, num_multiprocessors) for each in rounds_for(Device.GPU, most)}
    assert met == {splits(rows, num_multiprocessors) for rows in range(1, most + 1)}
