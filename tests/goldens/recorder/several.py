"""Several commands of `python -m cvlib` in one process, which saves the start of each.

Reads a JSON list of argument lists from standard input, writes a JSON list of
[standard output, standard error, exit code].
"""

import contextlib
import io
import json
import runpy
import sys
import traceback

sys.path[0] = ""  # as `python -m` has it
said = []
for arguments in json.load(sys.stdin):
    sys.argv = ["cvlib", *arguments]
    code = 0
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        try:
            runpy.run_module("cvlib", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            code = end.code or 0
        except Exception:
            traceback.print_exc()
            code = 1
    said.append([out.getvalue(), err.getvalue(), code])
json.dump(said, sys.stdout)
