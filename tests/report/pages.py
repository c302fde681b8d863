"""Pages to be tested: what they are made of, and what stands on them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from rnnverify import observe
from rnnverify.grids.grid import load_grid
from rnnverify.grids.points import verify_point
from rnnverify.grids.store import FORMAT
from rnnverify.observation import Observation
from rnnverify.report.page.document import page
from rnnverify.report.page.sections import sections_of
from rnnverify.report.records import line
from rnnverify.spec import spec_from_mapping

LSTM = {
    "N": 3,
    "T": 9,
    "D": 4,
    "M": 5,
    "K": 2,
    "layers": [{"LSTM": {"units": "M", "return_sequences": True}}, {"Dense": {"units": "K"}}],
}


class Page(HTMLParser):
    """What stands on a page, as a browser reads it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.verdicts: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("meta", "input", "br", "path", "rect", "link", "img"):
            return
        self.open.append(tag)
        if tag == "script":
            self.scripts.append("")
        elif tag == "p" and (dict(attrs).get("class") or "").startswith("verdict"):
            self.verdicts.append("")
        elif tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("path", "rect"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            self.scripts[-1] += data
            return
        if "style" in self.open:
            return
        self.text += data
        if self.verdicts and "p" in self.open and "header" in self.open:
            self.verdicts[-1] += data
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data

    @property
    def charts(self) -> list[dict[str, Any]]:
        """What is drawn, in the order in which it stands."""
        found: list[dict[str, Any]] = json.loads(self.scripts[self.data_scripts("charts")[0]])
        return found

    def data_scripts(self, key: str) -> list[int]:
        scripts = [attributes for tag, attributes in self.elements if tag == "script"]
        return [index for index, one in enumerate(scripts) if one.get("id") == key]


def page_of(*results: Any) -> Page:
    return Page(text_of(*results))


def text_of(*results: Any) -> str:
    return page([section for result in results for section in sections_of(result)])


def observed(mapping: dict[str, Any], name: str = "seen.yaml") -> Observation:
    made = observe(spec_from_mapping(mapping))
    return replace(made, asked=replace(made.asked, spec=name))


def with_wrong_weight(seen: Observation) -> Observation:
    """As if Keras had computed with another weight than it says: of the forget gate of unit 3."""
    first, *others = seen.nodes
    kernel = np.array(first.weights["recurrent_kernel"])
    kernel[1, 5 + 3] += 0.02
    return replace(seen, nodes=(replace(first, weights={**first.weights, "recurrent_kernel": kernel}), *others))


def gates_in_the_wrong_order(x: Any, weights: Any) -> Any:
    """Somebody's port, which takes c for f and f for c."""
    kernel, recurrent, bias = weights["lstm"]
    dense, beside = weights["dense"]
    h = c = np.zeros((len(x), len(recurrent)))
    made = []
    for t in range(x.shape[1]):
        i, new, f, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = c / (1 + np.exp(-f)) + np.tanh(new) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        made.append(h @ dense + beside)
    return np.stack(made, axis=1)


def write_sweep(folder: Path, axes: dict[str, Sequence[Any]], base: dict[str, Any], verdicts: Any = ()) -> Path:
    """The folder of a sweep over these axes, whose records are real ones of two of its points, with errors of their own.

    Args:
        verdicts: those of the first points, where they are not matches.
    """
    grid_file = folder / "grid.yaml"
    grid_file.write_text(json.dumps({"base": base, "grid": {key: list(values) for key, values in axes.items()}}))
    grid = load_grid(str(grid_file))
    points = list(grid.points())
    models = [verify_point(grid, points[0]), verify_point(grid, points[-1])]
    made = folder / "sweep"
    made.mkdir()
    about = {"format": FORMAT, "rnnverify": "0", **grid.description(), "started": "", "finished": None}
    (made / "sweep.json").write_text(json.dumps(about))
    chance = np.random.default_rng(5)
    with (made / "results.jsonl").open("w") as file:
        for number, point in enumerate(points):
            record = json.loads(line(models[number % 2])) | {"point": dict(point)}
            for output in record["outputs"]:
                output["max_abs_error"] *= float(chance.lognormal())
            for layer in record["layers"]:
                layer["worst_ratio"] = float(chance.uniform(0.05, 0.4))
            if number < len(verdicts):
                record["verdict"] = verdicts[number]
            file.write(line(record) + "\n")
    return made
