"""SVG files: the metadata that makes equal pictures differ, and what is kept of it."""

from __future__ import annotations

import re
from xml.sax.saxutils import unescape

_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_DESCRIPTION = re.compile(r"<dc:description>(.*?)</dc:description>", re.DOTALL)
_KEPT = """
 <metadata>
  <rdf:RDF xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:cc="http://creativecommons.org/ns#" \
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
   <cc:Work>{description}</cc:Work>
  </rdf:RDF>
 </metadata>"""


def without_metadata(svg: str) -> str:
    """Return the SVG without its date and the program's version; a description stays."""

    def kept(metadata: re.Match[str]) -> str:
        description = _DESCRIPTION.search(metadata.group(0))
        return _KEPT.format(description=description.group(0)) if description else ""

    return _METADATA.sub(kept, svg)


def description(svg: str) -> str:
    """Return what the SVG says of its content; '' where it says nothing."""
    found = _DESCRIPTION.search(svg)
    return unescape(found.group(1)) if found else ""
