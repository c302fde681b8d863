"""Peak memory of a long run beside that of Keras's predict alone, each in a process of its own.

python -m benchmarks.memory 100000
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from benchmarks.table import Row, show

LAYERS = ("SimpleRNN", "LSTM", "GRU")

PREDICT = """
import sys
from rnnverify.keras_model.build import built_of_spec
from rnnverify.keras_model.inputs import draw_inputs
from rnnverify.keras_model.session import load_keras
from rnnverify.keras_model.settings import precision, quiet
from rnnverify.spec import spec_from_mapping
spec = spec_from_mapping({"N": 1, "T": int(sys.argv[2]), "D": 8, "M": 128, "K": 2, "layer": sys.argv[1]})
with quiet():
    keras = load_keras()
    with precision(keras, spec.dtype):
        built = built_of_spec(keras, spec)
        x = draw_inputs(spec, spec.inputs, {})
        (given,), (ref,) = spec.inputs, spec.outputs
        model = keras.Model(built.tensors[given.name, 0], built.tensors[ref])
        model.predict(x[given.name], verbose=0)
"""

VERIFY = """
import sys
from rnnverify.api import verify
from rnnverify.spec import spec_from_mapping
result = verify(spec_from_mapping({"N": 1, "T": int(sys.argv[2]), "D": 8, "M": 128, "K": 2, "layer": sys.argv[1]}))
assert result.passed
"""

# The peak of this program alone: what getrusage gives may be that of the process it was started from.
PEAK = """
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def peak(program: str, layer: str, timesteps: int) -> float:
    """The peak of a process that runs the program, in kB."""
    done = subprocess.run(
        [sys.executable, "-c", program + PEAK, layer, str(timesteps)], check=True, capture_output=True, text=True
    )
    return float(done.stdout.split()[-1])


def rows(timesteps: int) -> Iterator[Row]:
    for layer in LAYERS:
        predict, verify = (peak(program, layer, timesteps) for program in (PREDICT, VERIFY))
        yield Row(
            f"peak memory: verify / predict alone, {layer} N=1 T={timesteps} M=128", [verify / predict], "at most 1.5"
        )


if __name__ == "__main__":
    show(rows(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
