"""Stands before the package `typst` on the path: keeps the source of what is compiled, then compiles.

The Typst source of the PDF is written to a temporary folder and gone after the render. Quarto's
format could keep it, the embedded engine has no option for that, and the goldens use no module of
cvlib; so they listen here, at the border to the compiler.
"""

import importlib
import os
import shutil
import sys
from pathlib import Path

sys.path = [folder for folder in sys.path if Path(folder) != Path(__file__).parent]
del sys.modules["typst"]
_typst = importlib.import_module("typst")  # the real one; whoever imports `typst` gets it
_compile = _typst.compile


def _record(source, *args, **kwargs):
    target = Path(os.environ["GOLDEN_TYPST_SOURCE"])
    if isinstance(source, bytes):
        target.write_bytes(source)
    else:
        shutil.copyfile(source, target)
    return _compile(source, *args, **kwargs)


_typst.compile = _record
