"""The keys of `_quarto.yml` that the embedded engine knows; the first other one stops a render."""

from __future__ import annotations

from typing import Any

from cvlib.engine.errors import BookError, Unsupported
from cvlib.engine.supported import HARMLESS_KEYS, PROJECT_KEYS
from cvlib.engine.yaml_lines import YamlFile


def check_keys(file: YamlFile) -> None:
    """Stop at the first key that the table of supported keys does not hold."""
    _check_section(file, "", ())
    for section in ("project", "book", "crossref", "execute"):
        if section in file.data:
            _check_section(file, section, (section,))
    formats = file.data.get("format") or {}
    if not isinstance(formats, dict):
        raise Unsupported("`format:` as one name; write `format: {html: {…}}`", file=file.name,
                          line=file.line("format"))  # fmt: skip
    for name, options in formats.items():
        if isinstance(options, dict):
            _check_section(file, "format", ("format", name))
            if "execute" in options:
                _check_section(file, "execute", ("format", name, "execute"))


def _check_section(file: YamlFile, section: str, path: tuple[str, ...]) -> None:
    holder: Any = file.data
    for key in path:
        holder = holder[key]
    if holder is None:
        return
    if not isinstance(holder, dict):
        raise BookError(
            f"`{'.'.join(path)}` must be a mapping, found {holder!r}",
            file=file.name,
            line=file.line(*path),
        )
    known = PROJECT_KEYS[section] | HARMLESS_KEYS[section]
    for key in holder:
        if key not in known and not (section == "format" and key == "execute"):
            name = ".".join([*path, str(key)])
            raise Unsupported(
                f"key `{name}` is not supported by the embedded engine "
                f"(supported here: {', '.join(sorted(PROJECT_KEYS[section]))})",
                file=file.name,
                line=file.line(*path, str(key)),
            )
