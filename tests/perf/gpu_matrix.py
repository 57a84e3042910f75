"""What a GPU is asked when one is at hand, in under eight minutes.

    python tests/perf/gpu_matrix.py --output matrix            # on a CUDA device
    python tests/perf/gpu_matrix.py --output matrix --small    # the same way, tiny, on a CPU

1. DCGAN 64 × 64 × 3, batch 128: the trainer's modes beside pytorch/examples' algorithm, eager, in that code's
   own defaults (cuDNN's TF32 on), in turns: `beside-plain.md`.
2. `bench.throughput`: DCGAN, batch 128, in every compile mode; then every variant at 64 and 32 pixels, batch
   64, 256 and 1024, in every precision, first eager, then captured: `table.md`, and the rows in `store`.

What the time does not suffice for is recorded as `timeout`; the same command goes on with it.
"""

import argparse
import sys
import time
from pathlib import Path

import torch
from beside_plain_loops import beside_plain, header, line

import gans
import results
from bench import throughput
from bench.plain_table import plain_table

MODES = (
    *("fp32/off", "tf32/off", "amp-bf16/off"),
    *("fp32/cudagraphs", "amp-bf16/cudagraphs", "amp-bf16/max-autotune"),
)
SMALL_MODES = ("fp32/off", "amp-bf16/off")
SMALL = ["--set", "ngf=4", "--set", "ndf=4", "--set", "hidden_g=16", "--set", "hidden_d=16", "--rounds", "6"]


def main() -> int:
    """Run both parts; returns 1 if some cell failed or was not reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=440.0, help="begin nothing new after that")
    parser.add_argument("--small", action="store_true", help="on a CPU, to see that it works")
    options = parser.parse_args()
    if not options.small and not torch.cuda.is_available():
        print("error: There is no CUDA device on this machine; --small tries it on a CPU.", file=sys.stderr)
        return 2
    start = time.monotonic()
    options.output.mkdir(parents=True, exist_ok=True)
    beside = options.output / "beside-plain.md"
    if not beside.exists():
        beside.write_text(compare_with_plain(options.small))
    print(beside.read_text())

    store, codes = options.output / "store", []
    for arguments in stages(options.small):
        left = options.seconds - (time.monotonic() - start)
        limit = ["--time-limit", f"{max(left, 1e-3):.3f}", "--output", str(store)]
        codes.append(throughput.main([*arguments, *limit]))
    table, caption = results.compact_throughput_table(results.load(store))
    (options.output / "table.md").write_text(f"```\n{plain_table(table)}\n\n{caption}\n```\n")
    print(f"{time.monotonic() - start:.0f} s")
    return max(codes)


def compare_with_plain(small: bool) -> str:
    """The first part, as a Markdown table."""
    device, batch, rounds = ("cpu", 8, 8) if small else ("cuda", 128, 60)
    lines = [header()]
    for mode in SMALL_MODES if small else MODES:
        try:
            found, batch = beside_plain("dcgan", mode, rounds, device=device, batch=batch)
            lines.append(line("dcgan", mode, found, batch))
        except Exception as error:  # one mode that fails must not cost the others
            lines.append(f"| `dcgan` | {mode} | {type(error).__name__}: {str(error).splitlines()[0]} |")
    return "\n".join(lines) + "\n"


def stages(small: bool) -> list[list[str]]:
    """Command lines of bench.throughput, the most telling first."""
    everything = ["--variants", ",".join(gans.names()), "--dataset", "synthetic"]
    if small:
        tiny = ["--image-size", "16", "--batch-sizes", "8", "--precision", "fp32,amp-bf16"]
        return [[*everything, *tiny, "--device", "cpu", *SMALL]]
    precisions = ["--precision", ",".join(gans.PRECISIONS)]
    sizes = [["--image-size", size, "--batch-sizes", "64,256,1024"] for size in ("64", "32")]
    dcgan = ["--variants", "dcgan", "--dataset", "synthetic", "--image-size", "64", "--batch-sizes", "128"]
    fast = ["--precision", "fp32,amp-bf16", "--compile", "off,default,cudagraphs,max-autotune"]
    return [
        [*dcgan, *fast],
        *([*everything, *size, *precisions] for size in sizes),
        *([*everything, *size, *precisions, "--compile", "off,cudagraphs"] for size in sizes),
    ]


if __name__ == "__main__":
    sys.exit(main())
