"""Pages in a browser without a screen: what a reader sees and does, and that nothing goes wrong while it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rnnverify
from tests.report.pages import LSTM, gates_in_the_wrong_order, observed, with_wrong_weight, write_sweep

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
FOUND = next((path for path in CHROMIUM if Path(path).exists()), None)
pytestmark = pytest.mark.skipif(FOUND is None, reason=f"no Chromium at {', '.join(CHROMIUM)}")

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
CHAOTIC = {"N": 2, "T": 90, "D": 3, "M": 24, "K": 2, "weights": {"scale": 4.0}}
AXES = {"T": list(range(1, 11)), "M": list(range(1, 26)), "layer": ["SimpleRNN", "GRU"], "seed": [0, 1]}
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">'\n\""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=FOUND, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each kind."""
    folder = tmp_path_factory.mktemp("pages")
    right = observed(LSTM)
    verdicts = ["match"] * 10 + ["mismatch", "untested"]
    what = {
        "match": rnnverify.verify(right, pictures=True),
        "mismatch": rnnverify.verify(with_wrong_weight(right), pictures=True),
        "chaotic": rnnverify.verify(observed(CHAOTIC), pictures=True),
        "port": rnnverify.compare(right, gates_in_the_wrong_order, pictures=True),
        "sweep": write_sweep(folder, AXES, {"N": 2, "D": 3, "K": 2}, verdicts),
        "hostile": rnnverify.verify(observed(LSTM, name=HOSTILE), pictures=True),
        "trace": rnnverify.trace(right),
    }
    made = {}
    for name, result in what.items():
        made[name] = folder / f"{name}.html"
        rnnverify.page(result, made[name])
    return made


@pytest.fixture
def opened(browser: Any, pages: dict[str, Path]) -> Iterator[Any]:
    """Opens a page, and in the end demands that its console stayed empty and that it asked for nothing."""
    contexts, troubles = [], []

    def open_page(name: str, viewport: Any = DESKTOP, scheme: str = "light") -> Any:
        context = browser.new_context(viewport=viewport, color_scheme=scheme, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith("file:") else troubles.append(request.url))
        page.goto(pages[name].as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


def drawn(page: Any) -> int:
    """Scroll through the page until all of its charts are drawn; how many there are."""
    plots = page.locator("[data-chart]:visible, [data-over-axes]:visible")
    for index in range(plots.count()):
        plots.nth(index).scroll_into_view_if_needed()
        plots.nth(index).locator("canvas").wait_for()
    return int(plots.count())


SAID = {
    "match": ("match", "every step is right within rounding"),
    "mismatch": ("mismatch", "forget gate: Keras"),
    "chaotic": ("match", "every step is right within rounding"),
    "port": ("mismatch", "candidate"),
    "sweep": ("mismatch", "1000 points: 998 match, 1 mismatch, 1 untested, 0 error"),
}


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_a_reader_sees_the_verdict_and_every_chart(opened: Any, name: str, viewport: Any, scheme: str) -> None:
    page = opened(name, viewport, scheme)
    verdict, says = SAID[name]
    assert page.locator(".verdict strong").first.inner_text() == verdict
    assert says in page.locator(".verdict span").first.inner_text()
    assert drawn(page) >= 2
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]  # nothing sticks out


def test_where_two_right_runs_part_is_said_and_drawn(opened: Any) -> None:
    page = opened("chaotic")
    assert "the two runs have parted" in page.locator("main").inner_text()
    assert drawn(page) > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_have_the_colours_of_the_page(opened: Any, scheme: str) -> None:
    page = opened("match", scheme=scheme)
    drawn(page)
    lightness = "getComputedStyle(document.body).backgroundColor"
    light = sum(map(int, page.evaluate(lightness)[4:-1].split(","))) > 380
    assert light == (scheme == "light")
    before = page.locator("canvas").first.evaluate("canvas => canvas.toDataURL()")
    page.emulate_media(color_scheme="dark" if scheme == "light" else "light")
    page.wait_for_function(
        "before => document.querySelector('canvas') && document.querySelector('canvas').toDataURL() !== before",
        arg=before,
    )


def test_a_chart_says_more_where_it_is_pointed_at(opened: Any) -> None:
    page = opened("match")
    drawn(page)
    chart = page.locator("[data-chart] canvas").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    page.mouse.move(box["x"] + box["width"] / 2 + 3, box["y"] + box["height"] / 3)
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    told = tooltip.inner_text()
    assert all(word in told for word in ("timestep", "unit", "of its limit"))


def column(page: Any, index: int) -> list[str]:
    return [str(text) for text in page.locator(f".all-points tbody tr:visible td:nth-child({index})").all_inner_texts()]


def test_a_table_of_a_thousand_points_sorts_both_ways_and_filters(opened: Any) -> None:
    page = opened("sweep")
    ratio = page.get_by_role("button", name="of limit")
    for down in (False, True):
        ratio.click()
        values = [float(text) for text in column(page, 3)]
        assert len(values) == 1000
        assert values == sorted(values, reverse=down)
    page.get_by_role("button", name="verdict").click()
    assert column(page, 2)[-2:] == ["mismatch", "untested"]
    page.get_by_label("verdict").select_option("mismatch")
    assert column(page, 2) == ["mismatch"]
    page.get_by_label("verdict").select_option("")
    page.get_by_label("find").fill("gru")
    assert "500 of 1,000 points" in page.locator("output").inner_text()
    assert set(column(page, 7)) == {"GRU"}


def test_axes_are_chosen_on_the_page(opened: Any) -> None:
    page = opened("sweep")
    drawn(page)
    before = page.locator("canvas").first.evaluate("canvas => canvas.toDataURL()")
    page.get_by_label("across").select_option("layer")
    page.get_by_label("down, and by colour").select_option("seed")
    page.get_by_label("show").select_option("residual over limit")
    page.wait_for_function(
        "before => document.querySelector('canvas') && document.querySelector('canvas').toDataURL() !== before",
        arg=before,
    )


def test_a_link_to_a_point_leads_to_its_command(opened: Any) -> None:
    page = opened("sweep")
    page.get_by_label("verdict").select_option("mismatch")
    page.evaluate("location.hash = '#point-997'")
    row = page.locator("#point-997")
    row.locator("code").wait_for()
    command = row.locator("code").inner_text()
    assert command.startswith("rnnverify run ")
    assert "--set T=10 --set M=25 --set layer=SimpleRNN --set seed=1" in command
    assert row.is_visible()  # though the filter would have hidden it


def test_a_thousand_points_stay_small(pages: dict[str, Path]) -> None:
    assert pages["sweep"].stat().st_size < 5_000_000  # how fast it opens is measured by benchmarks/page.py


def test_a_hostile_name_stays_a_name(opened: Any) -> None:
    page = opened("hostile")
    drawn(page)
    assert HOSTILE.replace("\n", "\\n") in page.locator("h1").inner_text()
    assert "owned" in page.title()  # as the name is in it, and
    assert page.title() != "owned"
    assert page.locator("img").count() == 0


def test_gates_are_drawn_a_panel_each(opened: Any) -> None:
    page = opened("trace")
    assert drawn(page) == 6
    assert page.locator("figcaption").all_inner_texts() == [
        "i input gate",
        "f forget gate",
        "c~ candidate",
        "o output gate",
        "c state",
        "h state",
    ]


def test_paper_is_white(browser: Any, pages: dict[str, Path], tmp_path: Path) -> None:
    """What was dark on the screen is drawn anew, and what was folded is shown."""
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(pages["match"].as_uri())
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--page').trim()") == "#ffffff"
    page.wait_for_function("[...document.querySelectorAll('[data-chart]')].every(plot => plot.dataset.drawn)")
    assert page.locator("details.folded:not([open])").count() == 0
    context.close()
