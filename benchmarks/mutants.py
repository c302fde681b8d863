"""make mutants: are the tests such that a changed program would fail them?

    make mutants
    python -m benchmarks.mutants --share 0.2
    python -m benchmarks.mutants --report

mutmut makes thousands of copies of the functions of some modules, each with one small change, and runs the tests that call
that function on each: tests that need no Keras, since it takes seconds to load, and what it did was recorded. A mutant
that no test fails on survives. `survivors.txt` says of those why they may: a reason, and under it the mutants.

With --share only so many of each module's mutants are tried, drawn by lot, and more by the next run with a larger one. What
was killed is not tried again, as long as function and tests are the same (`make clean` forgets all). With --report only the
result is written anew. Not mutated are constants, tables, and what is decorated (properties, above all): mutmut changes the
bodies of functions.
"""

from __future__ import annotations

import argparse
import math
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.table import ROOT, machine

RESULT = Path(__file__).parent / "results" / "mutants.txt"
REASONS = Path(__file__).parent / "survivors.txt"
KILLED = ("killed", "timeout", "segfault")
NOT_TRIED = "not checked"
NO_REASON = "not explained"
SEED = 20261129


def results() -> Iterator[tuple[Path, dict[str, str]]]:
    """Each mutated file, and what became of its mutants, by their names."""
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.stats import status_by_exit_code
    from mutmut.utils.file_utils import walk_mutatable_files

    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        if data.exit_code_by_key:
            yield path, {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items()}


def drawn(names: Iterable[str], share: float) -> list[str]:
    """A share of some mutants, the same ones each time; a larger share has those of a smaller one in it."""
    shuffled = random.Random(SEED).sample(sorted(names), k=len(list(names)))
    return shuffled[: math.ceil(share * len(shuffled))]


def text_of(name: str, path: Path) -> str:
    """The function, and what was changed in it: `rounding.products.squared: made *= made -> made /= made`."""
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


def row(name: str, counts: Counter[str]) -> str:
    """How many mutants there are, how many of them were tried, and the share of those that was killed."""
    tried = counts.total() - counts[NOT_TRIED]
    killed = sum(counts[status] for status in KILLED)
    share = f"{killed / tried:.1%}" if tried else "-"
    return f"{name:<44}{counts.total():>9}{tried:>9}{killed:>9}{tried - killed:>9}{share:>9}"


def report(share: float) -> str:
    """A table of the mutants that were drawn, by module, and every survivor under the reason why it is one."""
    known, seen, others, alive = reasons(), {}, Counter(), defaultdict(list)
    for path, statuses in results():
        names = set(drawn(statuses, share))
        seen[str(path)] = Counter(statuses[name] for name in names)
        others.update(status for name, status in statuses.items() if name not in names)
        for name, status in statuses.items():
            if status not in (*KILLED, NOT_TRIED):
                text = text_of(name, path)
                alive[known.get(text, NO_REASON)].append(text)
    packages = ("mutmut", "numpy", "keras", "tensorflow", "pytest")
    lines = [f"python -m benchmarks.mutants --share {share:g}", machine(packages)]
    lines.append(f"{'':<44}{'mutants':>9}{'tried':>9}{'killed':>9}{'alive':>9}{'share':>9}")
    lines += [row(module, counts) for module, counts in seen.items()]
    lines.append(row("all that were drawn", sum(seen.values(), Counter())))
    if others:
        lines.append(row("all others", others))
    for reason, texts in alive.items():
        lines += ["", reason, *(f"    {text}" for text in texts)]
    return "\n".join(lines) + "\n"


def run(share: float) -> None:
    """Record what Keras does, and let mutmut make and try the mutants, one after the other."""
    subprocess.run([sys.executable, "-m", "tests.recorded"], cwd=ROOT, check=True)
    mutmut = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", "1"]
    if share < 1:
        if not any(results()):  # the first run makes all of them
            subprocess.run([*mutmut, "rnnverify.rounding.precision.*"], cwd=ROOT, check=True)
        mutmut += [name for _, one in results() for name in drawn(one, share) if one[name] not in KILLED]
    subprocess.run(mutmut, cwd=ROOT, check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants of each module")
    parser.add_argument("--report", action="store_true", help="write the result anew, of what was tried")
    given = parser.parse_args()
    if not given.report:
        run(given.share)
    RESULT.write_text(report(given.share))
    print(RESULT.read_text())
