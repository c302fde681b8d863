"""Charts of a sweep's points over any two axes. The page itself puts in which axes those are."""

from __future__ import annotations

from typing import Any

from rnnverify.report.page.scales import HIGH, LINE, LOW, WRONG, finished, marks


def map_over_axes() -> dict[str, Any]:
    """Two axes, and the worst of all points at each pair of their values."""
    import altair as alt

    cells = (
        marks()
        .mark_rect(stroke="var(--page)", strokeWidth=1)
        .encode(
            x=alt.X("x:O", axis=alt.Axis(labelAngle=0, labelOverlap=True, labelLimit=120)),
            y=alt.Y("y:O", axis=alt.Axis(labelLimit=120)),
            color=alt.Color(
                "v:Q",
                scale=alt.Scale(type="log", range=[LOW, HIGH]),
                legend=alt.Legend(orient="bottom", title=None, gradientLength=180, format="~e", tickCount=4),
            ),
            tooltip=[
                alt.Tooltip("x:N"),
                alt.Tooltip("y:N"),
                alt.Tooltip("v:Q", title="the worst", format=".3~g"),
                alt.Tooltip("count:Q", title="of points", format=","),
            ],
        )
    )
    return finished(cells, 260)


def points_over_axis() -> dict[str, Any]:
    """Every point over one axis, in the colour of its value of another."""
    import altair as alt

    points = (
        marks()
        .mark_circle(size=52, opacity=0.7, cursor="pointer")
        .encode(
            x=alt.X("x:O", axis=alt.Axis(labelAngle=0, labelOverlap=True, labelLimit=120)),
            y=alt.Y("v:Q", scale=alt.Scale(type="log"), axis=alt.Axis(format="~e", tickCount=6, grid=False)),
            xOffset=alt.XOffset("spread:Q", scale=alt.Scale(domain=[0, 1])),
            color=alt.Color(
                "y:O",
                scale=alt.Scale(scheme=alt.SchemeParams(name="viridis", extent=[0, 1])),
                legend=alt.Legend(orient="bottom", columns=4, symbolLimit=12, labelLimit=120),
            ),
            tooltip=[
                alt.Tooltip("x:N"),
                alt.Tooltip("y:N"),
                alt.Tooltip("v:Q", title="is", format=".3~g"),
                alt.Tooltip("verdict:N"),
                alt.Tooltip("number:Q", title="point"),
            ],
        )
    )
    limit = (
        alt.Chart(alt.NamedData("limit"))
        .mark_rule(color=WRONG, strokeDash=[5, 3], strokeWidth=1.5)
        .encode(y=alt.Y("limit:Q"))
    )
    return finished(points + limit, LINE + 90)
