"""The pictures, drawn from what was measured (benchmarks/results), each with a sentence that says what it shows.

They are SVG within the page, their lines and words in the colour of its text, so that they go with light and with dark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

from docs.made import drawn, measured

ROOM = {
    "left": 30,
    "right": 10,
    "top": 5,
    "bottom": 5,
}  # the reader's letters may be wider than those that were measured
INK, FAINT = "#010203", "#8d939c"  # the first stands for the colour of the page's text


def picture(name: str) -> Iterator[str]:
    """A figure, as a block of HTML."""
    draw, caption = PICTURES[name]
    said = caption()
    yield '<figure class="drawn" markdown="0">'
    yield as_svg(name, draw(), said)
    yield f"<figcaption>{escape(said)}</figcaption>"
    yield "</figure>"


def as_svg(name: str, chart: Any, said: str) -> str:
    """What is drawn, as a part of a page."""
    from vl_convert import vegalite_to_svg

    words = {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    }
    lines = {"gridColor": FAINT, "gridOpacity": 0.25, "domainColor": FAINT, "tickColor": FAINT}
    looks = {
        "axis": {**words, **lines},
        "legend": words,
        "header": words,
        "view": {"stroke": None},
        "background": "transparent",
        "padding": ROOM,
    }
    svg = vegalite_to_svg(chart.configure(**looks).to_dict())
    svg = re.sub(r' font-family="[^"]*"', ' font-family="inherit"', svg)
    svg = re.sub(r"\bclip(\d+)\b", rf"{name}-\1", svg)  # one name for each thing on a page
    svg = re.sub(r'^<svg ([^>]*?)\bwidth="[^"]*" height="[^"]*"', r"<svg \1", svg)
    return svg.replace(INK, "currentColor").replace("<svg ", f'<svg role="img" aria-label="{escape(said)}" ', 1)


PICTURES: dict[str, tuple[Callable[[], Any], Callable[[], str]]] = {
    "chaos": (drawn.chaos, measured.chaos_said),
    "residuals": (drawn.residuals, measured.residuals_said),
    "sharpness": (drawn.sharpness, measured.sharpness_said),
    "end-to-end": (drawn.end_to_end, measured.end_to_end_said),
    "engines": (drawn.engines, measured.engines_said),
}
