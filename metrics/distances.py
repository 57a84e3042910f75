"""Euclidean distances between two sets of features, decided as in float64, at the price of float32.

‖x − y‖² = ‖x‖² + ‖y‖² − 2 xᵀy makes of all distances one matrix product, and loses digits. Here the product
only sorts out: what its error bound leaves undecided is computed from differences in float64, so that every
decision is the one that differences of all pairs would give.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

# 1,024 × 1,024 products at a time: 4 MiB in float32.
_ROWS = 1024

# Below this dimension float64 products cost next to nothing, and leave less undecided.
_FEW_DIMENSIONS = 32

# Rounding errors, in units of u = ε/2 times ‖x‖² + ‖y‖², of a squared distance by one product: d for the
# scalar product however it is summed, and at most 64 for everything else (rounding the rows, adding the
# norms, the thresholds).
_OTHER_ERRORS = 64

# Pairs whose differences are taken at a time. Always as many, so that how a device adds up one pair's squares
# never depends on the others: equal pairs have equal distances.
_PAIRS = 256

# More undecided pairs than this, and it is looked first which of the rows are copies.
_MANY_PAIRS = 2**16

# Neighbours that are kept beyond those asked for, so that the products' errors seldom matter.
_SPARE = 8


class RoundedSets:
    """Sets of features, each (n, d), d the same, finite, in the rounded form that products are taken of."""

    def __init__(self, *sets: Tensor, precise: bool = False) -> None:
        first = sets[0]
        d = first.shape[1]
        rough = d >= _FEW_DIMENSIONS and not precise and _float32_products_are_ieee(first.device)
        self.dtype = torch.float32 if rough else torch.float64
        self.error = (d + _OTHER_ERRORS) * torch.finfo(self.dtype).eps / 2
        # The scalar product of the smallest numbers may underflow.
        self.least_error = 8 * d * torch.finfo(self.dtype).tiny
        # Near the samples, norms and with them errors are small. Any centre will do: it need not be the mean.
        self._centre = first[:_ROWS].double().mean(0)
        largest = 2 * max(
            float(rows.abs().max()) for features in sets for rows in torch.split(features, _ROWS)
        )
        # A power of two: scaling is exact, and float32 neither over- nor underflows.
        self.scale = 2.0 ** -math.frexp(largest)[1] if largest > 0 else 1.0
        self.sets = tuple(self._rounded(features.to(first.device)) for features in sets)

    def _rounded(self, features: Tensor) -> "Rounded":
        rounded = torch.empty(features.shape, dtype=self.dtype, device=features.device)
        norms = torch.empty(len(features), dtype=torch.float64, device=features.device)
        for start in range(0, len(features), _ROWS):
            rows = slice(start, start + _ROWS)
            rounded[rows] = (features[rows].double() - self._centre).mul_(self.scale)
            norms[rows] = torch.linalg.vector_norm(rounded[rows], dim=1, dtype=torch.float64).square_()
        return Rounded(features, rounded, norms)


class Rounded(NamedTuple):
    """One set: as it was given, rounded to the products' dtype, and the squared norms of the latter."""

    features: Tensor
    values: Tensor
    norms: Tensor


class Comparison:
    """The distances between two sets, by their places among `rounded`'s, or within one of them."""

    def __init__(self, rounded: RoundedSets, first: int, second: int) -> None:
        self.same = first == second
        self.scale, self.error, self.least_error = rounded.scale, rounded.error, rounded.least_error
        self.dtype = rounded.dtype
        self.features, self.x, self.x_norms = rounded.sets[first]
        self.other, self.y, self.y_norms = rounded.sets[second]
        self._kinds: tuple[Tensor, Tensor] | None = None

    def tiles(self, *, upper: bool = False) -> Iterator[tuple[slice, slice, Tensor]]:
        """Yield places in both sets and at most ‖x − y‖² − ‖x‖² (1 − e) of all their pairs, scaled.

        A lower bound of the scaled squared distance is the tile plus `floor`; an upper one is the tile plus
        `ceiling` of both places.
        """
        low = (self.y_norms * (1 - self.error) - self.least_error).to(self.dtype)
        for i in range(0, len(self.x), _ROWS):
            rows = slice(i, i + _ROWS)
            for j in range(i if upper else 0, len(self.y), _ROWS):
                columns = slice(j, j + _ROWS)
                yield rows, columns, torch.addmm(low[columns], self.x[rows], self.y[columns].T, alpha=-2)

    def floor(self, rows: slice) -> Tensor:
        """Return what added to a tile, float64 (rows,), is at most the squared distance."""
        return self.x_norms[rows] * (1 - self.error)

    def ceiling(self, rows: slice, columns: slice) -> Tensor:
        """Return what added to a tile, float64 (rows,), is at least the squared distance."""
        columns_error = 2 * (self.error * float(self.y_norms[columns].max()) + self.least_error)
        return self.x_norms[rows] * (1 + self.error) + columns_error

    def squared(self, i: Tensor, j: Tensor) -> Tensor:
        """Squared distances of pairs, from differences: int64 (p,) places → float64 (p,), unscaled."""
        if len(i) > _MANY_PAIRS:
            kinds_i, kinds_j = self._kinds_of_rows()
            width = int(kinds_j.max()) + 1
            pairs, place = torch.unique(kinds_i[i] * width + kinds_j[j], return_inverse=True)
            if len(pairs) < len(i):
                one = torch.empty_like(pairs).scatter_(0, place, torch.arange(len(i), device=i.device))
                return self._from_differences(i[one], j[one])[place]
        return self._from_differences(i, j)

    def _from_differences(self, i: Tensor, j: Tensor) -> Tensor:
        found = torch.empty(len(i), dtype=torch.float64, device=i.device)
        padding = i.new_zeros(-len(i) % _PAIRS)
        padded_i, padded_j = torch.cat((i, padding)), torch.cat((j, padding))
        for start in range(0, len(i), _PAIRS):
            part = slice(start, start + _PAIRS)
            differences = self.features[padded_i[part]].double() - self.other[padded_j[part]].double()
            found[part] = differences.square_().sum(1)[: len(i) - start]
        return found

    def _kinds_of_rows(self) -> tuple[Tensor, Tensor]:
        """Number the different rows of each set: copies have the same number."""
        if self._kinds is None:
            kinds = torch.unique(self.features, dim=0, return_inverse=True)[1]
            others = kinds if self.same else torch.unique(self.other, dim=0, return_inverse=True)[1]
            self._kinds = kinds, others
        return self._kinds

    def kth_nearest(self, k: int) -> Tensor:
        """Distance of each row of the first set to its k-th nearest of the second, float64 (n,).

        1 ≤ k ≤ m, or ≤ n − 1 within one set. The neighbour is the one that float64 differences would find; or
        as near to 2e-16 (d + 64) (‖x‖² + ‖y‖²) of the squared distance where so many are equally far that
        not all were kept.
        """
        n, others = len(self.x), len(self.y) - self.same
        keep = min(k + _SPARE, others)
        values = torch.full((n, keep), torch.inf, dtype=self.dtype, device=self.x.device)
        places = torch.full((n, keep), -1, dtype=torch.int64, device=self.x.device)
        for rows, columns, tile in self.tiles(upper=self.same):
            if self.same and rows == columns:
                tile.fill_diagonal_(torch.inf)
            _keep_smallest(values[rows], places[rows], tile, columns.start)
            if self.same and rows != columns:
                # The same pairs, seen from the other side: the lower bound takes the other's norm for its
                # own.
                norms = self.x_norms * (1 - self.error) - self.least_error
                shift = norms[rows].to(self.dtype) - norms[columns].to(self.dtype).unsqueeze(1)
                _keep_smallest(values[columns], places[columns], tile.T + shift, rows.start)
        return self._decided(values, places, k, complete=keep == others).sqrt()

    def _decided(self, values: Tensor, places: Tensor, k: int, *, complete: bool) -> Tensor:
        """Settle which of the kept neighbours is the k-th, given that all others have larger lower bounds."""
        least = values.double() + self.x_norms.unsqueeze(1) * (1 - self.error)
        own_error = self.x_norms.unsqueeze(1) + self.y_norms[places]
        most = least + 2 * (self.error * own_error + self.least_error)
        # The k-th true distance lies between the k-th of all lower bounds and the k-th of all upper ones:
        # what is surely nearer or farther need not be known.
        lower = least.kthvalue(k, dim=1, keepdim=True).values
        upper = most.kthvalue(k, dim=1, keepdim=True).values
        undecided = (most >= lower) & (least <= upper)
        i, kept = undecided.nonzero(as_tuple=True)
        squared = torch.full_like(least, torch.inf).masked_fill_(most < lower, -1)
        squared[i, kept] = self.squared(i, places[i, kept])
        found = squared.kthvalue(k, dim=1).values
        if not complete and self.dtype == torch.float32:
            # A neighbour that was not kept might be nearer: so it is beside more copies than are kept.
            (rows,) = ((found * self.scale**2 > least.amax(1)) & (found > 0)).nonzero(as_tuple=True)
            if len(rows):
                again = Comparison(RoundedSets(self.features[rows], self.other, precise=True), 0, 1)
                # Here each row is its own nearest neighbour.
                found[rows] = again.kth_nearest(k + self.same).square()
        return found


def _keep_smallest(values: Tensor, places: Tensor, tile: Tensor, first: int) -> None:
    """Put what is smaller in `tile`, whose columns are the places from `first` on, among the kept."""
    keep = values.shape[1]
    best = tile.topk(min(keep, tile.shape[1]), largest=False, sorted=False)
    candidates = torch.cat((values, best.values), 1)
    among = torch.cat((places, best.indices + first), 1)
    order = candidates.topk(keep, largest=False, sorted=False)
    values.copy_(order.values)
    places.copy_(among.gather(1, order.indices))


def _float32_products_are_ieee(device: torch.device) -> bool:
    """Whether float32 matrix products are IEEE's, and not rounded to TF32 or bfloat16 on somebody's wish."""
    if device.type != "cpu":
        return False  # elsewhere float64 costs little, and what float32 means differs
    return torch.backends.mkldnn.matmul.fp32_precision in ("none", "ieee")  # type: ignore[attr-defined]
