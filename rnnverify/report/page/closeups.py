"""Charts of what is wrong: the place enlarged, the weights that would explain it, before and after it is mended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rnnverify.report.page.blocks import Chart
from rnnverify.report.page.numbers import rounded, whole
from rnnverify.report.page.scales import ACCENT, LINE, OTHER, QUIET, RIGHT, WRONG, finished, marks, numbers
from rnnverify.results.pictures import Closeup, Mended, Series, Suspicion

if TYPE_CHECKING:
    import altair as alt


def closeups(one: Closeup, whose: str) -> list[Chart]:
    """The surroundings of a place that is wrong, over time and over units."""
    made = []
    if one.over_time is not None and one.timestep is not None:
        where = f"unit {one.unit}, sample {one.sample}"
        made += of_series(one.over_time, "timestep", one.timestep, where, whose)
    if len(one.over_units.given) > 1 or not made:
        where = f"sample {one.sample}" + ("" if one.timestep is None else f", timestep {one.timestep}")
        made += of_series(one.over_units, "unit", one.unit, where, whose)
    return made


def of_series(one: Series, axis: str, here: int, where: str, whose: str) -> list[Chart]:
    """The two values along one axis, and their difference beside what is allowed."""
    along = list(range(one.first, one.first + len(one.given)))
    made = [both_values(one, along, axis, here, where, whose)]
    if any(differences(one.given.tolist(), one.replay.tolist())):  # none where they are no numbers
        made.append(difference_chart(one, along, axis, here, where))
    return made


def rule_at(here: int) -> alt.Chart:
    """Where it is."""
    import altair as alt

    rule = alt.Chart(alt.InlineData([{"t": here}])).mark_rule(color=WRONG, opacity=0.35, strokeWidth=5)
    made: alt.Chart = rule.encode(x="t:Q")
    return made


def both_values(one: Series, along: Sequence[int], axis: str, here: int, where: str, whose: str) -> Chart:
    import altair as alt

    kinds = [whose, "replay"]
    values: dict[str, Sequence[Any]] = {
        "t": [*along, *along],
        "v": [*rounded(one.given, 9), *rounded(one.replay, 9)],
        "what": [kinds[0]] * len(along) + [kinds[1]] * len(along),
    }
    x = alt.X(**numbers("t", axis, along[0], along[-1], 0.5))
    colour = alt.Color(
        "what:N",
        title=None,
        scale=alt.Scale(domain=kinds, range=[OTHER, ACCENT]),
        legend=alt.Legend(orient="top", padding=0, offset=4),
    )
    base = marks().encode(
        x=x,
        y=alt.Y("v:Q", title=None, scale=alt.Scale(zero=False)),
        color=colour,
        # Where the two are the same, both can be seen: a point inside of a ring.
        size=alt.condition("datum.what == 'replay'", alt.value(30), alt.value(110)),
        tooltip=[
            alt.Tooltip("what:N", title="of"),
            alt.Tooltip("t:Q", title=axis),
            alt.Tooltip("v:Q", title="is", format=".9~g"),
        ],
    )
    points = base.mark_point(filled=False, strokeWidth=1.8)
    lines = marks().mark_line(strokeWidth=1.2, opacity=0.8).encode(x=x, y="v:Q", color=colour)
    drawn = rule_at(here) + lines + points if axis == "timestep" else rule_at(here) + points
    return Chart(f"Both values, by {axis}", finished(drawn, LINE), values, says=where)


def difference_chart(one: Series, along: Sequence[int], axis: str, here: int, where: str) -> Chart:
    import altair as alt

    x = alt.X(**numbers("t", axis, along[0], along[-1], 0.5))
    data: dict[str, Sequence[Any]] = {
        "t": along,
        "off": differences(one.given.tolist(), one.replay.tolist()),
        "allowed": positive(one.allowed.tolist()),
    }
    told = [
        alt.Tooltip("t:Q", title=axis),
        alt.Tooltip("off:Q", title="difference", format=".3~g"),
        alt.Tooltip("allowed:Q", title="allowed", format=".3~g"),
    ]
    scale = alt.Scale(type="log")
    off = (
        marks()
        .mark_point(size=46, filled=True, invalid="filter")
        .encode(
            x=x,
            y=alt.Y("off:Q", title=None, scale=scale, axis=alt.Axis(format="~e", tickCount=5)),
            color=alt.condition("datum.off > datum.allowed", alt.value(WRONG), alt.value(ACCENT)),
            tooltip=told,
        )
    )
    limit = (
        marks()
        .mark_line(color=QUIET, strokeDash=[5, 3], strokeWidth=1.5, interpolate="step", invalid="filter")
        .encode(x=x, y=alt.Y("allowed:Q", scale=scale))
    )
    chart = finished(rule_at(here) + limit + off, LINE)
    return Chart(f"Their difference beside what is allowed, by {axis}", chart, data, says=where)


def differences(given: Sequence[float], replay: Sequence[float]) -> list[float | None]:
    """Sizes; nothing where there is none, or that is no number."""
    return positive([abs(one - other) if one != other else 0.0 for one, other in zip(given, replay, strict=True)])


def positive(values: Iterable[float]) -> list[float | None]:
    return [whole(value) if value > 0 and math.isfinite(value) else None for value in values]


def mended_charts(one: Mended) -> list[Chart]:
    """What was given over what the replay makes: off the diagonal before, on it with the mistake."""
    import altair as alt

    finite = [
        value for array in (one.given, one.right, one.mistaken) for value in array.tolist() if math.isfinite(value)
    ]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    domain = [whole(low), whole(high if high > low else low + 1)]
    made = []
    for title, replay, colour in (
        ("before: over the right replay", one.right, WRONG),
        ("after: over the replay with the mistake", one.mistaken, RIGHT),
    ):
        scale = alt.Scale(domain=domain, nice=True)
        tooltip = [
            alt.Tooltip("x:Q", title="replay", format=".9~g"),
            alt.Tooltip("y:Q", title="candidate", format=".9~g"),
        ]
        points = (
            marks()
            .mark_point(filled=True, size=34, opacity=0.75, color=colour, invalid="filter")
            .encode(
                x=alt.X("x:Q", title="replay", scale=scale),
                y=alt.Y("y:Q", title="candidate", scale=scale),
                tooltip=tooltip,
            )
        )
        ends = [{"x": end, "y": end} for end in domain]
        diagonal = (
            alt.Chart(alt.InlineData(ends))
            .mark_line(color=QUIET, strokeDash=[4, 4], strokeWidth=1)
            .encode(x="x:Q", y="y:Q")
        )
        data = {"x": rounded(replay, 9), "y": rounded(one.given, 9)}
        made.append(Chart(title, finished(diagonal + points, 240), data))
    return made


def suspicion_chart(one: Suspicion) -> Chart:
    """How much each weight of a unit would explain by itself."""
    import altair as alt

    data: dict[str, list[Any]] = {"row": [], "gate": [], "share": []}
    for row, shares in enumerate(one.shares):
        for gate, share in zip(one.gates, shares.tolist(), strict=True):
            data["row"].append(row)
            data["gate"].append(gate or "weight")
            data["share"].append(whole(max(0.0, share), 3))
    scale = alt.Scale(domain=[0, 1], range=["var(--line)", WRONG], interpolate="rgb", clamp=True)
    cells = (
        marks()
        .mark_rect()
        .encode(
            x=alt.X("row:O", title="row", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            y=alt.Y("gate:N", title=None, sort=[gate or "weight" for gate in one.gates]),
            color=alt.Color("share:Q", legend=None, scale=scale),
            tooltip=[
                alt.Tooltip("row:O"),
                alt.Tooltip("gate:N"),
                alt.Tooltip("share:Q", title="explains", format=".1%"),
            ],
        )
    )
    return Chart(f"{one.weight} of unit {one.unit}", finished(cells, 26 * len(one.gates) + 8), data)
