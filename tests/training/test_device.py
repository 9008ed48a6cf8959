"""Freed memory is used again without new page faults."""

from __future__ import annotations

import ctypes
import sys

import pytest
import torch

from cvlib.training.device import keep_freed_memory

resource = pytest.importorskip("resource")


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"),
    reason="needs the GNU C library",
)
def test_a_freed_block_comes_back_without_page_faults():
    def faults(megabytes: int = 64) -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(megabytes * 2**18)  # freed at once
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    keep_freed_memory()
    for _ in range(4):  # an aligned block may not fit where the last one was: two places, then none
        faults()
    assert faults() < 100  # of up to 16,384 pages
