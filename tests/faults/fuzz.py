"""Hand damaged and hostile inputs to every reader, and count what becomes of them.

    python tests/faults/fuzz.py --inputs 2000 --json fuzz.json

The only right outcomes are success and the documented error; every other one is listed with the first
input that had it, and the exit code is 1.
"""

import argparse
import collections
import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

# Before torch and Arrow start threads, which a fork would lack.
os.environ |= {"OMP_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}

from caged import Outcome, outcomes
from fuzz_readers import READERS, Reader


def examine(reader: Reader, n: int, seed: int, keep: Path | None) -> dict[str, Any]:
    """Counts by kind of outcome, and the faults: what, how often, the first input."""
    rng = random.Random(f"{seed} {reader.name}")
    valid = reader.valid()
    inputs = valid + [reader.mutate(valid, rng) for _ in range(n)]
    faults: dict[tuple[str, str], list[Outcome]] = collections.defaultdict(list)
    kinds: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder  # made when torch's optimisers are first imported
        for outcome in outcomes(
            reader.read, reader.documented, inputs, Path(folder), memory_bytes=reader.memory_bytes
        ):
            kinds["fault" if outcome.is_fault else outcome.kind] += 1
            if outcome.is_fault:
                faults[outcome.kind, outcome.detail.partition(" ")[0]].append(outcome)
        os.chdir("/")
    listed = []
    for (kind, _), found in faults.items():
        first = min(found, key=lambda outcome: len(inputs[outcome.index]))
        listed.append({"kind": kind, "detail": first.detail, "times": len(found), "index": first.index})
        if keep is not None:
            (keep / f"{reader.name.split(',')[0].replace(' ', '-')}-{first.index}").write_bytes(
                inputs[first.index]
            )
    counts = {kind: kinds[kind] for kind in ("read", "refused", "fault")}
    return {"reader": reader.name, "inputs": len(inputs), **counts, "faults": listed}


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--inputs", type=int, default=2000, help="mutations a reader (default 2000)")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--readers", nargs="*", default=None, help="beginnings of names (default all)")
    options.add_argument(
        "--slow-share",
        type=float,
        default=0.1,
        help="of the inputs, for readers that take a tenth of a second or more",
    )
    options.add_argument("--json", type=Path, help="write the counts there")
    options.add_argument("--keep", type=Path, help="a folder for inputs with another outcome")
    asked = options.parse_args(arguments)
    json_path, keep = (None if path is None else path.resolve() for path in (asked.json, asked.keep))
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    found = []
    for reader in READERS:
        if asked.readers is not None and not reader.name.startswith(tuple(asked.readers)):
            continue
        slow = "report" in reader.name or reader.name == "command lines"
        n = round(asked.inputs * asked.slow_share) if slow else asked.inputs
        if n == 0:
            continue
        found.append(examine(reader, n, asked.seed, keep))
        one = found[-1]
        print(
            f"{one['reader']}: {one['inputs']} inputs, {one['read']} read, {one['refused']} refused",
            flush=True,
        )
        for fault in one["faults"]:
            print(
                f"    {fault['times']} × {fault['kind']} (first {fault['index']}): {fault['detail']}",
                flush=True,
            )
    if json_path is not None:
        json_path.write_text(json.dumps(found, indent=1) + "\n")
    return 1 if any(one["fault"] for one in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
