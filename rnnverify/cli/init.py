"""rnnverify init"""

from __future__ import annotations

import click

from rnnverify.errors import RequestError

FIRST = """\
# A spec for rnnverify: what to build, and what to feed it. `rnnverify run {name}` verifies it.

N: 2     # samples
T: 10    # timesteps
D: 3     # input features
M: 5     # hidden units
K: 2     # output units

layer: LSTM    # or SimpleRNN, GRU; a Dense layer with K units follows

# In place of `layer`, a model of your own, in Keras's class and argument names:
# layers:
#   - Bidirectional: {{layer: {{GRU: {{units: M, return_sequences: true}}}}}}
#   - LSTM: {{units: M, activation: softsign}}
#   - Dense: {{units: K, activation: softmax}}

# or one that is saved:
# model: model.keras

# Your own arithmetic, judged beside Keras (with --allow-code):
# candidate: port.py:forward
"""


@click.command()
@click.argument("file", default="rnn.yaml")
def init(file: str) -> None:
    """Write a first spec, to begin with.

    \b
    Examples:
      rnnverify init
      rnnverify init specs/lstm.yaml
    """
    try:
        with open(file, "x", encoding="utf-8") as made:  # never one that is there
            made.write(FIRST.format(name=file))
    except FileExistsError:
        raise RequestError(f"{file}: expected a new file, there is one already; give another name") from None
    except OSError as error:
        raise RequestError(f"{file}: cannot be written: {error.strerror or error}; give another path") from None
    click.echo(f"{file} is written; next: rnnverify run {file}", err=True)
