"""The generated pages: what stands above the mark is written by hand, what is below by the code."""

from __future__ import annotations

import re
from pathlib import Path

from typer import Context
from typer.cli import get_docs_for_click
from typer.main import get_command

from cvlib.reference.keys import EXPERIMENT, SETTINGS, sections

DOCS = Path(__file__).resolve().parents[2] / "docs"
MARK = "<!-- below this line: made by `python -m cvlib.reference` from the code; do not edit -->\n"


def pages() -> dict[str, str]:
    """Return the text of each page by its place below `docs/`."""
    generated = {
        "reference/commands.md": commands(),
        "reference/experiment-yaml.md": sections(EXPERIMENT),
        "reference/settings.md": sections(SETTINGS),
    }
    written = {name: (DOCS / name).read_text(encoding="utf-8") for name in generated}
    return {
        name: f"{written[name].partition(MARK)[0]}{MARK}\n{text}"
        for name, text in generated.items()
    }


def commands() -> str:
    """Every command as typer documents it, in the order of `cvlib --help`."""
    from cvlib.cli import app

    group = get_command(app)
    context = Context(group)
    text = "".join(
        get_docs_for_click(obj=command, ctx=context, indent=1, call_prefix="cvlib")
        for command in group.commands.values()  # type: ignore[attr-defined]
        if not command.hidden
    )
    text = re.sub(r"^(##+) `(.+)`$", r"\1 \2", text, flags=re.MULTILINE)
    text = re.sub(r"^Example: (.+)$", r"```bash\n\1\n```", text, flags=re.MULTILINE)
    text = text.replace("* `--help`: Show this message and exit.\n", "")
    return text.replace("**Options**:\n\n\n", "").rstrip() + "\n"
