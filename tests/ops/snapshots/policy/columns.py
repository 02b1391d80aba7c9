"""Labeled columns of well-known kinds of schemas, and the precision and recall of the classifier on them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.snapshots.policy.classifier.classes import NONE, REVIEW
from ops.snapshots.policy.classifier.classify import classify
from ops.snapshots.policy.classifier.column import Column

FOLDER = Path(__file__).parents[3] / "data" / "columns"


@dataclass(frozen=True)
class Labeled:
    """A column and its class, as a person judged it; `schema` and `language` are those of its database."""

    schema: str
    language: str
    column: Column
    label: str


def read(part: str) -> list[Labeled]:
    """Read a part of the columns: `development` or `held_back`. The files document their format."""
    labeled = []
    schema = language = table = ""
    for line in (FOLDER / f"{part}.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        if line.startswith("["):
            schema, language = line.strip("[]").split()
        elif "|" in line:
            name, type_, label, *values = line.split("|", 3)
            samples = tuple(value for value in "".join(values).split(";") if value)
            labeled.append(Labeled(schema, language, Column(table, name, type_, values=samples), label))
        elif line:
            table = line
    return labeled


def judged(labeled: Sequence[Labeled]) -> Iterator[tuple[str, str]]:
    """Yield (label, class) for every column. Every schema is classified on its own."""
    for schema in dict.fromkeys(item.schema for item in labeled):
        items = [item for item in labeled if item.schema == schema]
        for item, verdict in zip(items, classify([item.column for item in items]), strict=True):
            yield item.label, verdict.cls


@dataclass(frozen=True)
class Score:
    """How many columns of a class there are, and the shares of hits among those found and those there are."""

    columns: int
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def scores(part: str) -> dict[str, Score]:
    """Return the score of each class, and of `personal`: any class but none. A review counts as personal."""
    pairs = list(judged(read(part)))
    hits = Counter(label for label, cls in pairs if label == cls)
    there, found = Counter(label for label, _ in pairs), Counter(cls for _, cls in pairs)
    result = {
        cls: Score(there[cls], hits[cls] / found[cls] if found[cls] else 1.0, hits[cls] / there[cls])
        for cls in sorted(there)
    }
    both = sum(label != NONE != cls for label, cls in pairs)
    personal = len(pairs) - there[NONE]
    result["personal"] = Score(personal, both / (len(pairs) - found[NONE]), both / personal)
    return result


def table() -> str:
    """Return the scores of both parts as the table of the guide."""
    parts = [scores("development"), scores("held_back")]
    names = [*sorted({name for part in parts for name in part} - {"personal", REVIEW}), "personal"]
    lines = [
        "| class | columns | precision | recall | held back: columns | precision | recall |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in names:
        shown = "any class but `none`" if name == "personal" else f"`{name}`"
        cells = [_cells(part.get(name)) for part in parts]
        lines.append(f"| {shown} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(score: Score | None) -> str:
    return f"{score.columns} | {score.precision:.2f} | {score.recall:.2f}" if score else "0 | – | –"
