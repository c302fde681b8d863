"""A notebook as a page: its cells one after the other, with what they gave.

`python -m docs.made.notebook` runs the notebook of the exercise, and keeps what its cells give.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

EXERCISE = Path(__file__).parents[1] / "see_if_we_can_replicate_it.ipynb"


def as_page(path: Path) -> str:
    """The notebook in Markdown."""
    notebook = nbformat.read(path, as_version=4)
    return "\n\n".join(part for cell in notebook.cells for part in parts_of(cell)) + "\n"


def parts_of(cell: Any) -> Iterator[str]:
    """A cell's text; of code also what it printed and gave."""
    if cell.cell_type == "markdown":
        yield cell.source
        return
    yield f"```python\n{cell.source}\n```"
    for output in cell.outputs:
        drawn = output.get("data", {}).get("text/html", "")
        if "<svg" in drawn:
            yield f'<div class="drawn" markdown="0">\n{drawn}\n</div>'
        else:
            yield f"```text\n{text_of(output).rstrip()}\n```"


def text_of(output: Any) -> str:
    """What a cell gave, as plain text."""
    return str(output.text if output.output_type == "stream" else output.data.get("text/plain", ""))


def executed(path: Path) -> Any:
    """The notebook with what its cells give now, and nothing of when and how long."""
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, kernel_name="python3", record_timing=False).execute()
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":  # what TensorFlow says on stderr is no result
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
    notebook.metadata["language_info"] = {"name": "python"}  # and not of which version
    return notebook


if __name__ == "__main__":
    nbformat.write(executed(EXERCISE), EXERCISE)
