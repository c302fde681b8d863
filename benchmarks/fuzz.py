"""Files that were changed at random: each is verified, or refused with one message; no traceback, nothing that hangs.

    python -m benchmarks.fuzz specs 20000
    python -m benchmarks.fuzz observations 5000
    python -m benchmarks.fuzz models 2000

Specs are changed as texts and as trees, observations and models as bytes, archives, arrays and configs. All run in one process,
as `rnnverify run` runs them; of specs that are right most are only read, as each takes Keras half a second.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import yaml
from click.testing import CliRunner

from benchmarks import mutations
from benchmarks.random_specs import random_spec
from benchmarks.table import machine
from rnnverify.api import observe
from rnnverify.cli import main as command
from rnnverify.errors import RequestError
from rnnverify.keras_model.session import load_keras
from rnnverify.keras_model.settings import quiet
from rnnverify.observation.file import save_observation
from rnnverify.spec import load_spec, spec_from_mapping

LONGEST = 10  # seconds
RUN_EACH = 10  # of the specs that are right one in so many is run, and not only read
OUTCOMES = {0: "match", 1: "mismatch or untested", 2: "refused"}
SIZES = "N: 2\nT: 3\nD: 2\n"
SPECS = (
    f"{SIZES}M: 4\nK: 2\n",
    f"{SIZES}M: 4\nK: 2\nlayer: LSTM\ndata: {{file: x.npy}}\nweights: {{bias: keras, scale: 2.0}}\ntolerance: {{atol: 0.1}}\n",
    "N: 2\nT: 3\ndata: {tokens: {lengths: random, vocabulary: 9}}\nlayers:\n"
    "  - Embedding: {input_dim: 9, output_dim: 3, mask_zero: true}\n"
    "  - Bidirectional: {layer: {GRU: {units: 2, return_sequences: true}}, merge_mode: sum}\n  - Dense: {units: 2}\n",
    f"{SIZES}initial_state: random\nseed: 7\nlayers:\n"
    "  - LSTM: {units: 2, return_sequences: true, return_state: true, name: a}\n"
    "  - GRU: {units: 2, initial_state: a.h, inputs: a}\n  - Concatenate: {inputs: [a.h, a.c]}\n",
    f"{SIZES}calls: {{count: 2, reset: [2]}}\nlayers:\n  - LSTM: {{units: 2, stateful: true, return_sequences: true}}\n"
    "  - RNN: {cell: [{LSTMCell: {units: 2}}, {GRUCell: {units: 3, activation: relu}}]}\n",
    "N: 2\nT: 3\nlayers:\n  - InputLayer: {shape: [T, 3, 2, 1]}\n  - ConvLSTM2D: {filters: 2, kernel_size: 2}\n"
    "  - PReLU: {}\n  - Flatten: {}\n  - Dense: {units: 2}\n",
)


class Hung(BaseException):
    """A case that ran past its time."""


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Stop what runs longer, where Python can."""

    def stop(*_: object) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def outcome_of(run: Callable[[], int], longest: float) -> str:
    """What came of one case."""
    started = time.perf_counter()
    try:
        with alarm(longest), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = run()
    except Hung:
        return "hung"
    except BaseException as error:
        return f"traceback: {type(error).__name__}: {str(error)[:100]}"
    if time.perf_counter() - started > longest:  # whatever was running took the alarm for its own
        return "hung"
    return OUTCOMES.get(code, f"exit code {code}")


def run(path: str) -> int:
    """The command, in this process; an exception passes through."""
    result = CliRunner().invoke(command, ["run", path])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code == 2 and (result.stdout or not result.stderr or "Traceback" in result.stderr):
        raise AssertionError(f"a refusal with other output: {result.output[:200]}")
    return result.exit_code


def specs(random: Random) -> Callable[[], int]:
    """One changed spec."""
    drawn = random_spec(np.random.default_rng(random.randrange(2**31)), largest=6, longest=5)
    text = random.choice([*SPECS, yaml.safe_dump(drawn)])
    if random.random() < 0.5:
        Path("case.yaml").write_text(mutations.of_text(text, random), encoding="utf-8", errors="surrogatepass")
        load: Callable[[], Any] = lambda: load_spec("case.yaml")  # noqa: E731
    else:
        tree = mutations.of_tree(yaml.safe_load(text), random)
        Path("case.yaml").write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8", errors="surrogatepass")
        load = lambda: spec_from_mapping(tree, "case.yaml")  # noqa: E731
    in_full = random.randrange(RUN_EACH) == 0

    def case() -> int:
        try:
            load()
        except RequestError:
            return 2
        return run("case.yaml") if in_full else 0

    return case


def observations(random: Random) -> Callable[[], int]:
    """One changed observation."""
    raw = random.choice([Path(f"{index}.npz").read_bytes() for index in range(len(SPECS))])
    if random.random() < 0.2:
        raw = mutations.of_bytes(raw, random)
    else:
        raw = mutations.of_archive(raw, random, {".npy": mutations.of_npy})
    Path("case.npz").write_bytes(raw)
    return lambda: run("case.npz")


def models(random: Random) -> Callable[[], int]:
    """One changed model, in either format."""
    suffix, index = random.choice([".keras", ".keras", ".h5"]), random.choice([0, 0, 1, 1, 2])
    raw = Path(f"{index}{suffix}").read_bytes()
    if suffix == ".h5":
        raw = mutations.of_hdf5(raw, random)
    elif random.random() < 0.2:
        raw = mutations.of_bytes(raw, random)
    else:
        raw = mutations.of_archive(raw, random, {"config.json": mutations.of_json, ".h5": mutations.of_hdf5})
    Path(f"case{suffix}").write_bytes(raw)
    return lambda: run(f"case{suffix}")


def prepare(kind: str) -> None:
    """What the cases start from, in the working folder."""
    np.save("x.npy", np.ones((2, 3, 2)))
    for index, text in enumerate(SPECS if kind == "observations" else ()):
        save_observation(observe(spec_from_mapping(yaml.safe_load(text), "spec.yaml")), f"{index}.npz")
    if kind != "models":
        return
    with quiet():
        keras = load_keras()
        layers = keras.layers
        first = keras.Sequential([keras.Input((4, 3)), layers.LSTM(3), layers.Dense(2)])
        ids, x = keras.Input((4,), dtype="int32", name="ids"), keras.Input((None, 2), name="x")
        both = layers.Bidirectional(layers.SimpleRNN(2))(x)
        embedded = layers.Flatten()(layers.Embedding(9, 2)(ids))
        second = keras.Model([ids, x], layers.Dense(2)(layers.Concatenate()([both, embedded])))
        cells = layers.StackedRNNCells([layers.LSTMCell(2), layers.GRUCell(3)])
        slope = layers.Dense(2, activation=layers.LeakyReLU(0.3))
        third = keras.Sequential(
            [keras.Input((3, 2)), layers.RNN(cells, return_sequences=True), layers.Conv1D(2, 2), slope]
        )
        for index, model in enumerate((first, second, third)):
            model.save(f"{index}.keras")
            model.save(f"{index}.h5")


KINDS: dict[str, Callable[[Random], Callable[[], int]]] = {
    "specs": specs,
    "observations": observations,
    "models": models,
}


def fuzz(kind: str, count: int, seed: int = 1, longest: float = LONGEST) -> Counter[str]:
    """How often each outcome came; what is neither a verdict nor a refusal is printed with the number of its case."""
    found: Counter[str] = Counter()
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            prepare(kind)
            for number in range(count):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # an archive with two parts of one name is what is wanted
                    case = KINDS[kind](Random(f"{seed} {number}"))
                outcome = outcome_of(case, longest)
                found[outcome] += 1
                if outcome not in OUTCOMES.values():
                    print(f"{kind}, seed {seed}, case {number}: {outcome}", flush=True)
        finally:
            os.chdir(here)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.perf_counter()
    found = fuzz(options.kind, options.count, options.seed)
    wrong = sum(number for outcome, number in found.items() if outcome not in OUTCOMES.values())
    print(f"python -m benchmarks.fuzz {options.kind} {options.count} --seed {options.seed}")
    print(f"{options.count} {options.kind}: {wrong} tracebacks, hangs over {LONGEST} s or other exit codes")
    print("  " + ", ".join(f"{outcome} {number}" for outcome, number in found.most_common()))
    print(f"  {time.perf_counter() - started:.0f} s on {machine()}")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
