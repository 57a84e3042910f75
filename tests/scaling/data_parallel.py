"""How far several processes are from one, for every variant: results/published/scaling/data-parallel.csv.

    python tests/scaling/data_parallel.py --output results/published/scaling

Small networks on made-up images, batch 16, by Gloo on a CPU; 16 samples among 3 processes are uneven shares.
Each number is the largest absolute difference from one process over all weights, optimiser states and running
statistics after so many steps, and over all monitors. `ranks` counts tensors that differ in a bit between
the processes of one training.
"""

import argparse
import csv
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "gans"))

import torch
from gloo import in_float64, together
from test_processes import PENALISED, trained_plainly
from tiny import VARIANTS, bits

NAMES = (*VARIANTS, PENALISED)


def in_either(with_others: object, steps: int) -> dict:
    """What both arithmetics come to."""
    return {
        "float32": trained_plainly(with_others, NAMES, steps),
        "float64": in_float64(trained_plainly, with_others, NAMES, steps),
    }


def differences(alone: dict, ranks: list[dict]) -> tuple[float, float, int]:
    """Largest difference of the state and of the monitors, and how many tensors differ between ranks."""
    state, records = alone
    shared, shared_records = ranks[0]
    largest = max(
        float((shared[key].double() - tensor.double()).abs().max())
        for key, tensor in state.items()
        if tensor.is_floating_point() and tensor.numel()
    )
    monitors = max(
        abs(one[name] - other[name])
        for one, other in zip(records, shared_records, strict=True)
        for name in one
        if name != "training_sec" and one[name] == one[name]  # NaN: the variant has none
    )
    apart = sum(bits(rank[0][key]) != bits(shared[key]) for rank in ranks[1:] for key in shared)
    return largest, monitors, apart


def main(arguments: list[str]) -> int:
    """Measure and write the table."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--output", type=Path, required=True)
    options.add_argument("--steps", type=int, default=10)
    asked = options.parse_args(arguments)
    alone = in_either(None, asked.steps)
    rows = []
    for count in (2, 3):
        with tempfile.TemporaryDirectory() as folder:
            ranks = together(Path(folder) / "meet", count, in_either, asked.steps)
        for precision in ("float32", "float64"):
            for name in NAMES:
                of_each = [rank[precision][name] for rank in ranks]
                state, monitors, apart = differences(alone[precision][name], of_each)
                rows.append((name, count, precision, asked.steps, f"{state:.1e}", f"{monitors:.1e}", apart))
                print(*rows[-1], flush=True)
    asked.output.mkdir(parents=True, exist_ok=True)
    with (asked.output / "data-parallel.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("variant", "processes", "arithmetic", "steps", "state", "monitors", "ranks"))
        writer.writerows(rows)
    print(f"torch {torch.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
