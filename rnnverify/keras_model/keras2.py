"""A model's config as Keras 2 wrote it, in the words of Keras 3. It says what to make; `allowed` decides whether that is made.

Nothing is refused here but what means something that Keras 3 has no word for: the rest is left as it stands, and judged there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rnnverify.keras_model.allowed import LAYERS, MODELS
from rnnverify.keras_model.flattening import Member, flattened, has_models, is_leaf, leaves, leaves_of, members
from rnnverify.keras_model.operations_of_keras_2 import operation_of
from rnnverify.keras_model.plain import Plain, shown
from rnnverify.keras_model.words_of_keras_2 import CLASSES, FUNCTIONS, IMPLIED, OPTIONS, at_home, off, without_effect
from rnnverify.observation.arguments import TENSOR

VERSION = re.compile(r"[012]\.[\w.+-]{1,24}")
WALKING = {"SimpleRNN", "LSTM", "GRU", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional"}


def version_of_keras_2(text: Any) -> str | None:
    """The version that a file says it was saved with, if that is no Keras 3."""
    found = VERSION.fullmatch(text) if isinstance(text, str) else None
    return found[0] if found else None


@dataclass
class Translation(Plain):
    """Of one model; `names` are those of its layers, as they are in the file and as they will be."""

    version: str
    names: dict[str, str] = field(default_factory=dict)
    layers: tuple[Member, ...] = ()  # those in the file

    def model(self, config: Any) -> Any:
        """The config of a whole model, in Keras 3's words."""
        if self.version.startswith(("0.", "1.")):
            self.unsupported(
                f"a model of Keras {self.version}, of which only 2 and 3 are read; load it with Keras 2, and save it anew"
            )
        if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
            return config
        self.layers = members(config)
        if has_models(config):
            config = flattened(config)
        name, inner = CLASSES.get(config["class_name"], config["class_name"]), config.get("config")
        if isinstance(inner, list):  # before Keras 2.2.3
            inner = {"layers": inner}
        if name not in MODELS or not isinstance(inner, dict) or not isinstance(inner.get("layers"), list):
            return config
        entries = [one for one in inner["layers"] if isinstance(one, dict)]
        if len(entries) < len(inner["layers"]):
            return config
        self.name_all(named(one) for one in entries)
        made: dict[str, Any] = {"name": self.free(str(inner.get("name") or name.lower()), set())}
        if name == "Sequential":
            made |= self.sequential(entries, inner.get("build_input_shape") or built_with(config))
        else:
            made["layers"] = [self.entry(one) for one in entries]
            made |= {key: self.renamed(inner.get(key)) for key in ("input_layers", "output_layers")}
        return {**self.part(config, name, made), "module": MODELS[name] if at_home(config) else config.get("module")}

    def check_backend(self, backend: Any) -> None:
        """Refuse convolutions that Theano computed: their kernels stand the other way round."""
        if turned := [one.name for one in leaves_of(self.layers) if "Conv" in one.class_name and backend == "theano"]:
            self.unsupported(f"layer {turned[0]!r}: a convolution saved by Keras on Theano; save it anew on TensorFlow")

    def sequential(self, entries: list[dict[str, Any]], shape: Any) -> dict[str, Any]:
        """The layers in a row; Keras 2 may say in the first of them what comes in."""
        made = [self.layer(one) for one in entries]
        first = entries[0].get("config") if entries else None
        if isinstance(first, dict) and entries[0]["class_name"] != "InputLayer":
            if (given := shape_in(first)) is not None:
                dtype = first.get("dtype") or "float32"
                name = self.free(f"{made[0]['config'].get('name')}_input", set(self.names.values()))
                inner = {"batch_shape": given, "dtype": dtype, "name": name}
                made.insert(0, self.part({"class_name": "InputLayer"}, "InputLayer", inner))
            elif shape is not None:
                return {"layers": made, "build_input_shape": shape}
        return {"layers": made}

    def entry(self, entry: dict[str, Any]) -> dict[str, Any]:
        """A layer in a graph, with its calls."""
        name = self.renamed(named(entry))
        if (operation := operation_of(entry, lambda leaf: tensor([self.renamed(leaf[0]), *leaf[1:]]))) is not None:
            return {**operation, "name": name, "config": {**operation["config"], "name": name}}
        made, calls = self.layer(entry), entry.get("inbound_nodes")
        name = CLASSES.get(entry["class_name"], entry["class_name"]) if isinstance(entry.get("class_name"), str) else ""
        if isinstance(calls, list):
            calls = [self.called(call, name) if isinstance(call, list) else call for call in calls]
        return {**made, "name": self.renamed(named(entry)), "inbound_nodes": calls}

    def called(self, call: list[Any], class_name: str) -> Any:
        """What a layer is called on: in Keras 2 a list of [layer, call, output, options]."""
        given = list(self.tensors_in(call))
        if not given:
            return call
        first, *others = given
        options = {
            key: self.argument(value) for one in leaves(call) for key, value in options_of(one) if value is not None
        }
        if others and class_name in WALKING:  # states to start from are written as further inputs
            return {"args": [first], "kwargs": {"initial_state": others, **options}}
        return {"args": [given if others else first], "kwargs": options}

    def tensors_in(self, call: list[Any]) -> Iterator[dict[str, Any]]:
        for name, *history in leaves(call):
            yield tensor([self.renamed(name), *history[:2]])

    def argument(self, value: Any) -> Any:
        """An option of a call, which may be tensors."""
        if is_leaf(value):
            return tensor([self.renamed(value[0]), *value[1:3]]) if value[0] in self.names else value
        if isinstance(value, list):
            return [self.argument(one) for one in value]
        return value

    def layer(self, part: Any) -> Any:
        """A layer, and those inside it."""
        if not isinstance(part, dict) or not isinstance(part.get("class_name"), str):
            return part
        own, inner = str(part["class_name"]), part.get("config")
        name = CLASSES.get(own, own)
        if not isinstance(inner, dict) or name in MODELS:
            return part
        made: dict[str, Any] = dict(IMPLIED.get(own, {}))
        for key, value in inner.items():
            left_out = off(name, key)
            if left_out is not None and not any(value is one for one in left_out):
                title = f"layer {shown(inner.get('name'))!r}"
                self.unsupported(f"{title}: {key}={shown(value)} is not implemented, only {key}={left_out[-1]} is")
            if name == "InputLayer" and key == "batch_input_shape":
                made["batch_shape"] = value
            elif left_out is None and not without_effect(name, key):
                made[OPTIONS.get((name, key), key)] = self.value(key, value, name)
        return self.part(part, name, made)

    def value(self, key: str, value: Any, class_name: str) -> Any:
        """The value of an option of a layer."""
        if key in ("layer", "backward_layer", "cell"):
            return self.layer(value)
        if key == "cells" and isinstance(value, list):
            return [self.layer(one) for one in value]
        if key == "name":
            return self.renamed(value)
        if key.endswith("activation") and isinstance(value, str):
            return FUNCTIONS.get(value, value)
        if isinstance(value, dict) and value.keys() == {"type", "value"} and value["type"] == "ndarray":
            return value["value"]  # some numbers were NumPy's
        if key == "axis" and class_name == "BatchNormalization" and isinstance(value, list) and len(value) == 1:
            return value[0]
        return value

    def part(self, part: dict[str, Any], name: str, config: dict[str, Any]) -> dict[str, Any]:
        """A part with Keras 3's names for it."""
        module = LAYERS if at_home(part) else part.get("module")
        made = {"module": module, "class_name": name, "config": config, "registered_name": None}
        number = part.get("shared_object_id")
        return made if number is None else {**made, "shared_object_id": number}

    def name_all(self, names: Iterator[Any]) -> None:
        """Give each layer the name that it will have: Keras 3 takes none with a slash."""
        given = [name for name in names if isinstance(name, str)]
        taken = {name for name in given if "/" not in name}
        for name in given:
            self.names[name] = name if name in taken else self.free(name, taken)
            taken.add(self.names[name])

    def free(self, name: str, taken: set[str]) -> str:
        """A name like this one that no other layer has."""
        made = name.replace("/", "_")
        while made in taken:
            made += "_"
        return made

    def renamed(self, value: Any) -> Any:
        """A name, or a list or mapping with names in it, as they will be."""
        if isinstance(value, str):
            return self.names.get(value, value)
        if isinstance(value, list):
            return [self.renamed(one) for one in value]
        return {key: self.renamed(one) for key, one in value.items()} if isinstance(value, dict) else value


def named(entry: Mapping[str, Any]) -> Any:
    """The name of a layer in a graph or a list."""
    inner = entry.get("config")
    return entry.get("name") or (inner.get("name") if isinstance(inner, dict) else None)


def shape_in(config: Mapping[str, Any]) -> Any:
    """The shape of what comes into a layer, which may be said of the one inside it."""
    inner = config.get("layer")
    own = inner.get("config") if isinstance(inner, dict) else None
    return config.get("batch_input_shape") or (own.get("batch_input_shape") if isinstance(own, dict) else None)


def built_with(config: Mapping[str, Any]) -> Any:
    """The shape that a model was built with, which a .keras file keeps beside its config."""
    given = config.get("build_config")
    return given.get("input_shape") if isinstance(given, dict) else None


def tensor(history: list[Any]) -> dict[str, Any]:
    """One output of one call of a layer; what else is said of it nobody reads."""
    return {"class_name": TENSOR, "config": {"shape": [None], "dtype": "float32", "keras_history": history}}


def options_of(leaf: list[Any]) -> Iterator[tuple[str, Any]]:
    if len(leaf) == 4 and isinstance(leaf[3], dict):
        yield from leaf[3].items()
