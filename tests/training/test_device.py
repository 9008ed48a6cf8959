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
    # An aligned block may not fit where the last one was: a few places, by what the process holds
    # already, then none. Without the setting each call faults for ever.
    assert [faults() for _ in range(40)][-1] < 100  # of up to 16,384 pages
