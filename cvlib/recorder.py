"""What a chapter reads, written down in its kernel while it is executed.

Started before the first cell by the embedded engine, and by `import cvlib.journal` in a kernel of
Quarto's. After each cell, and after inline values, everything read so far is written to
`.quarto/cvlib/reads/<chapter>.json`: a kernel has no last word. Recorded are

- what `Project` handed out: experiments with their results, hypotheses, reviews;
- every file below the project's root that Python opened to read, every folder that it listed, and
  every path that it looked for, there or not (an audit hook, PEP 578, and `os.stat`);
- every module of cvlib and of the project that is loaded.

What cvlib's own readers open counts through the object that they hand out. Environments, caches and
compiled files do not count, nor what the chapter wrote itself. A file that native code or another
process opens is not seen: `cvlib.journal.reads(path)` declares it.
"""

from __future__ import annotations

import ast
import json
import os
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from cvlib.project import profile_in_force

if TYPE_CHECKING:
    from cvlib.project import Project

_PACKAGE = str(Path(__file__).resolve().parent) + os.sep
_HANDS_OUT = _PACKAGE + "project.py"
_IGNORED = {
    ".git", ".quarto", ".venv", "venv", "site-packages", "node_modules", "__pycache__",
    ".ipynb_checkpoints", ".cache", ".jupyter_cache", ".mypy_cache", ".ruff_cache",
}  # fmt: skip
# These open and look at source for their own ends: what they load counts as a module.
_MACHINERY = (
    "<frozen importlib",
    "<frozen zipimport",
    "<frozen runpy",
    "<frozen os",
    "<frozen ntpath",
)
_MACHINERY_FILES = ("linecache.py", "inspect.py", "pkgutil.py", "importlib" + os.sep)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# Quarto runs two cells of its own, before and after a chapter's, which look at every module's file and
# empty the kernel. It may keep the kernel for the chapter's next execution.
_QUARTOS_CELL = "kernel_deps"

active: Recorder | None = None


class Recorder:
    """Collects the reads of one chapter. file: of the chapter, relative to `root`.

    late: why something may have been read before this began; None: nothing was.
    """

    def __init__(self, root: Path, file: str, late: str | None = None) -> None:
        self.root = str(root.resolve())
        self.file = file
        self.late = late
        self._busy = threading.local()
        self._modules: dict[str, str] = {}
        self._at_import: dict[str, tuple[float, bool]] = {}
        self._begin()

    def _begin(self) -> None:
        self._handed: dict[tuple[str, str], Project] = {}
        # path -> time of the first opening, whether one of cvlib's readers opened it
        self._opened: dict[str, tuple[float, bool]] = dict(self._at_import)
        self._listed: dict[str, None] = {}
        self._looked: dict[str, str] = {}
        self._written: dict[str, None] = {}
        self._digests: dict[str, str] = {}
        self._cell_began = time.time()
        self._hash = _hash(Path(self.root) / self.file)
        self._paused = False

    # ── what is read ─────────────────────────────────────────────────────────────────────────

    def hand_out(self, project: Project, kind: str, name: str) -> None:
        """Note what `project` hands out: kind `experiment`, `results`, `reviews`, `hypothesis`, …

        `asked`: an experiment that the chapter itself asks for, not as one of the book's.
        """
        if str(project.root.resolve()) == self.root:
            elsewhere = project.profile != profile_in_force()
            self._handed[kind, f"{name}@{project.profile}" if elsewhere else name] = project

    def declare(self, path: Path) -> None:
        """Note a file that this process does not open itself, or not through Python."""
        self._opened.setdefault(str(path.absolute()), (time.time(), False))

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        """See PEP 578; called for every event of this process."""
        if event not in _EVENTS or self._paused or getattr(self._busy, "on", False):
            return
        if event in ("os.rename", "os.link", "os.symlink", "os.mkdir"):
            target = args[0] if event == "os.mkdir" else args[1]
            if (written := self._below_root(target)) is not None:
                self._written[written] = None
            return
        path = self._counts(args[0] if args and args[0] is not None else os.curdir)
        if path is None:
            return
        if event == "open":
            mode, flags = args[1], args[2] if isinstance(args[2], int) else 0
            if flags & _WRITES or (isinstance(mode, str) and set(mode) & set("wax+")):
                self._written[path] = None
                return
        by_machinery, own, handed_out, importing = _who(sys._getframe(1))
        if by_machinery or handed_out:
            return
        if event in ("os.listdir", "os.scandir"):
            if not own:
                self._listed[path] = None
            return
        known = self._opened.get(path)
        self._opened[path] = (known or (time.time(), True))[0], own and (known is None or known[1])
        if importing:
            self._at_import[path] = self._opened[path]

    def look(self, path: Any, found: str) -> None:
        """Note that the chapter asked whether there is such a file: `file`, `folder` or `none`."""
        if self._paused or getattr(self._busy, "on", False):
            return
        if (below := self._below_root(path)) is None:
            return
        by_machinery, own, *_ = _who(sys._getframe(2))
        if not by_machinery and not own:
            self._looked[below] = found

    def _counts(self, path: Any) -> str | None:
        """The absolute path where it lies below the root, or is a style sheet or the like of cvlib."""
        below = self._below_root(path)
        if below is None and isinstance(path, str | os.PathLike):
            full = os.fspath(path)
            if isinstance(full, str) and full.startswith(_PACKAGE) and "__pycache__" not in full:
                return full
        return below

    def _below_root(self, path: Any) -> str | None:
        if not isinstance(path, str | bytes | os.PathLike):
            return None
        full = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - of thousands: a Path costs more
        if not full.startswith(self.root + os.sep) or full.startswith(sys.prefix + os.sep):
            return None
        return None if _is_ignored(full[len(self.root) :]) else full

    # ── what is written down ─────────────────────────────────────────────────────────────────

    @property
    def is_paused(self) -> bool:
        """Whether a cell of Quarto's own runs, or ran last."""
        return self._paused

    def begin_cell(self, quartos: bool) -> None:
        """A cell begins to run. quartos: it is Quarto's own; what follows it is a new execution."""
        if self._paused and not quartos:
            for project in self._handed.values():
                project.forget()
            self._begin()
            self.late = None
        self._paused = quartos
        self._cell_began = time.time()

    def write(self) -> None:
        """Write down everything read so far, in one step."""
        self._busy.on = True
        try:
            target = reads_file(Path(self.root), self.file)
            target.parent.mkdir(parents=True, exist_ok=True)
            staged = target.with_name(f"{target.name}.{os.getpid()}")
            staged.write_text(json.dumps(self.record()), encoding="utf-8")
            staged.replace(target)
        finally:
            self._busy.on = False

    def record(self) -> dict[str, Any]:
        """The reads so far: hash of the chapter's text, digests by name, experiments asked for."""
        from cvlib.freeze.reads import handed_out_digests, path_digest

        reads = handed_out_digests(self._handed)
        asked = sorted({name for kind, name in self._handed if kind == "asked"})
        reads |= self._loaded() | _packages()
        for path in self._counted():
            if path not in self._digests:
                self._digests[path] = path_digest("file", Path(path), self._opened[path][0])
            kind = "code" if path.startswith(_PACKAGE) else "file"
            reads[f"{kind} {self._name(path)}"] = self._digests[path]
        written = {self._name(path) for path in self._written}
        for path in self._listed.keys() - self._written.keys():
            reads[f"folder {self._name(path)}"] = path_digest(
                "folder", Path(path), but=self._written
            )
        for path, found in self._looked.items():
            name = self._name(path)
            if path not in self._written and not {f"file {name}", f"folder {name}"} & reads.keys():
                reads[f"path {name}"] = found
        return {
            "hash": self._hash,
            "late": self.late,
            "experiments": asked,
            "wrote": sorted(written),
            "reads": dict(sorted(reads.items())),
        }

    def _counted(self) -> Iterable[str]:
        """The opened files that count: not written here, and not told by what was handed out."""
        from cvlib.freeze.reads import stored_runs

        told = stored_runs(self._handed)
        for path, (_, own) in self._opened.items():
            if path in self._written or path.endswith((".pyc", ".pyo")):
                continue
            if path.startswith(_PACKAGE):
                if not path.endswith(".py"):  # those count as modules
                    yield path
            elif not (own and self._is_told(self._name(path), told)):
                yield path

    def _is_told(self, inside: str, runs: set[str]) -> bool:
        folder, _, rest = inside.partition("/")
        if inside == self.file:
            return True
        if folder == "experiments" and rest.startswith("runs"):
            key = rest.split("/")[1] if rest.count("/") else ""
            return key in runs or "/" not in rest or rest.count("/") == 1
        return folder in ("_freeze", "data") and (folder == "_freeze" or bool(self._handed))

    def _loaded(self) -> dict[str, str]:
        """Digests of the loaded modules of cvlib and of the project, each taken when first seen."""
        from cvlib.freeze.reads import source_digest

        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if not isinstance(path, str) or name == "__main__":
                continue
            if path.startswith(_PACKAGE):
                # what records and judges shows nothing
                label = (
                    None if name.startswith(("cvlib.freeze", "cvlib.recorder")) else f"code {name}"
                )
            else:
                below = self._below_root(path)
                label = None if below is None or below in self._written else self._name(below)
                label = label and f"file {label}"
            if label is not None and label not in self._modules:
                self._modules[label] = source_digest(Path(path), self._cell_began)
        return dict(self._modules)

    def _name(self, path: str) -> str:
        """`report/notes.csv`; `cvlib/journal/journal.mplstyle` is named alike wherever cvlib lies."""
        start = len(_PACKAGE) - len("cvlib/") if path.startswith(_PACKAGE) else len(self.root) + 1
        return path[start:].replace(os.sep, "/")


# What numbers and pictures are made with, by the name it is imported by; more may be in use.
_DRAWING = {
    **{name: name for name in ("matplotlib", "numpy", "pandas", "scipy", "tabulate", "seaborn")},
    **{"PIL": "pillow", "sklearn": "scikit-learn"},
}


def _packages() -> dict[str, str]:
    """Versions of the packages that draw and compute, and of what the cells imported by name."""
    from cvlib.studies.syntax import version_here

    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    values = list(shell.user_ns.values()) if shell is not None else []
    named = {
        str(getattr(value, "__module__", None) or getattr(value, "__name__", ""))
        for value in values
    }
    found: dict[str, str] = {}
    for name in {*_DRAWING, *(name.partition(".")[0] for name in named)} & sys.modules.keys():
        package = _DRAWING.get(name, name)
        if package not in _NO_TOOLS and (there := version_here(package)) != "not installed":
            found[f"package {package}"] = there
    return found


_NO_TOOLS = ("cvlib", "IPython", "ipykernel")
_EVENTS = {
    "open", "os.listdir", "os.scandir", "os.rename", "os.link", "os.symlink", "os.mkdir",
    "sqlite3.connect",
}  # fmt: skip


def start(root: str, file: str, late: str | None = None) -> None:
    """Record what this kernel reads from now on for the chapter `file` of the project in `root`."""
    global active
    if active is not None:
        return
    active = recorder = Recorder(Path(root), file, late)
    sys.addaudithook(recorder.audit)
    _watch_looks(recorder)
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        return

    def before(info: Any) -> None:
        recorder.begin_cell(_QUARTOS_CELL in (getattr(info, "raw_cell", None) or ""))

    def after(*_: Any) -> None:
        if recorder.is_paused:
            return
        try:
            recorder.write()
        except Exception as error:  # a chapter is not lost by it: it has no record, and runs again
            recorder.late = f"its reads could not be written down: {type(error).__name__}: {error}"

    shell.events.register("pre_run_cell", before)
    shell.events.register("post_execute", after)
    evaluate = shell.user_expressions

    def user_expressions(expressions: dict[str, str]) -> dict[str, Any]:
        values: dict[str, Any] = evaluate(expressions)
        if expressions:
            after()
        return values

    shell.user_expressions = user_expressions


def start_in_kernel(root: Path, file: str) -> str:
    """The code that starts recording in a kernel, before the first cell."""
    return f"__import__('cvlib.recorder').recorder.start({str(root)!r}, {file!r})"


def start_in_quarto() -> None:
    """Record from here on where Quarto started this kernel; does nothing anywhere else."""
    folder, name = os.environ.get("QUARTO_DOCUMENT_PATH"), os.environ.get("QUARTO_DOCUMENT_FILE")
    root = os.environ.get("QUARTO_PROJECT_ROOT")
    if active is not None or not folder or not name or not root:
        return
    document = Path(root, folder, name)  # an absolute folder stands for itself
    try:
        file = document.resolve().relative_to(Path(root).resolve()).as_posix()
    except ValueError:
        return
    start(root, file, _late(Path(root)))


def _late(root: Path) -> str | None:
    """Why the chapter may have read something before this: it is asked to import cvlib first."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        return None
    cells = list(shell.history_manager.input_hist_parsed)  # after an empty one
    if len(cells) > 2:
        return "its first cell does not import cvlib.journal"
    try:
        before = list(_statements_before_cvlib(ast.parse(cells[-1])))
    except SyntaxError:  # IPython's magics
        return None
    if any(not isinstance(one, ast.Import | ast.ImportFrom) for one in before):
        return "its first cell does something before it imports cvlib.journal"
    own = str(root.resolve()) + os.sep
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None) or ""
        is_own = path.startswith(own) and not path.startswith((_PACKAGE, sys.prefix + os.sep))
        if is_own and not _is_ignored(path[len(own) :]):
            return f"its first cell imports {name} before cvlib.journal"
    return None


def _statements_before_cvlib(tree: ast.Module) -> Iterable[ast.stmt]:
    for statement in tree.body:
        names = [alias.name for alias in getattr(statement, "names", []) if hasattr(alias, "name")]
        module = getattr(statement, "module", None) or ""
        if any(name.split(".")[0] == "cvlib" for name in [module, *names]):
            return
        yield statement


def reads_file(root: Path, file: str) -> Path:
    """Where the reads of a chapter lie until its frozen copy takes them in."""
    return root / ".quarto" / "cvlib" / "reads" / f"{file}.json"


def _is_ignored(path: str) -> bool:
    return not _IGNORED.isdisjoint(path.split(os.sep))  # noqa: PTH206 - of thousands


def _who(frame: FrameType | None) -> tuple[bool, bool, bool, bool]:
    """Who opens: Python's own machinery, cvlib's code, `Project`; and whether during an import."""
    own = handed_out = importing = False
    first = frame
    while frame is not None:
        name = frame.f_code.co_filename
        if frame is first and (name.startswith(_MACHINERY) or name.endswith(_MACHINERY_FILES)):
            return True, own, handed_out, importing
        if "importlib/metadata" in name.replace(os.sep, "/"):
            return True, own, handed_out, importing
        importing |= name.startswith("<frozen importlib")
        if name.startswith(_PACKAGE):
            own = True
            handed_out |= name == _HANDS_OUT
        frame = frame.f_back
    return False, own, handed_out, importing


def _watch_looks(recorder: Recorder) -> None:
    """Let `os.stat` say what was looked for: it raises no audit event."""
    stat = os.stat

    def watched(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        try:
            found = stat(path, *args, **kwargs)
        except (FileNotFoundError, NotADirectoryError):
            recorder.look(path, "none")
            raise
        recorder.look(path, "folder" if found.st_mode & 0o170000 == 0o040000 else "file")
        return found

    os.stat = watched  # type: ignore[assignment]
    accessor = getattr(sys.modules.get("pathlib"), "_NormalAccessor", None)
    if accessor is not None:  # Python 3.10 holds os.stat there
        accessor.stat = staticmethod(watched)


def _hash(document: Path) -> str:
    from hashlib import md5

    try:
        text = document.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError:
        return ""
    return md5(text.encode(), usedforsecurity=False).hexdigest()
