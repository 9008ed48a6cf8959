"""The YAML of a chapter: its header, and a block after a cell whose values its title needs."""

from __future__ import annotations

import re
from typing import Any

from cvlib.engine.errors import BookError, Unsupported
from cvlib.engine.include import Line
from cvlib.engine.supported import (
    HARMLESS_KEYS,
    HEADER_KEYS,
    LATE_HEADER_KEYS,
    PROJECT_KEYS,
)
from cvlib.engine.yaml_lines import parse_yaml

YAML_RULE = re.compile(r"^---\s*$")


def split_header(lines: list[Line], file: str) -> tuple[str, dict[str, Any], list[Line]]:
    """Take a chapter's lines apart: the header with both rules, what it says, the rest."""
    if not lines or not YAML_RULE.match(lines[0].text):
        return "", {}, lines
    for end in range(1, len(lines)):
        if YAML_RULE.match(lines[end].text):
            break
    else:
        raise BookError("the YAML header has no closing ---", file=file, line=1)
    parsed = parse_yaml("\n".join(line.text for line in lines[1:end]), file, first_line=2)
    for key in parsed.data:
        if key not in HEADER_KEYS and key not in HARMLESS_KEYS["header"]:
            raise Unsupported(
                f"header key `{key}` is not supported by the embedded engine "
                f"(supported: {', '.join(sorted(HEADER_KEYS))})",
                file=file,
                line=parsed.line(key),
            )
    execute = parsed.data.get("execute") or {}
    for key in execute if isinstance(execute, dict) else ["execute"]:
        if key not in PROJECT_KEYS["execute"] or key == "freeze":
            raise Unsupported(f"`{key}` below `execute` in a chapter's header is not supported",
                              file=file, line=parsed.line("execute", key))  # fmt: skip
    if parsed.data.get("jupyter", "python3") != "python3":
        raise Unsupported(
            f"kernel {parsed.data['jupyter']!r}: chapters run in this Python, as `python3`",
            file=file,
            line=parsed.line("jupyter"),
        )
    # Quarto takes `jupyter` out of the header when it runs the chapter.
    kept = [line.text for line in lines[: end + 1] if not line.text.startswith("jupyter:")]
    return "\n".join(kept) if len(kept) > 2 else "", parsed.data, lines[end + 1 :]


def end_of_yaml_block(lines: list[Line], start: int) -> int:
    """Where a YAML block after the header ends: it may give a title that needs a cell's values."""
    opening = lines[start]
    for end in range(start + 1, len(lines)):
        if YAML_RULE.match(lines[end].text):
            break
    else:
        raise BookError(
            "the YAML block has no closing ---; for a horizontal rule leave a blank line after ---",
            file=opening.file,
            line=opening.number,
        )
    text = "\n".join(line.text for line in lines[start + 1 : end])
    parsed = parse_yaml(text, opening.file, opening.number + 1)
    for key in parsed.data:
        if key not in LATE_HEADER_KEYS:
            raise Unsupported(
                f"`{key}` in a second YAML block (supported there: "
                f"{', '.join(sorted(LATE_HEADER_KEYS))}); options belong in the header, and for a "
                "horizontal rule leave a blank line after ---",
                file=opening.file,
                line=parsed.line(key),
            )
    return end
