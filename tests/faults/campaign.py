"""Everything at length: kills and errors, fuzzing, leaks; counts as JSON and a table for people.

python tests/faults/campaign.py --output DIR
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SCRIPTS = ("kills", "fuzz", "leaks")


def table(title: str, columns: list[str], rows: list[list[Any]]) -> str:
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return f"## {title}\n\n" + "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def words(folder: Path) -> str:
    """The counts that the scripts left in a folder, as tables."""
    parts = []
    if (path := folder / "kills.json").is_file():
        rows = [
            [
                one["trials"], one["tried"], one["broken"], one["equal"],
                ", ".join(f"{code}: {times}" for code, times in one["exit codes"].items()),
            ]
            for one in json.loads(path.read_text())
        ]  # fmt: skip
        columns = ["trials", "tried", "broken by it", "resumed and equal", "exit codes when broken"]
        parts.append(table("Kills and errors", columns, rows))
    if (path := folder / "fuzz.json").is_file():
        counts = json.loads(path.read_text())
        keys = ["inputs", "read", "refused", "fault"]
        rows = [[one["reader"], *(f"{one[key]:,}" for key in keys)] for one in counts]
        rows.append(["**all**", *(f"**{sum(one[key] for one in counts):,}**" for key in keys)])
        columns = ["reader", "inputs", "read", "refused by the documented error", "anything else"]
        parts.append(table("Damaged and forged inputs", columns, rows))
    if (path := folder / "leaks.json").is_file():
        for part, found in json.loads(path.read_text()).items():
            parts.append(
                table(f"Cells in one process, {part}", list(found[0]), [list(one.values()) for one in found])
            )
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--output", type=Path, required=True, help="folder for counts and tables")
    folder = options.parse_args(arguments).output
    folder.mkdir(parents=True, exist_ok=True)
    codes = [
        subprocess.call([sys.executable, HERE / f"{script}.py", "--json", folder / f"{script}.json"])
        for script in SCRIPTS
    ]
    (folder / "tables.md").write_text(words(folder))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
