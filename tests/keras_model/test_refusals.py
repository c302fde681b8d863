"""Of a message of many lines, the one that says something is kept."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnverify import load_spec, observe
from rnnverify.errors import RequestError
from rnnverify.keras_model.refusals import first_line

TRACE = """\
in user code:

    File "/lib/trainer.py", line 55, in one_step_on_data  **
        return self.predict_step(data)
    File "/lib/traceback_utils.py", line 122, in error_handler
        raise e.with_traceback(filtered_tb) from None

    ValueError: Exception encountered when calling Mine.call().

    \x1b[1mmy own words\x1b[0m

    Arguments received by Mine.call():
"""


@pytest.mark.parametrize(
    ("text", "gist"),
    [
        ("", "ValueError"),
        ("what\nmore", "ValueError: what"),
        (
            "Exception encountered when calling LSTM.call().\n\n\x1b[1mwhat\x1b[0m\n\nArguments received",
            "ValueError: what",
        ),
        (
            'Graph execution error:\n\nDetected at node x\n  File "a.py", line 3\n\n<stack traces>\nwhat',
            "ValueError: what",
        ),
        ("Keras 2 says: it failed. Exception encountered: ''what''", "ValueError: what"),
        (
            "<class 'Mine'> could not be deserialized properly.\n\nconfig={'a': 1}.\n\nException encountered: Error when"
            " deserializing class 'Mine' using config={}.\n\nException encountered: Mine() got a keyword argument 'b'",
            "ValueError: Mine() got a keyword argument 'b'",
        ),
        (TRACE, "ValueError: my own words"),
        ("in user code:\n\n    TypeError: what", "ValueError: what"),
        ("in user code:", "ValueError"),
        ("x" * 400, f"ValueError: {'x' * 300}"),
    ],
)
def test_the_gist_of_a_message(text: str, gist: str) -> None:
    assert first_line(ValueError(text)) == gist


def test_weights_of_another_model_are_told_by_their_shapes(keras: Any, tmp_path: Path) -> None:
    """Keras says first how many objects could not be loaded, and last all the numbers of the first."""
    for units in (3, 5):
        model = keras.Sequential([keras.Input((4, 2)), keras.layers.LSTM(units, name="lstm")])
        model.save(tmp_path / f"{units}.keras")
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as mixed:
        for name, units in (("config.json", 3), ("metadata.json", 3), ("model.weights.h5", 5)):
            with zipfile.ZipFile(tmp_path / f"{units}.keras") as archive:
                mixed.writestr(name, archive.read(name))
    with pytest.raises(RequestError) as caught:
        observe(load_spec(str(tmp_path / "m.keras")))
    assert "variable.shape=(2, 12), Received: value.shape=(2, 20)" in str(caught.value)
    assert "lstm_cell/kernel, shape=(2, 12), dtype=float32" in str(caught.value)
    assert "[[" not in str(caught.value)


def test_a_layer_that_is_called_on_other_shapes_says_which(keras: Any) -> None:
    layer = keras.layers.Dense(2, name="dense")
    layer(np.ones((1, 3)))
    with pytest.raises(
        RequestError, match="expected axis -1 of input shape to have value 3, but received input with shape"
    ):
        observe(layer, np.ones((1, 4)))
