"""The one base of every error that a person is told: it names the value, what was expected, what to do."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path


class CvlibError(Exception):
    """Said in plain words on the command line, without a traceback; any other exception is a bug."""


def causes(error: BaseException) -> list[BaseException]:
    """An error and those that it came from, or while: a library may hide the disk's behind its own."""
    found = [error]
    while (cause := found[-1].__cause__ or found[-1].__context__) and cause not in found:
        found.append(cause)
    return found


def fault_of_the_machine(error: BaseException) -> str:
    """What the disk or the memory could not do, in one line with what to do; '' for anything else."""
    if isinstance(error, OSError):  # a library's own may have a message alone
        return _fault_of_the_disk(error) if error.errno is not None else repr(error)
    words = str(error)
    # torch raises RuntimeError on the CPU, a subclass of it on an accelerator
    if isinstance(error, MemoryError) or "out of memory" in words or "not enough memory" in words:
        return "out of memory: a smaller batch_size, or fewer --workers, needs less"
    return ""


def _fault_of_the_disk(error: OSError) -> str:
    file = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "a file"
    with suppress(ValueError):  # where it is not below
        file = str(Path(file).relative_to(Path.cwd()))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = ""
        with suppress(OSError):
            there = next(p for p in (Path(file), *Path(file).parents) if p.exists())
            free = f": {shutil.disk_usage(there).free:,} bytes free"
        return f"no space left for {file}{free}; free some and start again"
    if error.errno == errno.EROFS:
        return f"{file} cannot be written: its file system is read-only"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{file} may not be read or written: see to its permissions"
    if error.errno == errno.EIO:
        return f"the disk failed at {file} (input/output error): see to it, then start again"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"too many open files at {file}: raise the limit (ulimit -n)"
    return f"{file}: {error.strerror or error}"
