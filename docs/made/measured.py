"""What the pictures show: the figures in benchmarks/results, and a recurrence that is chaotic, run twice."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers.graph import Graph
from rnnverify.observation import Node, Ref

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
LIMITS = {"float16": 8, "bfloat16": 8, "mixed_float16": 8, "float32": 12, "float64": 12}
SCALES = (1, 2, 4)  # of the kernels


def lines_of(name: str) -> list[str]:
    return (RESULTS / name).read_text().splitlines()


class Fault(NamedTuple):
    """A relative change, and the smallest of it that each way of looking sees."""

    model: str
    what: str
    stepwise: float
    torch: float
    polygraphy: float


def faults() -> list[Fault]:
    """The rows of the benchmark of sharpness."""
    row = re.compile(r"(\w+ \d+)\s+(unit's output|recurrent_kernel|bias)\s+(\S+)\s+-\s+(\S+)\s+(\S+)$")
    found = filter(None, map(row.match, lines_of("sharpness.txt")))
    return [Fault(one[1], one[2], float(one[3]), float(one[4]), float(one[5])) for one in found]


def sharpness_said() -> str:
    rows = faults()
    gains = sorted(row.torch / row.stepwise for row in rows)
    return (
        f"The smallest relative change of one number that is seen, in {len(rows)} models and places. Looking at each step by"
        f" itself sees changes that are {gains[0]:.0f} to {gains[-1]:.0f} times smaller than torch.testing.assert_close does,"
        f" {gains[len(gains) // 2]:.0f} times in the median. numpy.allclose with its defaults is not in the picture: it calls"
        " the right replay wrong in every one of these rows."
    )


def largest_residuals() -> dict[str, dict[str, tuple[float, int]]]:
    """For each precision and layer the largest residual of all right models, in standard deviations, and of how many."""
    found: dict[str, dict[str, tuple[float, int]]] = defaultdict(dict)
    for line in lines_of("soundness.txt"):
        precision, *_ = line.split() or [""]
        if precision in LIMITS:
            for layer, worst, count in re.findall(r"(\w+) ([\d.]+) \((\d+)\)", line):
                before = found[precision].get(layer, (0.0, 0))
                found[precision][layer] = max(before[0], float(worst)), before[1] + int(count)
    return found


def residuals_said() -> str:
    found = largest_residuals()
    layers = sum(count for of_one in found.values() for _, count in of_one.values())
    worst = max(worst for of_one in found.values() for worst, _ in of_one.values())
    return (
        f"The largest residual of one step in each kind of layer, over {layers:,} layers of random right models. The limits are"
        f" 12 standard deviations, and 8 in half precision; the largest that rounding made anywhere is {worst:.1f}."
    )


def end_to_end_rows() -> list[tuple[str, float, float, int]]:
    """For each precision the largest error and the median of the typical one, in standard deviations, and the limit."""
    row = re.compile(r"\s+(\w+)\s+([\d.]+)\s+([\d.]+)\s+\(limit (\d+)\)")
    found = filter(None, map(row.match, lines_of("expected_error.txt")))
    return [(one[1], float(one[2]), float(one[3]), int(one[4])) for one in found]


def end_to_end_said() -> str:
    (models,) = re.findall(r"^(\d+) models", "\n".join(lines_of("expected_error.txt")), flags=re.MULTILINE)
    return (
        f"What rounding does to whole models, over {int(models):,} right ones: the error of the outputs, in the standard"
        " deviations that the replay in rounding numbers predicts of them. The green dot is what is typical, the blue one the"
        " largest."
    )


def engine_rows() -> list[tuple[str, int, int, int]]:
    """For each engine how many models it computes right and wrong, and how many it refuses."""
    row = re.compile(r"\| (.+?) \| (\d+) \| (\d+) \| (\d+) \|$")
    found = filter(None, map(row.match, lines_of("engines.txt")))
    return [(one[1], int(one[2]), int(one[3]), int(one[4])) for one in found]


def engines_said() -> str:
    rows = engine_rows()
    wrong = sum(row[2] > 0 for row in rows)
    return (
        f"What {len(rows)} engines make of {sum(rows[0][1:])} models each. Those with a wrong answer are {wrong}; a refusal is an"
        " answer, too, and a better one. Keras on OpenVINO computes in bfloat16 by itself, which is not float32."
    )


@cache
def runs() -> dict[int, tuple[Any, Any]]:
    """For each scale of the kernels: how far a float32 run is from a float64 one at each timestep, and each step by itself."""
    return {scale: parting(scale) for scale in SCALES}


def parting(scale: int, T: int = 120, D: int = 6, M: int = 64) -> tuple[Any, Any]:
    """The largest errors over the units, (T,) each: from end to end, and of single steps.

    The layer is the replay's own; one step of it starts from the states that the float32 run had.
    """
    draw = np.random.default_rng(3)
    # Glorot's kernel and an orthogonal recurrent one, as Keras draws them.
    kernel = draw.uniform(-1, 1, (D, M)) * np.sqrt(6 / (D + M))
    recurrent = np.linalg.qr(draw.standard_normal((M, M)))[0]
    weights = {
        "kernel": np.float32(scale * kernel),
        "recurrent_kernel": np.float32(scale * recurrent),
        "bias": np.float32(draw.uniform(-0.1, 0.1, M)),
    }
    x = np.float32(draw.standard_normal((1, T, D)))
    options = dict.fromkeys(["return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask"], False)
    config = {"name": "rnn", "dtype": "float32", "units": M, "activation": "tanh", "use_bias": True, **options}
    config["return_sequences"] = True
    given = Ref("x"), Ref("h")
    graph = Graph([Node("rnn", "rnn", "SimpleRNN", config, weights, given[:1], given[1:])])
    start = np.zeros((1, M), np.float32)
    rough = graph.run({"x": x, "h": start}, np.float32)[Ref("rnn")].values
    exact = graph.run({"x": x, "h": start})[Ref("rnn")].values
    before = np.concatenate([start[:, None], rough[:, :-1]], axis=1)  # what each step starts from
    steps = graph.run({"x": x.reshape(T, 1, D), "h": before.reshape(T, M)})[Ref("rnn")].values.reshape(1, T, M)
    return np.abs(rough - exact).max(axis=(0, 2)), np.abs(rough - steps).max(axis=(0, 2))


def chaos_said() -> str:
    ends, steps = runs()[SCALES[-1]]
    return (
        "A SimpleRNN of 64 units, run in float32 and in float64: how far apart the two are at each timestep. With kernels times"
        f" {SCALES[-1]} they part altogether, and differ by up to {ends.max():.1f}, the most that tanh allows being 2. Each"
        f" single step, taken from the state that the float32 run had before it, is off by {steps.max():.0e} at most."
    )
