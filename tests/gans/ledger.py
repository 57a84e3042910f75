"""The tables of docs/variants.md beside the variants: `python tests/gans/ledger.py` brings `ours` up to date.

A section `## NAME` is of the variant of that name. A row whose first cell is fields in backquotes
(`optimiser_g.lr`, `optimiser_d.lr`) states their value in the second cell, or, where they differ, their
values in that order; `batch size` is the default of the command line. Other rows nothing here can check.
"""

import re
from pathlib import Path

import gans

PAGE = Path(__file__).parents[2] / "docs" / "variants.md"
BATCH = "batch size"
UNKNOWN = "?"  # what a new field's other cells hold until somebody has looked them up
COLUMNS = 6

_FIELD = re.compile(r"`([^`]+)`")


def brought_up_to_date(text: str) -> str:
    """The page with `ours` as the code has it: rows of fields that are gone taken out, new ones added."""
    head, *sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    names = gans.names()
    known = [section for section in sections if title(section) not in names]
    kept = {title(section): section for section in sections if title(section) in names}
    made = [section_of(name, kept.get(name, f"## {name}\n\n{blank_table()}\n")) for name in names]
    return "".join([head, *made, *known]).rstrip("\n") + "\n"


def title(section: str) -> str:
    """What stands in a section's heading."""
    return section.splitlines()[0].removeprefix("## ").strip("` ")


def section_of(name: str, section: str) -> str:
    """One variant's section with its table's rows brought up to date."""
    values = gans.field_values(gans.get(name)) | {BATCH: str(gans.Settings().batch_size)}
    lines, left, last = [], dict(values), 0
    for line in section.splitlines():
        if (row := cells(line)) is not None and (fields := fields_of(row[0])):
            there = [field for field in fields if field in left]
            if not there:
                continue
            row[0] = ", ".join(f"`{field}`" for field in there) if there != [BATCH] else BATCH
            row[1] = stated([left.pop(field) for field in there])
            line = "| " + " | ".join(row) + " |"
        lines.append(line)
        if row is not None:
            last = len(lines)
    new = [
        f"| `{field}` | {stated([value])} |" + f" {UNKNOWN} |" * (COLUMNS - 2)
        for field, value in left.items()
    ]
    return "\n".join([*lines[:last], *new, *lines[last:]]).rstrip("\n") + "\n\n"


def cells(line: str) -> list[str] | None:
    """The cells of a table's row; None of anything else."""
    return [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else None


def fields_of(cell: str) -> list[str]:
    """The fields that a row is of."""
    return [BATCH] if cell == BATCH else _FIELD.findall(cell)


def stated(values: list[str]) -> str:
    """The second cell: one value where all agree."""
    return values[0] if len(set(values)) == 1 else ", ".join(values)


def blank_table() -> str:
    """The head of a new variant's table."""
    return "| setting | ours | paper | authors' code | elsewhere | why ours |\n" + "|---" * COLUMNS + "|"


if __name__ == "__main__":
    PAGE.write_text(brought_up_to_date(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
