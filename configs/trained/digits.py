"""Train the model of configs/trained_digits.yaml: handwritten digits, read row by row, of which some rows are cut off.

    pip install scikit-learn
    python configs/trained/digits.py

The digits are those that scikit-learn ships: 1,797 images of 8 x 8 pixels by Alpaydin and Kaynak, "Optical Recognition of
Handwritten Digits", UCI Machine Learning Repository (1998), https://doi.org/10.24432/C50P49, licensed under CC BY 4.0. Each is a
sequence of 8 rows of 8 numbers from 0 to 1; from some the last rows are cut off, and Masking skips them. Written are
digits.keras, and digits.npy with 24 sequences that were not trained on.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_digits

HERE = Path(__file__).parent


def main() -> None:
    """Draw, train, tell how well it does, and save."""
    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(7)
    digits = load_digits()
    x = (digits.images / 16).astype("float32")
    for sequence, length in zip(x, rng.integers(5, 9, len(x)), strict=True):
        sequence[length:] = 0
    held_out = rng.permutation(len(x))[:300]
    trained = np.setdiff1d(np.arange(len(x)), held_out)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8), name="rows"),
            layers.Masking(name="masking"),
            layers.Bidirectional(layers.LSTM(12, return_sequences=True), name="both_ways"),
            layers.LayerNormalization(name="normalized"),
            layers.Dropout(0.2, name="dropout"),
            layers.GRU(16, name="gru"),
            layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[trained], digits.target[trained], epochs=40, batch_size=32, verbose=2)
    _, accuracy = model.evaluate(x[held_out], digits.target[held_out], verbose=0)
    print(f"right on {accuracy:.1%} of {len(held_out)} digits that were not trained on")
    model.save(HERE / "digits.keras")
    np.save(HERE / "digits.npy", x[held_out[:24]])


if __name__ == "__main__":
    main()
