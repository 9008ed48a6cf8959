"""Callouts: `::: {.callout-note title="…" collapse="true"}` becomes a `Callout` element."""

from __future__ import annotations

from typing import NamedTuple

from cvlib.engine.tree import (
    Element,
    pairs,
    parse_inlines,
    plain,
    raw,
    raw_block,
    text_of,
    transform,
    words,
)


class Look(NamedTuple):
    """A kind's colours, the same that Quarto hands to the template."""

    colour: str
    background: str


KINDS = {
    "note": Look("#0758E5", "#dae6fb"),
    "tip": Look("#00A047", "#ccf1e3"),
    "warning": Look("#EB9113", "#fcefdc"),
    "important": Look("#CC1914", "#f7dddc"),
    "caution": Look("#FC5300", "#ffe5d0"),
}


def mark_callouts(blocks: list[Element]) -> list[Element]:
    """Replace callout divs by `{"t": "Callout", "kind", "title", "collapse", "content"}`."""

    def visit(element: Element) -> list[Element] | None:
        if element["t"] != "Div":
            return None
        attributes, content = element["c"]
        kinds = [c[len("callout-") :] for c in attributes[1] if c.startswith("callout-")]
        if not kinds:
            return None
        given = pairs(attributes)
        title = parse_inlines(given["title"]) if "title" in given else []
        if not title and content and content[0]["t"] == "Header":
            title, content = content[0]["c"][2], content[1:]
        return [
            {
                "t": "Callout",
                "kind": kinds[0],
                "title": title or words(kinds[0].capitalize()),
                "collapse": given.get("collapse"),
                "content": transform(content, visit),
            }
        ]

    return transform(blocks, visit)


def typst_callout(callout: Element, content: list[Element]) -> list[Element]:
    """Write a callout as the call of the template's `callout` function."""
    look = KINDS[callout["kind"]]
    return [
        plain([raw("typst", "#callout(body: [")]),
        *content,
        plain([raw("typst", "], title: ["), *callout["title"], raw("typst", "],")]),
        plain(
            [
                raw(
                    "typst",
                    f'background_color: rgb("{look.background}"), '
                    f'icon_color: rgb("{look.colour}"), icon: none, '
                    "body_background_color: white)\n",
                )
            ]
        ),
    ]


def html_callout(callout: Element, content: list[Element]) -> list[Element]:
    """Write a callout as an aside, or as details where it collapses."""
    kind, collapse = callout["kind"], callout["collapse"]
    hidden = "" if text_of(callout["title"]).lower() == kind else f"{kind.capitalize()}: "
    label = f'<span class="visually-hidden">{hidden}</span>' if hidden else ""
    if collapse is None:
        before = f'<aside class="callout callout-{kind}"><p class="callout-title">{label}'
        middle, after = '</p><div class="callout-body">', "</div></aside>"
    else:
        opened = "" if collapse == "true" else " open"
        before = f'<details class="callout callout-{kind}"{opened}><summary class="callout-title">{label}'
        middle, after = '</summary><div class="callout-body">', "</div></details>"
    return [
        plain([raw("html", before), *callout["title"], raw("html", middle)]),
        *content,
        raw_block("html", after),
    ]
