"""The page itself: sections put into one HTML file with its style, its script, and the library that draws."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from rnnverify import __version__
from rnnverify.errors import RequestError
from rnnverify.report.lines import counted
from rnnverify.report.page.blocks import Beside, Block, Chart, Folded, Points, Section
from rnnverify.report.page.over_axes import map_over_axes, points_over_axis
from rnnverify.text import cleaned, shape_text

OPEN = 3  # sections that are not folded
LIBRARY = "window.vegaEmbed = vegaEmbed; window.vega = vega;"


def refuse_unavailable(what: str = "a page") -> None:
    """Find out before the work is done, not after.

    Raises:
        RequestError: what draws it is not installed.
    """
    try:
        import altair  # noqa: F401
        import jinja2  # noqa: F401
        import vl_convert  # noqa: F401
    except ImportError as error:
        raise RequestError(f"{what} needs {error.name or 'what draws it'}: pip install 'rnnverify[report]'") from None


def page(sections: Sequence[Section]) -> str:
    """One HTML file.

    Args:
        sections: what is on it, in this order.

    Raises:
        RequestError: Altair or Jinja is not installed.
    """
    refuse_unavailable()
    library, script = drawing_library(), part("page.js")
    charts = [chart for section in sections for chart in charts_of(section.blocks)]
    places = {id(chart): number for number, chart in enumerate(charts)}
    counts = Counter(section.verdict for section in sections)
    made: str = template().render(
        title=f"{sections[0].title} {sections[0].verdict}" if len(sections) == 1 else "rnnverify report",
        version=__version__,
        sections=sections,
        summary=f"{len(sections)} in all: {counted(counts)}",
        folded=len(sections) > OPEN,
        style=marked(part("page.css")),
        library=marked(library),
        script=marked(script),
        policy=policy(library, script),
        numbers=places,
        charts=[{"spec": chart.spec, "data": chart.data, "form": chart.form} for chart in charts],
        over_axes={"map": map_over_axes(), "points": points_over_axis()}
        if any(isinstance(block, Points) for section in sections for block in section.blocks)
        else None,
    )
    return made


def charts_of(blocks: Sequence[Block]) -> Iterator[Chart]:
    """Every chart, those in other blocks as well."""
    for block in blocks:
        if isinstance(block, Chart):
            yield block
        elif isinstance(block, Beside):
            yield from block.charts
        elif isinstance(block, Folded):
            yield from charts_of(block.blocks)


def policy(*scripts: str) -> str:
    """What a browser is to allow: these scripts, and nothing from elsewhere, so that no name can become one."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {allowed}"


@cache
def drawing_library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    import vl_convert

    made: str = vl_convert.javascript_bundle(LIBRARY)
    return made.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def part(name: str) -> str:
    """A file that stands beside this one."""
    return (files("rnnverify") / "report" / "page" / name).read_text(encoding="utf-8")


def marked(text: str) -> Any:
    """Text of our own, which is not escaped."""
    from markupsafe import Markup

    return Markup(text)


@cache
def template() -> Any:
    """The page's template: whatever is put in is escaped, and text of one line."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(part),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: cleaned(value) if type(value) is str else value,
    )
    environment.filters["styles"] = styles
    environment.filters["embedded"] = embedded
    environment.filters["shape"] = shape_text
    environment.filters["id"] = id
    return environment.get_template("page.html.jinja")


def styles(style: str) -> str:
    """A style of the terminal's as classes of the page."""
    return " ".join(f"s-{word}" for word in style.split())


def embedded(value: Mapping[str, Any] | Sequence[Any]) -> Any:
    """JSON inside of a page: nothing in it can end the element that it stands in."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return marked(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
