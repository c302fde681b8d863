"""How large the page of a sweep of a thousand points is, and how long a browser takes until its first chart is drawn.

python -m benchmarks.page 9
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.table import Row, machine, seconds, show

PACKAGES = ("altair", "vl-convert-python", "playwright")
RESULT = Path(__file__).parent / "results" / "page.txt"
GRID = """
base: {N: 2, D: 3, K: 2}
grid:
  T: {range: [1, 11]}
  M: {range: [1, 26]}
  layer: [SimpleRNN, GRU]
  seed: [0, 1]
"""


def chromium() -> str:
    """The browser's path."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise SystemExit("benchmarks.page: expected Chromium on the PATH; install it, as by `apt install chromium`")
    return found


def opened(browser: Any, page: Path) -> float:
    """Seconds until the first chart is drawn."""
    tab = browser.new_page()
    started = time.perf_counter()
    tab.goto(page.as_uri())
    tab.locator("[data-over-axes] canvas").first.wait_for()
    took = time.perf_counter() - started
    tab.close()
    return took


def rows(rounds: int) -> Iterator[Row]:
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        (folder / "grid.yaml").write_text(GRID)
        page = folder / "page.html"
        run = [sys.executable, "-m", "rnnverify"]
        seconds([*run, "sweep", str(folder / "grid.yaml"), "--output", str(folder / "out"), "-q"])
        seconds([*run, "report", str(folder / "out"), "-o", str(page), "-q"])
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        took = [opened(browser, page) for _ in range(rounds)]
        browser.close()
        yield Row("the page of a sweep of 1000 points, in megabytes", [page.stat().st_size / 1e6], "below 5")
        yield Row("seconds until it shows its first chart", took, "at most 2")


if __name__ == "__main__":
    print(machine(PACKAGES))
    lines = show(rows(int(sys.argv[1]) if len(sys.argv) > 1 else 9))
    RESULT.write_text("\n".join(["python -m benchmarks.page", machine(PACKAGES), *lines]) + "\n")
