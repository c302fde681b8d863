"""Build the site: `python -m docs`, or `make docs`. It ends in build/site/index.html, and fails on whatever is not right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from docs.made.pages import ROOT, stage

PAGES = Path("build/pages")  # what mkdocs.yml names as docs_dir


def build() -> int:
    """Write out every page, and have Zensical make the site of them: strictly, so that a warning is an error."""
    stage(ROOT / PAGES)
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    done = subprocess.run(command, cwd=ROOT, text=True, stderr=subprocess.PIPE)
    sys.stderr.write(done.stderr)
    # What reads the docstrings only warns where one of them does not fit its function.
    return done.returncode or (1 if "griffe:" in done.stderr else 0)


if __name__ == "__main__":
    sys.exit(build())
