"""Statistics of a reference's features, saved and shared as `.npz`.

A file has the keys ``mu`` and ``sigma`` of pytorch-fid, so that each reads the other's, ``n``, and, of
ours, ``gan_bench``: JSON that says which extractor made them, of what. ``features`` are there
if they were asked for.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from metrics.atomic import replacing
from metrics.errors import MetricError
from metrics.npz import Npz

STATISTICS_FORMAT = 1
"""Version of the file's format; a change by which an older reader would go wrong raises it."""

# Of the largest entry: sums rounded to float32 (6e-8 each) stay within it; what does not is no covariance.
_ASYMMETRY = 1e-5


class DescribedExtractor(Protocol):
    """What has to be known of an extractor to tell whether it made these features."""

    name: str
    sha256: str
    dim: int
    outputs: str
    resize: str
    grayscale: str
    value_range: str
    dtype: str

    @property
    def key(self) -> str:
        """SHA-256 over all of these that decide the features."""
        ...


@dataclass(frozen=True, kw_only=True)
class StatisticsMetadata:
    """Everything that decides what the statistics are."""

    extractor: str
    """Its name."""
    extractor_sha256: str
    """Of its weights, 64 hex digits."""
    extractor_key: str
    """Of all that decides the features, 64 hex digits."""
    outputs: str
    resize: str
    grayscale: str
    value_range: str
    dtype: str
    reference: str
    """Name of the pile, such as ``"cifar10/train@1a2b3c4d5e6f"``."""
    content_sha256: str
    """`content_sha256` of the pile."""
    n: int
    """Number of images."""

    @classmethod
    def of(
        cls, extractor: DescribedExtractor, *, reference: str, content_sha256: str, n: int
    ) -> "StatisticsMetadata":
        """Return what describes features that `extractor` makes of a pile."""
        return cls(
            extractor=extractor.name,
            extractor_sha256=extractor.sha256,
            extractor_key=extractor.key,
            outputs=extractor.outputs,
            resize=extractor.resize,
            grayscale=extractor.grayscale,
            value_range=extractor.value_range,
            dtype=extractor.dtype,
            reference=reference,
            content_sha256=content_sha256,
            n=n,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistics:
    """Mean and covariance of a reference's features, and who made them of what."""

    mean: Tensor
    """float64 (d,)."""
    covariance: Tensor
    """float64 (d, d), unbiased, symmetric."""
    n: int | None
    """Number of images; None if the file, somebody else's, does not say."""
    metadata: StatisticsMetadata | None = None
    """None of a file that is not ours."""
    features: Tensor | None = None
    """float32 (n, d), where they are kept."""

    @property
    def dim(self) -> int:
        """Number of features d."""
        return len(self.mean)

    @property
    def caveat(self) -> str | None:
        """What weakens every score made with them, as a clause; None if nothing does."""
        if self.metadata is not None:
            return None
        unknown = "which extractor made the reference statistics, nor of which images"
        return f"nothing says {unknown}{'' if self.n else ', nor of how many'}"

    def matches(self, extractor: DescribedExtractor) -> None:
        """See that features of `extractor` may be compared with these; of a foreign file, as far as it says.

        Raises
        ------
        MetricError
            If not; it names what differs.
        """
        if self.dim != extractor.dim:
            raise MetricError(
                f"the reference statistics have {self.dim} features, "
                f"and {extractor.name} makes {extractor.dim}"
            )
        if self.metadata is None:
            return
        here = StatisticsMetadata.of(extractor, reference="", content_sha256="", n=0)
        pairs = {
            words: (getattr(self.metadata, field), getattr(here, field)) for field, words in _COMPARED.items()
        }
        differences = [
            f"{words} {there} (here: {mine})" for words, (there, mine) in pairs.items() if there != mine
        ]
        if differences:
            raise MetricError(f"the reference statistics were made with {'; '.join(differences)}")


_COMPARED = {
    "extractor": "the extractor",
    "extractor_sha256": "weights",
    "outputs": "the layers",
    "resize": "the resize",
    "grayscale": "the gray rule",
    "value_range": "values",
    "dtype": "the precision",
    "extractor_key": "the key",
}


def is_statistics_file(path: Path) -> bool:
    """Whether an `.npz` holds statistics, not images; raises MetricError if it is damaged."""
    return path.suffix.lower() == ".npz" and {"mu", "sigma"} <= set(Npz(path).keys)


def save_statistics(path: str | Path, statistics: Statistics) -> None:
    """Write statistics so that `path` holds either the old file or the whole new one.

    Takes 8 d² + 8 d bytes (33.6 MB at d = 2,048) and 4 bytes a kept feature. The file is not
    compressed, so that features can be mapped.

    Raises
    ------
    MetricError
        If it cannot be written, does not end in .npz, or the statistics do not fit together.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise MetricError(f"statistics are saved in a file that ends in .npz, not {path}")
    _check(statistics, f"what is to be saved as {path}")
    arrays: dict[str, Any] = {"mu": statistics.mean.numpy(), "sigma": statistics.covariance.numpy()}
    if statistics.n is not None:
        arrays["n"] = np.int64(statistics.n)
    if statistics.features is not None:
        arrays["features"] = statistics.features.numpy()
    if statistics.metadata is not None:
        described = {"format": STATISTICS_FORMAT, **asdict(statistics.metadata)}
        arrays["gan_bench"] = np.array(json.dumps(described, sort_keys=True))
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def load_statistics(path: str | Path) -> Statistics:
    """Read what `save_statistics`, pytorch-fid or guided-diffusion wrote.

    The statistics of a foreign file have no `metadata`: who uses them records `caveat` with the score.

    Raises
    ------
    MetricError
        If the file is not there, damaged, or holds no statistics; if they are not finite, or do not
        fit together; or if it is a pickle, which could run any code.
    """
    path = Path(path)
    if not path.is_file():
        raise MetricError(f"there is no file of statistics {path}")
    if path.suffix.lower() != ".npz":
        raise MetricError(
            f"statistics are read from .npz alone, and not from {path}: "
            "a pickle (.pkl, .pt) could run any code, so save its mean and covariance as mu and sigma"
        )
    npz = Npz(path)
    missing = [key for key in ("mu", "sigma") if key not in npz.keys]
    if missing:
        raise MetricError(f"{path} holds no statistics: there is no {' and no '.join(missing)} in it")
    metadata = _metadata(npz) if "gan_bench" in npz.keys else None
    loaded = Statistics(
        mean=_floats(npz, "mu", 1, torch.float64),
        covariance=_symmetric(_floats(npz, "sigma", 2, torch.float64), npz.what("sigma")),
        n=_n(npz),
        metadata=metadata,
        features=_floats(npz, "features", 2, torch.float32) if "features" in npz.keys else None,
    )
    _check(loaded, str(path))
    return loaded


def _symmetric(covariance: Tensor, what: str) -> Tensor:
    """Even out a square matrix that is symmetric up to rounding; bit for bit the same if it is."""
    if covariance.shape[0] != covariance.shape[1] or torch.equal(covariance, covariance.T):
        return covariance
    off = float((covariance - covariance.T).abs().max() / covariance.abs().max())
    if off > _ASYMMETRY:
        raise MetricError(f"{what} must be symmetric, and is off by {off:.1e} of its largest entry")
    return (covariance + covariance.T) / 2


def _floats(npz: Npz, key: str, ndim: int, dtype: torch.dtype) -> Tensor:
    header = npz.header(key)
    if header.dtype.kind != "f" or len(header.shape) != ndim or 0 in header.shape:
        raise MetricError(
            f"{npz.what(key)} must hold floats along {ndim} axes, got {header.dtype} of shape {header.shape}"
        )
    array = np.array(npz.array(key), dtype=np.float64 if dtype == torch.float64 else np.float32, order="C")
    tensor = torch.from_numpy(array)
    if not torch.isfinite(tensor).all():
        raise MetricError(f"{npz.what(key)} must be finite, got NaN or infinity")
    return tensor


def _n(npz: Npz) -> int | None:
    if "n" not in npz.keys:
        return None
    header = npz.header("n")
    if header.dtype.kind not in "iu" or header.shape not in ((), (1,)):
        raise MetricError(f"{npz.what('n')} must be one integer, got {header.dtype} of shape {header.shape}")
    return int(npz.array("n").reshape(-1)[0])


def _metadata(npz: Npz) -> StatisticsMetadata:
    header = npz.header("gan_bench")
    try:
        if header.dtype.kind != "U" or header.shape != ():
            raise ValueError("it is no text")
        described = json.loads(str(npz.array("gan_bench")[()]))
        version = described.pop("format")
        if version != STATISTICS_FORMAT:
            raise MetricError(
                f"{npz.path} is of format {version}, and this version of gan-bench reads {STATISTICS_FORMAT}"
            )
        metadata = StatisticsMetadata(**described)
        if any(type(value) is not (int if name == "n" else str) for name, value in vars(metadata).items()):
            raise ValueError("a field is of another type")
    except MetricError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise MetricError(f"{npz.path} does not say in a way that can be read who made it") from error
    return metadata


def _check(statistics: Statistics, what: str) -> None:
    """Raise MetricError unless shapes, dtypes and counts fit together, and variances are not negative."""
    d = statistics.mean.shape[0] if statistics.mean.ndim == 1 else 0
    if not d or statistics.covariance.shape != (d, d):
        raise MetricError(
            f"{what} must have a mean (d,) and a covariance (d, d), got "
            f"{tuple(statistics.mean.shape)} and {tuple(statistics.covariance.shape)}"
        )
    if statistics.mean.dtype != torch.float64 or statistics.covariance.dtype != torch.float64:
        raise MetricError(f"{what} must have a mean and a covariance in float64")
    if not (torch.isfinite(statistics.mean).all() and torch.isfinite(statistics.covariance).all()):
        raise MetricError(f"{what} must be finite, got NaN or infinity")
    if not torch.equal(statistics.covariance, statistics.covariance.T):
        raise MetricError(f"{what} must have a symmetric covariance")
    variances = statistics.covariance.diagonal()
    if variances.min() < -_ASYMMETRY * variances.abs().max():
        raise MetricError(
            f"{what} has a negative variance, {float(variances.min()):.3g}, so it is no covariance"
        )
    if statistics.n is not None and statistics.n < 2:
        raise MetricError(f"{what} must be of at least 2 images, got {statistics.n}")
    kept = statistics.features
    if kept is not None and (kept.shape != (statistics.n, d) or kept.dtype != torch.float32):
        raise MetricError(
            f"{what} must keep float32 features ({statistics.n}, {d}), "
            f"got {kept.dtype} of shape {tuple(kept.shape)}"
        )
    if statistics.metadata is not None and statistics.metadata.n != statistics.n:
        raise MetricError(
            f"{what} is of {statistics.n} images, and says that it is of {statistics.metadata.n}"
        )
