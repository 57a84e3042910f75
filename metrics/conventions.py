"""Named protocols: score one pile of images as another project would, to be compared with its figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from metrics.errors import MetricError, nearest_or_all
from metrics.parzen import GOODFELLOW_GRID, WIDE_GRID

Split = Literal["test", "train", "train+validation"]


@dataclass(frozen=True, kw_only=True)
class Convention:
    """What a named protocol decides; the defaults are this project's own."""

    summary: str
    """Whose figures it reproduces, in a line."""
    metrics: frozenset[str] | None = None
    """The metrics that it defines; None for all."""
    preprocessing: str | None = None
    """Whose preprocessing a published network gets, as `load_extractor` takes it; None: its own."""
    split: Split = "test"
    """The real split that is compared with, where the real data are a data set."""
    is_splits: int = 10
    """Splits of the Inception score."""
    kid_subsets: tuple[int, int] | None = None
    """Number and size of KID's subsets; None for the full U-statistic."""
    k: int = 5
    """Nearest neighbours that make the balls of precision, recall, density and coverage."""
    inclusive: bool = False
    """Whether a sample on a ball's surface lies in it: decides between 0 and 1 where all are equal."""
    sigma_grid: tuple[float, ...] = GOODFELLOW_GRID
    """The σ that a Parzen window chooses from."""
    sigma_rule: str = "best of 10 values of logspace(-1, 0)"
    """The same in words."""


DEFAULT_CONVENTION = "gan-bench"

CONVENTIONS: Mapping[str, Convention] = {
    DEFAULT_CONVENTION: Convention(
        summary="our own: torch-fidelity's FID and IS, KID's full U-statistic, k = 5, Parzen windows of 2014"
    ),
    "torch-fidelity": Convention(
        summary="torch-fidelity 0.4: KID of 100 subsets of 1,000; precision and recall with k = 3 and ≤",
        metrics=frozenset({"fid", "is", "kid", "precision", "recall"}),
        preprocessing="torch-fidelity",
        kid_subsets=(100, 1000),
        k=3,
        inclusive=True,
    ),
    "pytorch-fid": Convention(
        summary="pytorch-fid 0.3: bilinear without antialiasing",
        metrics=frozenset({"fid"}),
        preprocessing="pytorch-fid",
    ),
    "torchmetrics": Convention(
        summary="torchmetrics 1.9: antialiased bilinear, KID of 100 subsets of 1,000",
        metrics=frozenset({"fid", "is", "kid"}),
        preprocessing="torchmetrics",
        kid_subsets=(100, 1000),
    ),
    "clean-fid": Convention(
        summary="clean-fid 0.1: Pillow's bicubic on floats, KID of 100 subsets of 1,000",
        metrics=frozenset({"fid", "kid"}),
        preprocessing="clean-fid",
        kid_subsets=(100, 1000),
    ),
    "studiogan": Convention(
        summary="PyTorch-StudioGAN's tables: against all training images, Pillow's bilinear, IS of 1 split",
        metrics=frozenset({"fid", "is", "precision", "recall", "density", "coverage"}),
        preprocessing="studiogan",
        split="train+validation",
        is_splits=1,
    ),
    "goodfellow2014": Convention(
        summary="Goodfellow et al. 2014: Parzen windows, σ of 10 values, never widened",
        metrics=frozenset({"parzen"}),
    ),
    "wide-parzen": Convention(
        summary=f"Parzen windows whose σ is the best of {len(WIDE_GRID)} values over three decades",
        metrics=frozenset({"parzen"}),
        sigma_grid=WIDE_GRID,
        sigma_rule=f"best of {len(WIDE_GRID)} values of logspace(-2, 1)",
    ),
}
"""Named protocols, this project's own first."""


def convention_of(name: str) -> Convention:
    """Return the named protocol `name`.

    Raises
    ------
    MetricError
        If there is none, with the nearest name.
    """
    if name not in CONVENTIONS:
        raise MetricError(f"there is no protocol '{name}': {nearest_or_all(name, CONVENTIONS)}")
    return CONVENTIONS[name]
