"""What all charts share: colours, scales, and how a chart becomes JSON. Names from outside stand beside charts, never in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

ACCENT, OTHER, THIRD = "var(--accent)", "var(--other)", "var(--third)"
QUIET, WRONG, RIGHT = "var(--quiet)", "var(--mismatch)", "var(--match)"
LOW, HIGH, BEYOND, FAR_BEYOND = "var(--low)", "var(--high)", "var(--beyond)", "var(--far)"
TICKS = [0, 0.01, 0.1, 0.25, 0.5, 1]  # of a limit, where small shares are drawn large
LINE, BAR = 170, 110  # pixels
STEPS = [factor * 10**power for power in range(12) for factor in (1, 2, 5)]  # between ticks
MOST_TICKS = 10
FAR = 1.1  # limits: from here on a scale has to be logarithmic


def numbers(field: str, title: str | None, first: float, last: float, room: float = 0.0) -> dict[str, Any]:
    """A field of whole numbers along an axis, from the first to the last, with some room beyond them."""
    import altair as alt

    step = next(one for one in STEPS if (last - first) / one <= MOST_TICKS)
    start = int(-(-first // step)) * step
    scale = alt.Scale(domain=[first - room, last + room], nice=False, zero=False)
    axis = alt.Axis(values=list(range(start, int(last) + 1, step)), format="d", grid=False)
    return {"shorthand": f"{field}:Q", "title": title, "axis": axis, "scale": scale}


def of_limit(field: str, largest: float) -> alt.Y:
    """A ratio to the limit along the vertical axis, from which the limit can always be seen."""
    import altair as alt

    if largest > FAR:
        scale = alt.Scale(type="log", domainMax=10 * min(largest, 1e299), domainMin=1e-3, nice=False, clamp=True)
        return alt.Y(f"{field}:Q", title="of its limit", scale=scale, axis=alt.Axis(tickCount=5, format="~e"))
    scale = alt.Scale(type="pow", exponent=0.5, domain=[0, FAR], clamp=True)
    return alt.Y(f"{field}:Q", title="of its limit", scale=scale, axis=alt.Axis(values=TICKS, format="~g"))


def marks() -> alt.Chart:
    """A chart of the data that the page puts in."""
    import altair as alt

    return alt.Chart(alt.NamedData("kept"))


def limit_rule() -> alt.Chart:
    import altair as alt

    rule = alt.Chart(alt.InlineData([{"limit": 1}])).mark_rule(color=WRONG, strokeDash=[5, 3], strokeWidth=1.5)
    made: alt.Chart = rule.encode(y="limit:Q")
    return made


def finished(chart: alt.Chart | alt.LayerChart, height: float) -> dict[str, Any]:
    """The chart as JSON, as wide as there is room."""
    made: dict[str, Any] = chart.properties(width="container", height=height).to_dict(validate=True)
    for needless in ("$schema", "config"):
        made.pop(needless, None)
    return made
