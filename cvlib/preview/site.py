"""The pages of a preview on disk, as they are served: each knows what it shows, and asks for news."""

from __future__ import annotations

import hashlib
import posixpath
import re
from functools import lru_cache
from html import escape
from pathlib import Path
from urllib.parse import unquote

# Nothing of a report begins so.
OWN = "/@preview/"
_LOADED = re.compile(r'\s(?:src|href)="([^"#?]+)"')
_WAIT = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"></head>
<body class="preview-empty"><main><article><p>{text}</p></article></main></body></html>
"""


def page_digests(folder: Path) -> dict[str, str]:
    """Page -> digest of the page and of every picture, style sheet and script that it loads."""
    return {
        path.relative_to(folder).as_posix(): _digest(path)
        for path in sorted(folder.rglob("*.html"))
        if ".staging-" not in path.as_posix()
    }


def live_page(html: str, digest: str) -> str:
    """Return a page with the script that asks for news; `digest` is of what the page shows."""
    head = (
        f'<link rel="stylesheet" href="{OWN}live.css">\n'
        f'<script src="{OWN}live.js" data-digest="{escape(digest)}" defer></script>\n</head>'
    )
    return html.replace("</head>", head, 1)


def missing_page(path: str) -> str:
    """Return what is shown for a page that is not there, or not yet."""
    text = "The book is being made." if path == "index.html" else f"There is no page {path}."
    return _WAIT.format(title="Preview", text=escape(text))


def _digest(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode())
    for reference in dict.fromkeys(_LOADED.findall(text)):
        path = page.parent / posixpath.normpath(unquote(reference))
        if path.suffix == ".html" or not path.is_file():
            continue
        found = path.stat()
        digest.update(f"\0{reference}\0{_content(path, found.st_mtime_ns, found.st_size)}".encode())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1024)
def _content(path: Path, _mtime_ns: int, _size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
