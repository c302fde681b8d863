"""Where a model's weights come from. Works on Keras's layers without importing Keras."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnverify.errors import DataError
from rnnverify.keras_model.data_files import reading
from rnnverify.keras_model.foreign import cells_of, is_foreign, is_stack, unique_names
from rnnverify.keras_model.weights_alone import ENDINGS, Wanted, read_hdf5
from rnnverify.keras_model.weights_file import arrays_at
from rnnverify.observation.arrays_file import DamagedError, open_arrays
from rnnverify.spec.arguments import LayerArguments
from rnnverify.spec.model import Spec, Weights
from rnnverify.text import cleaned

Array = npt.NDArray[Any]

BIAS_SCALE = 0.5  # standard deviation of the biases drawn at random: large enough that a lost one shows
# What normalizations, attentions and PReLU begin with does nothing: drawn in its place, around the middle and as far from it.
TRIVIAL = {
    **dict.fromkeys(("gamma", "moving_variance", "scale", "concat_score_weight"), (1.0, 0.5)),
    **dict.fromkeys(("beta", "moving_mean", "alpha"), (0.0, 0.5)),
}


def weight_names(layer: Any) -> list[str]:
    """Keras's own names, kernel, recurrent_kernel, bias; in a Bidirectional forward_kernel and so on."""
    if hasattr(layer, "forward_layer"):  # get_weights() gives the forward layer's first
        directions = {"forward": layer.forward_layer, "backward": layer.backward_layer}
        return [f"{direction}_{name}" for direction, inner in directions.items() for name in weight_names(inner)]
    if hasattr(layer, "layer") and not is_foreign(layer):
        return weight_names(layer.layer)
    if len(cells := cells_of(layer)) > 1 or (cells and is_stack(layer.cell)):
        return [f"cell_{index}_{name}" for index, cell in enumerate(cells) for name in weight_names(cell)]
    names = [weight.name for weight in layer.weights]
    if len(set(names)) < len(names):  # those of layers inside it, which has no other name for them: query/kernel
        names = ["_".join(weight.path.split("/")[-2:]) for weight in layer.weights]
    return [*unique_names(names)]  # and those of somebody's own class, which may give two weights one name


def weights_of(layer: Any) -> dict[str, Array]:
    """What `get_weights()` gives, by these names."""
    return dict(zip(weight_names(layer), layer.get_weights(), strict=True))


def set_weights(layers: Mapping[str, Any], spec: Spec) -> None:
    """Draw biases at random, scale kernels, or load a file, as the spec says.

    Raises:
        DataError: the file does not hold the model's weights.
    """
    if spec.weights == Weights(bias="keras"):
        return
    rng = np.random.default_rng([spec.seed, 2**16])  # a stream of its own beside those of the inputs
    loaded = read_weights(spec.weights.file, layers) if spec.weights.file else {}
    explicit = {layer.name: explicit_biases(layer.arguments) for layer in spec.layers}
    for name, layer in layers.items():
        weights = []
        for label, weight in zip(weight_names(layer), layer.get_weights(), strict=True):
            with np.errstate(over="ignore", invalid="ignore"):  # what is too large is refused below
                if loaded:
                    weight = loaded[f"{name}/{label}"].astype(weight.dtype)
                elif label.endswith("bias") and spec.weights.bias == "random" and label not in explicit.get(name, ()):
                    weight = (BIAS_SCALE * rng.standard_normal(weight.shape)).astype(weight.dtype)
                elif label in TRIVIAL and spec.weights.bias == "random":
                    start, spread = TRIVIAL[label]
                    weight = (start + spread * rng.uniform(-1, 1, weight.shape)).astype(weight.dtype)
                elif label.endswith("kernel"):
                    weight = weight * weight.dtype.type(spec.weights.scale)
            if not np.all(np.isfinite(weight)):
                origin = spec.weights.file or spec.path
                raise DataError(f"{origin}: weights: {name}/{label}: expected finite {weight.dtype}, got others")
            weights.append(weight)
        layer.set_weights(weights)
        if hasattr(layer, "finalize_state"):  # Normalization computes with what it has made of its weights
            layer.finalize_state()


def put_weights(layer: Any, file: Any, places: Sequence[str]) -> None:
    """Give a layer the weights that are at these places of a plain HDF5 file.

    Raises:
        DamagedError: they are not this layer's.
    """
    shapes = [tuple(weight.shape) for weight in layer.weights]
    try:
        arrays = arrays_at(file, places, weight_names(layer), shapes)
    except DamagedError as error:
        raise DamagedError(f"the weights of layer {layer.name!r}: {error}") from None
    if arrays:
        layer.set_weights(arrays)


def explicit_biases(given: LayerArguments) -> set[str]:
    """The biases for which the spec names an initializer, which it then keeps."""
    nested = {"forward_": getattr(given, "layer", None), "backward_": getattr(given, "backward_layer", None)}
    found = {"bias"} if "bias_initializer" in given.model_fields_set else set()
    cells = getattr(given, "cell", ())
    for index, cell in enumerate(cells if isinstance(cells, tuple) else [cells]):
        if "bias_initializer" in cell.arguments.model_fields_set:
            found.add(f"cell_{index}_bias" if isinstance(cells, tuple) else "bias")
    for prefix, inner in nested.items():
        if inner is not None and "bias_initializer" in inner.arguments.model_fields_set:
            found |= {"bias", f"{prefix}bias"}
            if nested["backward_"] is None:
                found.add("backward_bias")
    return found


def read_weights(path: str, layers: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays of a file, one for every weight: an .npz that names them layer/weight, as in the layer table, or Keras's .h5."""
    if path.lower().endswith(ENDINGS):
        shapes = {name: [tuple(weight.shape) for weight in layer.weights] for name, layer in layers.items()}
        kinds = {name: Wanted(type(one).__name__, weight_names(one), shapes[name]) for name, one in layers.items()}
        return read_hdf5(path, {name: wanted for name, wanted in kinds.items() if wanted.names})
    wanted = {
        f"{name}/{label}": weight.shape
        for name, layer in layers.items()
        for label, weight in zip(weight_names(layer), layer.get_weights(), strict=True)
    }
    with reading(path, "a .npz file of weights"), open_arrays(path) as file:
        if file.single:
            raise DataError(f"{path}: expected a .npz file with an array for each weight, got a single array")
        headers = {name: file.header(name) for name in file.names}
        got = {name: header.shape for name, header in headers.items()}
        if got != wanted:
            wrong = sorted(set(got.items()) ^ set(wanted.items()))[0][0]
            raise DataError(
                f"{path}: expected arrays named {shortened(wanted)}; {cleaned(wrong)}: expected shape"
                f" {wanted.get(wrong, 'none')}, got {got.get(wrong, 'none')}"
            )
        for name, header in headers.items():
            if header.dtype.kind not in "fiub":
                raise DataError(f"{path}: {name}: expected numbers, got an array of {header.dtype}")
        return {name: file.read(name) for name in file.names}


def shortened(names: Iterable[str]) -> str:
    text = cleaned(", ".join(names))
    return text if len(text) <= 300 else text[:297] + "..."
