"""Charts over time: residuals over limits, by unit; and how far two runs drift apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnnverify.report.page.blocks import Chart
from rnnverify.report.page.numbers import rounded
from rnnverify.report.page.scales import (
    ACCENT,
    BAR,
    BEYOND,
    FAR_BEYOND,
    HIGH,
    LINE,
    LOW,
    OTHER,
    QUIET,
    THIRD,
    WRONG,
    finished,
    limit_rule,
    marks,
    numbers,
    of_limit,
)
from rnnverify.results.pictures import Drift, RatioMap

if TYPE_CHECKING:
    import altair as alt


FEW, MANY = 60, 40  # timesteps that have points of their own; units that need room
HIGH_LINE = 260


def time_of(one: RatioMap | Drift) -> str:
    return "step of a walk from the last timestep to the first" if one.backwards else "timestep"


def top(one: RatioMap) -> float:
    """The largest ratio of a map."""
    return max((value for value in one.ratios.reshape(-1).tolist() if value == value), default=0.0)


def ratio_map(one: RatioMap) -> Chart:
    """By timestep and unit; of a tensor without time by unit alone."""
    import altair as alt

    largest = top(one)
    if one.timesteps is None:
        data: dict[str, Sequence[Any]] = {
            "unit": [span(index, one.per_column, one.units) for index in range(one.ratios.shape[1])],
            "u": [index * one.per_column for index in range(one.ratios.shape[1])],
            "r": rounded(one.ratios[0]),
        }
        bars = (
            marks()
            .mark_bar(color=ACCENT, width={"band": 1 if len(data["u"]) > MANY else 0.6})
            .encode(
                x=alt.X("u:O", title="unit", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
                y=of_limit("r", largest),
                color=alt.condition("datum.r > 1", alt.value(WRONG), alt.value(ACCENT)),
                tooltip=[alt.Tooltip("unit:N"), alt.Tooltip("r:Q", title="of its limit", format=".2~g")],
            )
        )
        return Chart(one.tensor, finished(bars + limit_rule(), BAR), data, says=coarser(one))
    cells = (
        marks()
        .mark_rect()
        .encode(
            x=alt.X(**numbers("x", time_of(one), 0, one.timesteps - 1, 0.5)),
            x2="x2",
            y=alt.Y(**downward(numbers("y", "unit", 0, one.units - 1, 0.5))),
            y2="y2",
            color=alt.Color(  # the page puts in `shade`: up to 1 within the limit, up to 2 beyond it
                "shade:Q",
                legend=None,
                scale=alt.Scale(domain=[0, 1, 1 + 1e-9, 2], range=[LOW, HIGH, BEYOND, FAR_BEYOND], clamp=True),
            ),
            tooltip=[
                alt.Tooltip("timestep:N"),
                alt.Tooltip("unit:N"),
                alt.Tooltip("r:Q", title="of its limit", format=".2~g"),
            ],
        )
    )
    data = {
        "ratios": [rounded(row, 2) for row in one.ratios],
        "size": [one.timesteps, one.units],
        "per": [one.per_row, one.per_column],
    }
    return Chart(one.tensor, finished(cells, height_of(one)), data, "cells", coarser(one))


def height_of(one: RatioMap) -> int:
    """More where there are many units; the lines beside a map are as high."""
    return HIGH_LINE if one.ratios.shape[1] > MANY else LINE


def downward(axis: dict[str, Any]) -> dict[str, Any]:
    """The same with the first at the top."""
    import altair as alt

    return {**axis, "scale": alt.Scale(domain=axis["scale"].domain[::-1], nice=False, zero=False)}


def span(index: int, per: int, count: int) -> str:
    """Which of them a cell stands for: `3`, `8-11`."""
    first, last = index * per, min((index + 1) * per, count) - 1
    return f"{first}" if first == last else f"{first}-{last}"


def coarser(one: RatioMap) -> str:
    """What a cell stands for, where it is more than one element."""
    parts = [f"{one.per_row} timesteps"] * (one.per_row > 1) + [f"{one.per_column} units"] * (one.per_column > 1)
    return f"each cell is the largest of {' and '.join(parts)}" if parts else ""


def worst_lines(one: RatioMap) -> Chart:
    """The units that come nearest to their limits, over time."""
    import altair as alt

    data: dict[str, list[Any]] = {"t": [], "r": [], "unit": []}
    for worst in one.worst:
        data["t"] += [index * one.per_row for index in range(len(worst.ratios))]
        data["r"] += rounded(worst.ratios)
        data["unit"] += [f"unit {worst.unit}"] * len(worst.ratios)
    largest = max((value for value in data["r"] if value is not None), default=0.0)
    lines = (
        marks()
        .mark_line(point={"size": 28} if len(one.ratios) <= FEW else False, strokeWidth=1.5, clip=True)
        .encode(
            x=alt.X(**numbers("t", time_of(one), 0, (one.timesteps or 1) - 1)),
            y=of_limit("r", largest),
            color=alt.Color(
                "unit:N",
                title=None,
                scale=alt.Scale(domain=[f"unit {worst.unit}" for worst in one.worst], range=[ACCENT, OTHER, THIRD]),
                legend=alt.Legend(orient="top", padding=0, offset=4),
            ),
            tooltip=[
                alt.Tooltip("unit:N", title="of"),
                alt.Tooltip("t:Q", title="timestep"),
                alt.Tooltip("r:Q", title="of its limit", format=".2~g"),
            ],
        )
    )
    return Chart(f"{one.tensor}: the worst units", finished(lines + limit_rule(), height_of(one)), data)


DRIFT = ("difference", "standard deviation", "largest value")


def drift_chart(one: Drift, parted: int | None) -> Chart:
    """How far two runs are apart over time, and how far rounding alone takes them."""
    import altair as alt

    data: dict[str, list[Any]] = {"t": [], "v": [], "what": []}
    for what, values in zip(DRIFT, (one.error, one.deviation, one.size), strict=True):
        data["t"] += [index * one.per_row for index in range(len(values))]
        data["v"] += [None if value == 0 else value for value in rounded(values)]
        data["what"] += [what] * len(values)
    kinds = list(DRIFT)
    lines = (
        marks()
        .mark_line(
            strokeWidth=1.6, point={"size": 24} if one.timesteps <= FEW else False, invalid="break-paths-show-domains"
        )
        .encode(
            x=alt.X(**numbers("t", time_of(one), 0, one.timesteps - 1)),
            y=alt.Y("v:Q", title=None, scale=alt.Scale(type="log"), axis=alt.Axis(format="~e", tickCount=5)),
            color=alt.Color("what:N", legend=None, scale=alt.Scale(domain=kinds, range=[ACCENT, OTHER, QUIET])),
            strokeDash=alt.StrokeDash(
                "what:N", legend=None, scale=alt.Scale(domain=kinds, range=[[1, 0], [6, 3], [2, 3]])
            ),
            tooltip=[
                alt.Tooltip("what:N", title="of"),
                alt.Tooltip("t:Q", title="timestep"),
                alt.Tooltip("v:Q", title="is", format=".3~g"),
            ],
        )
    )
    chart: alt.Chart | alt.LayerChart = lines
    if parted is not None:
        place = alt.Chart(alt.InlineData([{"t": parted}])).encode(x="t:Q")
        chart = (
            lines
            + place.mark_rule(color=WRONG, strokeWidth=1.5)
            + place.mark_text(text="parted", color=WRONG, align="left", dx=5, y=10, fontWeight="bold")
        )
    says = [f"each point is the largest of {one.per_row} timesteps"] * (one.per_row > 1)
    says += [] if one.samples is None else [f"of the first {one.samples} samples"]
    return Chart(one.tensor, finished(chart, LINE), data, says=", ".join(says))
