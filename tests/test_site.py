"""The site: it is built strictly, of all pages, fetches nothing from anywhere, and is made without TensorFlow."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import yaml

import rnnverify
from docs.made import endings, measured
from docs.made.docstrings import apart
from docs.made.pages import filled, with_links
from docs.made.pictures import PICTURES, picture
from rnnverify.cli import main
from rnnverify.cli.check import EXIT_CODES
from rnnverify.cli.ending import BUG, CLOSED_PIPE, FINISHED, WRONG
from rnnverify.cli.interrupts import INTERRUPTED
from rnnverify.layers.registry import LAYERS
from rnnverify.mistakes import MISTAKES
from rnnverify.report.records import report_schema
from rnnverify.spec.keys import SpecKeys
from rnnverify.spec.ledger import ledger
from tests.pages import PAGES, ROOT
from tests.test_light import imported

FETCHED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "video": "src"}


class Fetching(HTMLParser):
    """What a page makes a browser fetch."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in FETCHED and (address := dict(attrs).get(FETCHED[tag])):
            self.found.add(address)


def test_the_site_is_built_without_a_warning_and_is_whole() -> None:
    done = subprocess.run([sys.executable, "-m", "docs"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "No issues found"), done.stdout + done.stderr
    site = ROOT / "build" / "site"
    built = {page.relative_to(site).with_suffix("").as_posix() for page in site.rglob("*.html")}
    pages = {page.removeprefix("docs/").removesuffix(".md") for page in PAGES if page != "README.md"}
    assert pages <= built
    named = set(
        re.findall(r"[\w/-]+(?=\.md)", yaml.safe_dump(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    )
    assert {page for page in built if not page.startswith("source/")} == named | {"404"}
    for page in site.rglob("*.html"):
        assert [one for one in Fetching(page).found if re.match(r"(https?:)?//", one)] == [], page
        assert "<!-- made:" not in page.read_text(), page
    for sheet in site.rglob("*.css"):
        assert re.findall(r"url\(['\"]?(?:https?:)?//[^)]*", sheet.read_text()) == [], sheet
    commands = (site / "reference" / "commands.html").read_text()
    assert all(f"Usage: rnnverify {command} " in commands for command in main.commands)
    python = (site / "reference" / "python.html").read_text()
    assert all(re.search(rf'id="rnnverify\.(results\.)?{name}"', python) for name in rnnverify.__all__)
    assert 'id="rnnverify.results.LayerResult"' in python
    assert "the largest residual over its limit; up to 1 passes" in python


def test_a_site_is_made_without_what_is_heavy(tmp_path: Path) -> None:
    stage = "from pathlib import Path; from docs.made.pages import stage; stage(Path('pages'))"
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {stage}"
    assert imported(code, tmp_path) <= {"altair", "jinja2", "vl_convert"}  # which draw
    assert (tmp_path / "pages" / "reference" / "layers.md").is_file()


def test_a_link_into_the_project_leads_to_a_page_of_it() -> None:
    linked: set[Path] = set()
    page = ROOT / "docs" / "reference" / "layers.md"
    text = "[a](../../rnnverify/layers/gru.py) [b](../index.md#x) [c](#d) [e](https://f.g) [h](../../none.py)"
    assert with_links(text, page, linked) == (
        "[a](../source/rnnverify/layers/gru.py.md) [b](../index.md#x) [c](#d) [e](https://f.g) [h](../../none.py)"
    )
    assert linked == {ROOT / "rnnverify" / "layers" / "gru.py"}


def test_the_readme_leads_to_pages_that_are_there() -> None:
    leads = re.findall(r"\]\(([^)#\s]+)", PAGES["README.md"])
    assert len(leads) > 20
    assert [lead for lead in leads if not (ROOT / lead).exists()] == []
    assert len(PAGES["README.md"].splitlines()) < 140  # a page


def test_the_reference_has_every_layer_key_field_and_exit_code() -> None:
    layers = filled("<!-- made: layers -->")
    assert re.findall(r"^### `(\w+)`$", layers, flags=re.MULTILINE) == list(LAYERS)
    for line in list(ledger())[2:]:
        assert all(said.strip() in layers for said in line.strip("|").split(" | ")[1:])
    keys = filled("<!-- made: spec -->")
    assert all(f"\n| `{key}` | " in keys for key in SpecKeys.model_fields)
    fields = filled("<!-- made: report -->")
    for part in report_schema()["$defs"].values():
        assert all(f"\n| `{field}` | " in fields for field in part.get("properties", ()))
    assert {FINISHED, WRONG, BUG, CLOSED_PIPE, INTERRUPTED, *EXIT_CODES.values()} == set(endings.MEANINGS)
    for code in endings.MEANINGS:
        assert f"**{code}**" in PAGES["docs/reference/commands.md"]


def test_the_gallery_has_every_mistake() -> None:
    gallery = filled("<!-- made: gallery -->")
    for one in MISTAKES:
        assert f"`{one.id}`" in gallery


def test_parameters_that_are_described_together_have_an_entry_each() -> None:
    text = "Args:\n    x: of it, and: so on.\n    a, b: both,\n        on two lines.\n    c: last.\n"
    each = "    a: both,\n        on two lines.\n    b: both,\n        on two lines.\n"
    assert apart(text) == text.replace("    a, b: both,\n        on two lines.\n", each)


def test_pictures_show_what_was_measured() -> None:
    assert len(measured.faults()) == 27
    assert measured.faults()[0] == ("SimpleRNN 8", "unit's output", 3.8e-7, 1.2e-5, 1.2e-5)
    assert measured.largest_residuals()["float32"]["Bidirectional"][0] == 7.08
    assert measured.end_to_end_rows()[2] == ("float32", 10.98, 0.56, 12)
    assert measured.engine_rows()[0] == ("ORT, tensorflow", 105, 6, 3)
    ends, steps = measured.runs()[4]
    assert ends.max() > 1 > 1e-5 > steps.max()
    for name in PICTURES:
        head, svg, said, _ = picture(name)
        assert head.startswith("<figure")
        assert svg.startswith('<svg role="img" aria-label="')
        assert "currentColor" in svg
        assert "#010203" not in svg
        assert said.startswith("<figcaption>")
