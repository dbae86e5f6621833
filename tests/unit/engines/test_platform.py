"""What a pair needs of the machine, and how it shares it, decided without loading anything."""

from __future__ import annotations

import pytest

from specreason.engines.cores import available_cores, split_cores
from specreason.engines.platform import check_cpu_flags
from specreason.errors import InputError


@pytest.mark.parametrize(
    ("num_cores", "drafter", "base"),
    [
        (1, [0], [0]),
        (2, [0], [1]),
        (3, [0], [1, 2]),
        (8, [0], [1, 2, 3, 4, 5, 6]),
        (17, [0, 1, 2, 3], list(range(4, 16))),
    ],
)
def test_the_engines_of_a_pair_compute_on_cores_of_their_own(num_cores, drafter, base):
    assert split_cores(list(range(num_cores))) == (drafter, base)


def test_there_is_a_core_to_compute_on():
    assert available_cores()


def test_a_cpu_without_the_needed_instructions_is_refused_by_name():
    with pytest.raises(InputError, match="avx2, f16c"):
        check_cpu_flags("processor : 0\nflags\t\t: fpu sse2 fma\n")


def test_a_cpu_with_them_is_accepted():
    check_cpu_flags("flags\t\t: fpu avx2 fma f16c avx512f\n")
