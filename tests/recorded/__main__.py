"""python -m tests.recorded: have Keras run the models, and write down what it did."""

from __future__ import annotations

import os
from pathlib import Path

from rnnverify import observe, save_observation
from rnnverify.keras_model.session import load_keras
from rnnverify.keras_model.settings import quiet
from tests.recorded.models import MODELS, with_weights
from tests.recorded.observations import folder


def record(into: Path) -> None:
    """Write a file for each model; the folder is there once all of them are."""
    with quiet():
        keras = load_keras()
    made = into.with_name(f"{into.name}.{os.getpid()}")
    made.mkdir(parents=True)
    for name, build in MODELS.items():
        keras.utils.clear_session()
        model, x = build(keras)
        save_observation(observe(with_weights(name, model), x), str(made / f"{name}.npz"))
    if into.exists():  # somebody else was faster
        return
    made.rename(into)


if __name__ == "__main__":
    if not folder().exists():
        record(folder())
