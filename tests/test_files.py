"""What the disk cannot do is said with the file's name."""

import errno
from pathlib import Path

import pytest
import torch

from cvlib.errors import causes, fault_of_the_machine
from cvlib.files import opened, write_durably

FULL = Path("/dev/full")


def _torch_saves(path):
    with opened(path, "w+b") as file:
        torch.save(torch.zeros(10_000), file)


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("write", [lambda path: write_durably(path, b"x"), _torch_saves])
def test_a_write_that_fails_names_its_file_whoever_wrote(write):
    with pytest.raises((OSError, RuntimeError)) as raised:
        write(FULL)
    said = [fault_of_the_machine(error) for error in causes(raised.value)]
    assert any(line.startswith(f"no space left for {FULL}: ") for line in said), said
    assert not any("a file" in line for line in said)


def test_a_file_of_this_project_is_named_as_it_is_reached_from_here():
    inside = OSError(errno.EIO, "x", str(Path.cwd() / "runs" / "x"))
    assert fault_of_the_machine(inside).startswith(f"the disk failed at {Path('runs/x')} ")
