"""What a saved model may have Keras make: layers with a replay, connected; nothing else, under whatever name.

Keras joins the module and the class name of a part, and makes what it finds under both together: a `layers.Lambda` of `keras` is
a Lambda. So these are told apart here as there, and the config is written anew from what is on the list. That one is loaded.
Where weights came from, and what training was held to, is left out: it has no effect on a model that has its weights.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from rnnverify.keras_model import unreplayed
from rnnverify.keras_model.inert import INERT
from rnnverify.keras_model.origin import in_package, is_foreign, own_name
from rnnverify.keras_model.plain import DEEPEST, NOT_CONNECTED, Plain, is_dtype, shown
from rnnverify.observation.arguments import PREFIX
from rnnverify.spec.graph import MOST_LAYERS

MODELS = {
    "Sequential": "keras",
    "Functional": "keras.src.models.functional",
    "Model": "keras",
}  # and where Keras has them
LAYERS = "keras.layers"
# What the masks in a model are made with: Keras writes these operations into the graph by itself.
OPERATIONS = ("keras.src.ops.numpy", "keras.src.ops.nn", "keras.src.ops.core")
MASKING = {"Any", "Cast", "Concatenate", "ExpandDims", "LogicalOr", "NotEqual", "OnesLike", "ZerosLike"}
MOST_ENTRIES = 5 * MOST_LAYERS  # such operations among them
MOST_MODELS = 10  # within each other
ACTIVATION_LAYERS = {"ELU", "LeakyReLU", "ReLU", "Softmax"}  # that may be given as an activation

WITHOUT = "end the model before it, or put layers of Keras's in its place, and save that"
INSTEAD = "put one of Keras's own in its place, and save the model anew"


@dataclass
class Allowed(Plain):
    """Makes a config anew; `known` are the classes of layers that have a replay."""

    known: Collection[str]
    shared: dict[Any, Any] = field(default_factory=dict)  # layers that stand in several places, by Keras's number
    layers: int = 0
    calls: int = 0
    opaque: Collection[str] = ()  # layers that are taken as given, by name or class; or all

    def model(self, config: Any, depth: int = 0) -> dict[str, Any]:
        """The config of a whole model, or of one inside it.

        Raises:
            RequestError: it is none.
            UnsupportedError: there is something in it that is not on the list.
        """
        if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
            self.no_model()
        module, name = config.get("module"), config["class_name"]
        if own := own_name(config) or (name if module is None and name.rpartition(".")[2] not in MODELS else None):
            self.unsupported(
                f"expected a Sequential or functional model, got {shown(own)}, a class of your own, whose code no file holds;"
                " save keras.Model(x, model.call(x)), with x = keras.Input(...), or name a function that returns it (`model:"
                " module:function` in a spec, with --allow-code)"
            )
        package, name = self.resolved(config, "the model")
        inner = config.get("config")
        if name not in MODELS or not in_package(package, "keras.models", "keras.src.models", "keras"):
            self.no_model()
        if not isinstance(inner, dict) or not isinstance(inner.get("layers"), list):
            self.no_model()
        entries = inner["layers"]
        layers = [one for one in entries if not (isinstance(one, dict) and ".ops" in str(one.get("module")))]
        self.layers += len(layers)
        if self.layers > MOST_LAYERS or len(entries) > MOST_ENTRIES:
            self.refuse(f"expected at most {MOST_LAYERS} layers, got {self.layers}")
        if depth > MOST_MODELS:
            self.refuse(f"expected models at most {MOST_MODELS} deep within each other")
        made: dict[str, Any] = {"name": self.name(inner.get("name", name.lower()))}
        if name == "Sequential":
            made["layers"] = [self.layer(entry, top=True, depth=depth) for entry in entries]
            if inner.get("build_input_shape") is not None:
                made["build_input_shape"] = self.shape(inner["build_input_shape"])
        else:
            made["trainable"] = bool(inner.get("trainable", True))
            made["layers"] = [self.entry(entry, depth) for entry in entries]
            made |= {key: self.references(inner.get(key)) for key in ("input_layers", "output_layers")}
            names = [entry["name"] for entry in made["layers"]]
            if len(set(names)) < len(names):
                self.damaged("two of its layers have the same name")
        return self.part(config, MODELS[name], name, made)

    def entry(self, entry: Any, depth: int) -> dict[str, Any]:
        """A layer or an operation in a graph, with its calls."""
        if not isinstance(entry, dict) or not isinstance(entry.get("inbound_nodes"), list):
            self.damaged(NOT_CONNECTED)
        self.calls += len(entry["inbound_nodes"])
        if self.calls > MOST_ENTRIES:
            self.refuse(f"expected at most {MOST_ENTRIES} calls of layers")
        made = self.operation(entry) if ".ops" in str(entry.get("module")) else self.layer(entry, True, depth)
        calls = [self.call(call) for call in entry["inbound_nodes"]]
        return {**made, "name": self.name(entry.get("name")), "inbound_nodes": calls}

    def layer(self, part: Any, top: bool = False, depth: int = 0, given: bool = False) -> dict[str, Any]:
        """A layer; an input, too, if it stands at the top; `given` is one inside a layer that is taken as given."""
        if not isinstance(part, dict) or not isinstance(part.get("class_name"), str) or depth > DEEPEST:
            self.damaged("expected a layer, with its class_name and config")
        inner = part.get("config")
        named = (inner.get("name") if isinstance(inner, dict) else None) or part.get("name")
        title = "a layer" if named is None else f"layer {shown(named)!r}"
        if own := own_name(part):
            self.unsupported(
                f"{title}: {shown(own)} is a class of your own, whose code no file holds, and which has no replay; {WITHOUT}"
            )
        package, name = self.resolved(part, title)
        if name in MODELS:
            if not top:
                self.unsupported(f"{title}: a model inside a wrapper is not implemented; call it without one")
            return self.model(part, depth + 1)
        given = given or unreplayed.is_asked_for(self.opaque, named, name)
        known = name in self.known or (top and name == "InputLayer") or (given and name in unreplayed.LAYERS)
        if not known or not in_package(package, LAYERS, "keras.src.layers"):
            full = name if package in ("", LAYERS) else f"{package}.{name}"
            if name == "Lambda":
                self.unsupported(
                    f"{title}: the class {shown(full)} has no replay: {unreplayed.FROM_MEMORY}; or {WITHOUT}"
                )
            masks = "; an .h5 file does not hold the masks of a model: save it as .keras" if full in MASKING else ""
            step = unreplayed.as_given(shown(named), full, unreplayed.LAYERS if top else ())
            replays = ", ".join(sorted(self.known))
            self.unsupported(f"{title}: the class {shown(full)} has no replay{step}{masks}; those that have: {replays}")
        if not isinstance(inner, dict):
            self.damaged(f"{title} has no config")
        made = {self.key(key): self.argument(key, value, name, title, depth, given) for key, value in inner.items()}
        made["name"] = self.name(inner.get("name"))
        if name in unreplayed.LAYERS:
            unreplayed.check_sizes(f"{self.path}: {title}", made)
        return self.part(part, LAYERS, name, made)

    def argument(self, key: str, value: Any, class_name: str, title: str, depth: int, given: bool) -> Any:
        """One argument of a layer of this class, which is called by its title in messages."""
        for ending, (package, names, instead) in INERT.items():
            if key.endswith(ending):
                if isinstance(value, dict):
                    self.check_part(f"{title}: {key}", value, package, names)
                return instead
        if (
            key in ("layer", "backward_layer", *(("cell",) if given or class_name == "RNN" else ()))
            and value is not None
        ):
            return self.layer(value, depth=depth + 1, given=given)
        if key == "cells" and (given or class_name == "StackedRNNCells"):
            return [self.layer(one, False, depth + 1, given) for one in self.items(value)]
        if key.endswith("activation") and isinstance(value, dict):
            return self.function(value, title, depth)
        if key == "batch_shape":
            return self.shape(value)
        if key == "dtype":
            return self.dtype(value, class_name, title)
        if key in ("input_shape", "input_tensor", "shape", "weights") or key.startswith(("lora", "quantization")):
            if value is not None:
                self.unsupported(f"the option {key!r} of a saved {class_name} is not implemented")
            return None
        return self.plain(value)

    def check_part(self, title: str, part: dict[str, Any], package: str, names: set[str]) -> None:
        """Refuse an initializer, say, that is not one of Keras's."""
        given, name = self.resolved(part, title)
        if name not in names or not in_package(given, package, package.replace("keras.", "keras.src.")):
            got = shown(f"{given}.{name}".lstrip("."))
            self.unsupported(f"{title}: expected one of Keras's own, got {got}; {INSTEAD}")
        self.plain(part.get("config"))

    def function(self, part: dict[str, Any], title: str, depth: int) -> Any:
        """An activation that is given as a function, by its name, or as one of a few layers."""
        if part.get("class_name") in (None, "__lambda__"):
            self.unsupported(f"{title}: the activation is a function of Python code, which is never run; {INSTEAD}")
        if part["class_name"] != "function":
            made = self.layer(part, depth=depth + 1)
            if made["class_name"] in ACTIVATION_LAYERS:
                return made
            kind = shown(part.get("class_name"))
            self.unsupported(f"{title}: the activation given as a layer, {kind}, is not implemented; {INSTEAD}")
        self.resolved(part, f"{title}: the activation")
        return self.name(part.get("config"))

    def dtype(self, value: Any, class_name: str, title: str) -> Any:
        """A precision, by its name."""
        if isinstance(value, dict):
            _, name = self.resolved(value, f"{title}: dtype")
            inner = value.get("config")
            if name not in ("DTypePolicy", "Policy") or not isinstance(inner, dict):
                self.unsupported(f"the dtype policy {shown(name)} is not implemented")
            value = inner.get("name")
        if value is None:
            return None
        if class_name == "InputLayer" and not is_dtype(value):
            self.unsupported(f"expected an input of numbers, got one of {shown(value)}")
        return self.name(value)

    def operation(self, entry: dict[str, Any]) -> dict[str, Any]:
        """An operation outside any layer: one that masks are made with, or that has a replay."""
        package, name = self.resolved(entry, shown(entry.get("name")))
        asked = name in unreplayed.OPERATIONS and unreplayed.is_asked_for(self.opaque, entry.get("name"), name)
        home = next((one for one in OPERATIONS if package.endswith(one.removeprefix("keras.src"))), OPERATIONS[0])
        if not in_package(package, "keras.src.ops", "keras.ops") or not (
            name in MASKING or PREFIX + name in self.known or asked
        ):
            step = unreplayed.as_given(shown(entry.get("name")), name, unreplayed.OPERATIONS)
            self.unsupported(
                f"{shown(entry.get('name'))!r} is a Keras operation ({shown(name)}) outside any layer, which has no replay{step};"
                " end the model before it, or use a layer that does the same"
            )
        inner = entry.get("config")
        if not isinstance(inner, dict):
            self.damaged(f"the operation {shown(entry.get('name'))!r} has no config")
        made = {self.key(key): self.plain(value) for key, value in inner.items()}
        return self.part(entry, home, name, {**made, "name": self.name(entry.get("name"))})

    def part(self, part: dict[str, Any], package: str, name: str, config: dict[str, Any]) -> dict[str, Any]:
        """A part made anew, with a module if it had one: Keras takes the two for different formats."""
        made: dict[str, Any] = {"class_name": name, "config": config}
        if part.get("module") is not None:
            made = {"module": package, **made, "registered_name": None}
        number = part.get("shared_object_id")
        if type(number) is int and package in (LAYERS, *MODELS.values()):
            if self.shared.setdefault(number, made) != made:
                self.damaged("two layers that should be one are not the same")
            made = {**made, "shared_object_id": number}
        return made

    def resolved(self, part: Mapping[str, Any], title: str) -> tuple[str, str]:
        """Where Keras looks for a class or function, and under which name: what stands behind the last point of both."""
        module, name = part.get("module"), part.get("class_name")
        if not isinstance(name, str) or not isinstance(module, str | None):
            self.damaged("expected a class_name, and a module or none, as texts")
        full = f"{module}.{name}" if module else name
        if is_foreign(module):
            self.unsupported(f"{title}: expected one of Keras's own, got {shown(full)}; {INSTEAD}")
        package, _, name = full.rpartition(".")
        return package, name

    def no_model(self) -> NoReturn:
        self.refuse(f"expected a saved model, {' or '.join(MODELS)}, got something else")
