"""The figures and tables of a tagged page. Typst tags what it writes, since 0.14."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw


@dataclass(frozen=True)
class Tagged:
    """One tag: its kind (`Figure`, `Table`) and the ids of the content that it holds."""

    kind: str
    content_ids: frozenset[int]


def tags_of(page: pdfium.PdfPage, kinds: frozenset[str]) -> tuple[Tagged, ...]:
    """Return the outermost tags of the given kinds, in reading order; none in an untagged PDF."""
    tree = raw.FPDF_StructTree_GetForPage(page)
    if not tree:
        return ()
    try:
        found: list[Tagged] = []
        for index in range(raw.FPDF_StructTree_CountChildren(tree)):
            child = raw.FPDF_StructTree_GetChildAtIndex(tree, index)
            if child:
                found.extend(_walk(child, kinds))
        return tuple(found)
    finally:
        raw.FPDF_StructTree_Close(tree)


def _walk(element: Any, kinds: frozenset[str]) -> Iterator[Tagged]:
    kind = _type(element)
    if kind in kinds:
        yield Tagged(kind, frozenset(_content_ids(element)))
        return
    for child in _children(element):
        yield from _walk(child, kinds)


def _content_ids(element: Any) -> Iterator[int]:
    for index in range(raw.FPDF_StructElement_GetMarkedContentIdCount(element)):
        number = raw.FPDF_StructElement_GetMarkedContentIdAtIndex(element, index)
        if number >= 0:  # -1 stands for a child that is a tag itself
            yield number
    for child in _children(element):
        yield from _content_ids(child)


def _children(element: Any) -> Iterator[Any]:
    for index in range(raw.FPDF_StructElement_CountChildren(element)):
        child = raw.FPDF_StructElement_GetChildAtIndex(element, index)
        if child:
            yield child


def _type(element: Any) -> str:
    length = raw.FPDF_StructElement_GetType(element, None, 0)
    buffer = ctypes.create_string_buffer(length)
    raw.FPDF_StructElement_GetType(element, buffer, length)
    return buffer.raw.decode("utf-16-le").rstrip("\0")
