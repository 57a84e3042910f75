"""The table of a comparison, in Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass

from contestant import Contestant

from bench.medians import Timing, ratio_of


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Somebody who could not be timed."""

    name: str
    reason: str


def table(
    contestants: Mapping[str, Contestant],
    timings: Mapping[str, Timing],
    reference: str,
    missing: list[Missing],
) -> str:
    """One row a contestant, `reference`'s speed being 1; then how each was set, and in what it differs.

    Intervals are the 95 % ones of the medians over rounds; ± is half the range of the middle half of the
    rounds, relative to the median.
    """
    lines = [
        "| implementation | images/s | 95 % | middle half of the rounds | speed relative to ours | 95 % |",
        "|---|---|---|---|---|---|",
    ]
    for name, timing in timings.items():
        images = contestants[name].images_per_turn
        slow, fast = _per_image(timing.high_sec, images), _per_image(timing.low_sec, images)
        # Seconds of ours in those of theirs: their speed in ours, once the images are the same number.
        scale = images / contestants[reference].images_per_turn
        speed = ratio_of(timings[reference], timing)
        relative = f"{speed.ratio * scale:.3f} | {speed.low * scale:.3f} to {speed.high * scale:.3f}"
        if name == reference:
            relative = "1 | –"
        lines.append(
            f"| {name} | {_per_image(timing.median_sec, images):.1f} | {slow:.1f} to {fast:.1f} "
            f"| ± {_middle_half(timing):.1%} | {relative} |"
        )
    lines += [f"| {row.name} | could not be timed: {row.reason} | – | – | – | – |" for row in missing]
    lines.append("")
    for name in timings:
        lines.append(f"- {name}: {contestants[name].differs}. Settings: {contestants[name].settings}.")
    return "\n".join(lines)


def _per_image(seconds: float, images: float) -> float:
    return images / seconds if seconds else float("inf")


def _middle_half(timing: Timing) -> float:
    ordered = sorted(timing.seconds)
    quarter = len(ordered) // 4
    middle = ordered[quarter : len(ordered) - quarter]
    return (middle[-1] - middle[0]) / 2 / timing.median_sec
