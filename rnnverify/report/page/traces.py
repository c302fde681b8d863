"""Gates and states over time, a panel for each, with a line for every unit of a sample."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from math import prod
from typing import Any

from rnnverify.report.page.blocks import Beside, Block, Chart, Heading, Section, Words
from rnnverify.report.page.numbers import rounded
from rnnverify.report.page.scales import finished, marks, numbers
from rnnverify.report.parts import Line
from rnnverify.report.traced import WORDS, walks_of
from rnnverify.results import Trace
from rnnverify.text import cleaned

MOST_UNITS = 12  # lines of a panel
MOST_TIMESTEPS = 1000
HEIGHT = 130
BOTH = {"c": "c state", "h": "h state"}
STILL_WIDTH = 260
INK = {"labelColor": "currentColor", "titleColor": "currentColor", "titleFontWeight": "normal"}
STILL = {
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {**INK, "gridColor": "#88888833", "domainColor": "#88888888", "tickColor": "#88888888"},
    "legend": INK,
}


def trace_section(trace: Trace, sample: int = 0) -> Section:
    """All recurrent layers of a model.

    Raises:
        RequestError: there is none, or none has this sample.
    """
    walks_of(trace, sample, 0)
    return Section(
        trace.spec, "", f"gates and states over time, of sample {sample}", blocks=tuple(panels(trace, sample))
    )


def panels(trace: Trace, sample: int) -> Iterator[Block]:
    """For each walk its panels, side by side."""
    for layer, prefix, arrays in walks(trace, sample):
        name = f"{layer}, {prefix.rstrip('_')}" if prefix else layer
        yield Heading(name)
        charts = [panel(title, array, legend=not index) for index, (title, array) in enumerate(arrays.items())]
        yield Beside(tuple(charts))
        units = max(prod(array.shape[1:]) for array in arrays.values())
        if units > MOST_UNITS:
            yield Words(Line(f"the first {MOST_UNITS} of {units} units", style="dim"))


def walks(trace: Trace, sample: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Of each walk its gates and states (T, units...) of one sample, by the timestep of x that a step reads."""
    for layer, prefixes in trace.walks.items():
        for prefix in prefixes:
            arrays = {
                name.removeprefix(prefix): array[sample]
                for name, array in trace[layer].items()
                if name.startswith(prefix) and not name.startswith("output") and sample < len(array)
            }
            if arrays:
                yield layer, prefix, arrays


def panel(name: str, array: Any, legend: bool) -> Chart:
    """One gate or state: masked steps are gaps."""
    import altair as alt

    flat = array.reshape(len(array), -1)[:MOST_TIMESTEPS, :MOST_UNITS]
    timesteps, units = flat.shape
    data = {
        "t": list(range(timesteps)) * units,
        "v": [value for unit in range(units) for value in rounded(flat[:, unit], 6)],
        "unit": [unit for unit in range(units) for _ in range(timesteps)],
    }
    lines = (
        marks()
        .mark_line(
            strokeWidth=1.5, point={"size": 22} if timesteps <= 60 else False, invalid="break-paths-show-domains"
        )
        .encode(
            x=alt.X(**numbers("t", "timestep", 0, timesteps - 1)),
            y=alt.Y("v:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5)),
            color=alt.Color(
                "unit:O",
                legend=alt.Legend(orient="top", padding=0, offset=4, columns=MOST_UNITS) if legend else None,
                scale=alt.Scale(scheme=alt.SchemeParams(name="viridis", extent=[0.25, 0.75])),
            ),
            tooltip=[
                alt.Tooltip("unit:O"),
                alt.Tooltip("t:Q", title="timestep"),
                alt.Tooltip("v:Q", title="is", format=".6~g"),
            ],
        )
    )
    return Chart(BOTH.get(name) or WORDS.get(name, name), finished(lines, HEIGHT), data)


def drawn_in_notebook(trace: Trace, sample: int = 0) -> str:
    """The same as one block of HTML for the cell of a notebook: pictures that need no script, in the notebook's own colours.

    Raises:
        ImportError: what draws them is not installed.
    """
    import vl_convert

    shown = []
    for block in panels(trace, sample):
        if isinstance(block, Heading):
            shown.append(
                f'<p style="font-weight: bold; margin: 1em 0 0.3em">{escape(cleaned(block.text))}, sample {sample}</p>'
            )
        elif isinstance(block, Beside):
            pictures = (vl_convert.vegalite_to_svg(still(chart), config=STILL) for chart in block.charts)
            figures = (
                f'<figure style="margin: 0"><figcaption style="opacity: 0.8">{escape(chart.title)}</figcaption>{picture}</figure>'
                for chart, picture in zip(block.charts, pictures, strict=True)
            )
            shown.append(f'<div style="display: flex; flex-wrap: wrap; gap: 1em">{"".join(figures)}</div>')
        elif isinstance(block, Words):
            shown.append(f'<p style="opacity: 0.7">{escape(block.line.plain)}</p>')
    return "\n".join(shown)


def still(chart: Chart) -> dict[str, Any]:
    """A chart with its data, and a size of its own."""
    names = list(chart.data)
    rows = [dict(zip(names, values, strict=True)) for values in zip(*chart.data.values(), strict=True)]
    spec = {**chart.spec, "width": STILL_WIDTH}
    return {**spec, "datasets": {**spec.get("datasets", {}), "kept": rows}}
