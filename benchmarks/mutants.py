"""make mutants: are the tests such that a changed program would fail them?

    make mutants
    python -m benchmarks.mutants --report

mutmut makes thousands of copies of the functions of some modules, each with one small change, and runs the tests that call
that function on each: tests that need no Keras, since it takes seconds to load, and what it did was recorded. A mutant
that no test fails on survives. `survivors.txt` says of those why they may: a reason, and under it the mutants.

With --report only the result of the last run is written anew. Not mutated are constants, tables, and what is decorated
(properties, above all): mutmut changes the bodies of functions.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.table import ROOT, machine

RESULT = Path(__file__).parent / "results" / "mutants.txt"
REASONS = Path(__file__).parent / "survivors.txt"
KILLED = ("killed", "timeout", "segfault")
NO_REASON = "not explained"


class Mutant(NamedTuple):
    """What became of one, and what it is: `rounding.products.squared: made *= made -> made /= made`."""

    module: str
    status: str
    name: str
    text: str


def mutants() -> Iterator[Mutant]:
    """Those of the last run."""
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.stats import status_by_exit_code
    from mutmut.utils.file_utils import walk_mutatable_files

    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        for name, code in data.exit_code_by_key.items():
            status = status_by_exit_code[code]
            yield Mutant(str(path), status, name, "" if status in KILLED else text_of(name, path))


def text_of(name: str, path: Path) -> str:
    """The function, and what was changed in it."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.utils.format_utils import mangled_name_from_mutant_name, orig_function_and_class_names_from_key

    function, of_class = orig_function_and_class_names_from_key(name)
    module = mangled_name_from_mutant_name(name).rpartition(".")[0].removeprefix("rnnverify.")
    lines = get_diff_for_mutant(name, path=path).splitlines()
    before, after = (
        " ".join(line[1:].strip() for line in lines if line.startswith(sign) and not line.startswith(3 * sign))
        for sign in "-+"
    )
    return f"{'.'.join(filter(None, (module, of_class, function)))}: {before} -> {after}"


def reasons() -> dict[str, str]:
    """Why a mutant may survive, by its text."""
    found, reason = {}, NO_REASON
    for line in REASONS.read_text().splitlines():
        if line.startswith(" "):
            found[line.strip()] = reason
        elif line:
            reason = line
    return found


def table(seen: Mapping[str, Counter[str]]) -> Iterator[str]:
    """The mutants of each module, and the share of them that were killed."""
    yield f"{'module':<44}{'mutants':>9}{'killed':>9}{'survived':>9}{'untested':>9}{'share':>9}"
    for module, counts in seen.items():
        killed = sum(counts[status] for status in KILLED)
        survived, untested = counts["survived"], counts["no tests"]
        share = f"{killed / counts.total():.1%}"
        yield f"{module:<44}{counts.total():>9}{killed:>9}{survived:>9}{untested:>9}{share:>9}"


def report() -> str:
    """The table, and every survivor under the reason why it is one."""
    known, seen, alive = reasons(), defaultdict(Counter), defaultdict(list)
    for one in mutants():
        seen[one.module][one.status] += 1
        if one.status not in KILLED:
            alive[known.get(one.text, NO_REASON)].append(one.text)
    seen["all"] = sum(seen.values(), Counter())
    lines = ["make mutants", machine(("mutmut", "numpy", "keras", "tensorflow", "pytest")), *table(seen)]
    for reason, texts in alive.items():
        lines += ["", reason, *(f"    {text}" for text in texts)]
    return "\n".join(lines) + "\n"


def run() -> None:
    """Record what Keras does, and let mutmut make and try the mutants, one after the other."""
    subprocess.run([sys.executable, "-m", "tests.recorded"], cwd=ROOT, check=True)
    mutmut = Path(sys.executable).with_name("mutmut")
    subprocess.run([str(mutmut), "run", "--max-children", "1"], cwd=ROOT, check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--report", action="store_true", help="write the result of the last run anew")
    if not parser.parse_args().report:
        run()
    RESULT.write_text(report())
    print(RESULT.read_text())
