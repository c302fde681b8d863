"""The gallery of the known mistakes: what was done, how it shows itself, how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import groupby

from docs.made.symptoms import Symptom, read
from rnnverify.mistakes import MISTAKES, Mistake

RECURRENT = ("SimpleRNN", "LSTM", "GRU", "Bidirectional", "ConvLSTM1D", "RNN")
UNSEEN = "Only chance shows it: it gives what the right mathematics does but for numbers that happen to be equal."


def gallery() -> Iterator[str]:
    """A section for each family of mistakes, in the order of the catalogue."""
    symptoms = dict(read())
    for room, mistakes in groupby(MISTAKES, key=home):
        yield from (f"## {room}", "")
        families: dict[str, list[Mistake]] = {}
        for one in mistakes:
            families.setdefault(one.family, []).append(one)
        for family, members in families.items():
            yield from section(family, members, symptoms)


def home(mistake: Mistake) -> str:
    """What the file is about in which it stands."""
    says = str(import_module(f"rnnverify.mistakes.{FILES[mistake.id]}").__doc__)
    return says.splitlines()[0].partition(":")[0].rstrip(".")


def section(family: str, members: list[Mistake], symptoms: dict[str, Symptom]) -> Iterator[str]:
    """One mistake as a list; several of one family as a table."""
    first, *others = members
    yield from (f"### `{family if others else first.id}`", "")
    if not others:
        yield from (f"{sentence(first.says)}", "")
        yield f"- **How it shows itself:** {shown(symptoms.get(first.id))}"
    else:
        yield "| | what was done | how it shows itself |"
        yield "|---|---|---|"
        for one in members:
            mend = "" if one.mend == first.mend else f" **To mend it:** {sentence(one.mend)}"
            yield f"| `{one.id}` | {cell(sentence(one.says) + mend)} | {cell(shown(symptoms.get(one.id)))} |"
        yield ""
    yield f"- **To mend it:** {sentence(first.mend)}"
    found = dict.fromkeys(layer for one in members if one.id in symptoms for layer in symptoms[one.id].layers)
    if found:
        yield f"- **Where:** {placed(list(found))}"
    if seen := ", ".join(dict.fromkeys(one.seen for one in members if one.seen)):
        yield f"- **Seen in:** {seen}"
    yield ""


def shown(symptom: Symptom | None) -> str:
    """What becomes of the outputs, and where it cannot be seen."""
    if symptom is None:
        return UNSEEN
    parts = [symptom.samples]
    if symptom.off is None:
        parts = [symptom.samples if "shape" in symptom.samples else "outputs are not numbers any more"]
    elif symptom.timesteps.startswith("at "):
        parts = [f"{symptom.samples}, {symptom.timesteps}"]
    elif symptom.timesteps:
        parts += [f"over time it is {symptom.timesteps}".replace("it is only", "only")]
    said = [sentence("; ".join(parts))]
    if symptom.off is not None:
        model = symptom.model.replace(", ", " + ")
        said += [f"In {model} it is off by up to {symptom.off:.2g}, where outputs reach {symptom.reach:.2g}."]
    said += [f"**Hidden** if {one}." for one in symptom.hidden]
    return " ".join(said)


def placed(layers: list[str]) -> str:
    """The layers in which it can be made."""
    if set(RECURRENT) <= set(layers):
        others = [f"`{one}`" for one in layers if one not in RECURRENT]
        return ", ".join(["every recurrent layer", *others])
    return ", ".join(f"`{one}`" for one in layers)


def sentence(words: str) -> str:
    """With a capital, unless a name or code comes first, and a full stop."""
    start = words[0].upper() if words[:2].isalpha() else words[0]
    return f"{start}{words[1:].rstrip('.')}."


def cell(words: str) -> str:
    return words.replace("|", "\\|")


def files_by_id() -> dict[str, str]:
    """In which file of the room each mistake stands."""
    from pkgutil import iter_modules

    from rnnverify import mistakes

    found: dict[str, str] = {}
    for module in iter_modules(mistakes.__path__):
        for value in vars(import_module(f"rnnverify.mistakes.{module.name}")).values():
            if isinstance(value, tuple) and module.name != "catalogue":
                found.update({one.id: module.name for one in value if isinstance(one, Mistake)})
    return found


FILES = files_by_id()
