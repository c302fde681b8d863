"""How each picture is drawn: a chart of Vega-Altair for each."""

from __future__ import annotations

from typing import Any

from docs.made import measured

BLUE, ORANGE, GREEN, RED, GREY = "#3f87d9", "#e0822f", "#2f9e6b", "#d6504b", "#8d939c"
WIDTH = 560
ORDER = ["float64", "float32", "mixed_float16", "float16", "bfloat16"]


def charts() -> Any:
    """Altair, which is loaded when something is drawn."""
    import altair

    return altair


def legend(chart: Any, apart: int = 60) -> Any:
    return chart.Legend(title=None, orient="top", labelLimit=400, columnPadding=apart)


def chaos() -> Any:
    """Errors over time, from end to end and step by step."""
    alt = charts()
    rows = [
        {"timestep": t, "error": max(float(error), 1e-9), "scale": f"kernels x {scale}", "how": how}
        for scale, of_one in measured.runs().items()
        for how, errors in zip(("end to end", "each step by itself"), of_one, strict=True)
        for t, error in enumerate(errors)
    ]
    names = [f"kernels x {scale}" for scale in measured.SCALES]
    return (
        alt.Chart(alt.Data(values=rows), width=WIDTH, height=230)
        .mark_line(strokeWidth=1.5)
        .encode(
            x=alt.X("timestep:Q", title="timestep"),
            y=alt.Y(
                "error:Q", title="largest error", scale=alt.Scale(type="log"), axis=alt.Axis(format=".0e", tickCount=6)
            ),
            color=alt.Color(
                "scale:N", scale=alt.Scale(domain=names, range=[GREEN, ORANGE, RED]), legend=legend(alt, apart=30)
            ),
            strokeDash=alt.StrokeDash("how:N", sort=["end to end"], legend=legend(alt, apart=30)),
        )
    )


def residuals() -> Any:
    """A dot for each kind of layer in each precision, and the limits."""
    found = measured.largest_residuals()
    worst = [
        {"precision": name, "sd": size, "what": "the largest residual of a kind of layer"}
        for name, of_one in found.items()
        for size, _ in of_one.values()
        if size > 0
    ]
    limits = [{"precision": name, "sd": limit, "what": "the limit"} for name, limit in measured.LIMITS.items()]
    return against_limits(worst, limits, "standard deviations of rounding")


def end_to_end() -> Any:
    """A line for each precision, up to its largest error."""
    alt = charts()
    rows = measured.end_to_end_rows()
    worst = [{"precision": name, "from": 0, "sd": size, "what": "the largest error"} for name, size, _, _ in rows]
    typical = [{"precision": name, "sd": size, "what": "what is typical"} for name, _, size, _ in rows]
    limits = [{"precision": name, "sd": limit, "what": "the limit"} for name, _, _, limit in rows]
    lines = (
        alt.Chart(alt.Data(values=worst))
        .mark_rule(color=BLUE, strokeWidth=1.5)
        .encode(y=alt.Y("precision:N", title=None, sort=ORDER), x="from:Q", x2="sd:Q")
    )
    return lines + against_limits([*worst, *typical], limits, "standard deviations that were predicted")


def against_limits(found: list[dict[str, Any]], limits: list[dict[str, Any]], title: str) -> Any:
    """Sizes as dots and limits as bars, a row for each precision."""
    alt = charts()
    names = list(dict.fromkeys(row["what"] for row in [*found, *limits]))
    colours = {"the limit": RED, "what is typical": GREEN}
    scale = alt.Scale(domain=names, range=[colours.get(name, BLUE) for name in names])
    shared = {
        "x": alt.X("sd:Q", title=title, scale=alt.Scale(domain=[0, 13])),
        "y": alt.Y("precision:N", title=None, sort=ORDER),
        "color": alt.Color("what:N", scale=scale, legend=legend(alt)),
    }
    dots = alt.Chart(alt.Data(values=found)).mark_circle(size=70, opacity=0.8).encode(**shared)
    bars = alt.Chart(alt.Data(values=limits)).mark_tick(thickness=3, size=24).encode(**shared)
    return (dots + bars).properties(width=WIDTH - 60, height=alt.Step(36))


def sharpness() -> Any:
    """For each model and place a line from what the steps show to what outputs show."""
    alt = charts()
    names = {"bias": "one bias", "recurrent_kernel": "one recurrent weight", "unit's output": "one unit's output"}
    found = sorted(measured.faults(), key=lambda row: (row.what, row.stepwise))
    ways = ["step by step", "assert_close"]
    rows = [
        {"place": place, "what": names[row.what], ways[0]: row.stepwise, ways[1]: row.torch}
        for place, row in enumerate(found)
    ]
    scale = alt.Scale(type="log", domain=[1e-7, 1e-1])
    title = "smallest relative change that is seen (further left is sharper)"
    base = alt.Chart().encode(y=alt.Y("place:O", axis=None))
    lines = base.mark_rule(color=GREY).encode(x=alt.X(f"{ways[0]}:Q", scale=scale), x2=alt.X2(f"{ways[1]}:Q"))
    dots = (
        base.transform_fold(ways, as_=["how", "change"])
        .mark_point(filled=True, size=50, opacity=1)
        .encode(
            x=alt.X("change:Q", scale=scale, title=title, axis=alt.Axis(format=".0e", tickCount=6)),
            color=alt.Color("how:N", scale=alt.Scale(domain=ways, range=[BLUE, ORANGE]), legend=legend(alt)),
            shape=alt.Shape("how:N", scale=alt.Scale(domain=ways), legend=legend(alt)),
        )
    )
    header = alt.Header(title=None, labelAngle=0, labelAlign="left", labelPadding=8)
    return (
        alt.layer(lines, dots, data=alt.Data(values=rows), width=WIDTH - 130, height=alt.Step(11))
        .facet(row=alt.Row("what:N", header=header), spacing=10)
        .resolve_scale(y="independent")
    )


def engines() -> Any:
    """A bar for each engine."""
    alt = charts()
    answers = ("right", "wrong", "refused")
    rows = [
        {"engine": name, "models": count, "answer": answer, "order": order}
        for name, *counts in measured.engine_rows()
        for order, (answer, count) in enumerate(zip(answers, counts, strict=True))
    ]
    scale = alt.Scale(domain=list(answers), range=[GREEN, RED, GREY])
    return (
        alt.Chart(alt.Data(values=rows), width=WIDTH - 120, height=alt.Step(17))
        .mark_bar(height=12)
        .encode(
            x=alt.X("models:Q", title="models"),
            y=alt.Y("engine:N", title=None, sort=None),
            color=alt.Color("answer:N", scale=scale, legend=legend(alt)),
            order=alt.Order("order:Q"),
        )
    )
