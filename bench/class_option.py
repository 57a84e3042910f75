"""What `--class` means: from a text to labels."""

import difflib
from collections.abc import Sequence

import torch
from torch import Tensor

from bench.errors import InputError

ALL = "all"
SHOWN = 20  # names in a sentence


def asked_classes(text: str, names: Sequence[str]) -> list[int]:
    """The labels of a class's name or number, of several joined by commas, or of `all`, in that order.

    A name wins over a number, and over `all`; names may contain commas.

    Raises
    ------
    InputError
        If there is no such class ("did you mean"), or one is named twice.
    """
    whole = text.strip()
    if whole == ALL and ALL not in names:
        return list(range(len(names)))
    parts = [whole] if whole in names else [part.strip() for part in whole.split(",") if part.strip()]
    labels = [_label(part, names) for part in parts]
    if not labels:
        raise InputError("--class needs the name or the number of a class.")
    for label in labels:
        if labels.count(label) > 1:
            raise InputError(f"--class {text} names the class {names[label]!r} twice.")
    return labels


def _label(text: str, names: Sequence[str]) -> int:
    if text in names:
        return list(names).index(text)
    numbers = [str(label) for label in range(len(names))]
    if text in numbers:
        return numbers.index(text)
    lower = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(text.casefold(), lower, n=1)
    hint = f" Did you mean {lower[near[0]]!r}?" if near else ""
    raise InputError(f"There is no class {text!r}.{hint} There are: {listed(names)}.")


def listed(names: Sequence[str]) -> str:
    """Names for a sentence; only the first ones if they are many."""
    if len(names) <= SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[:SHOWN])}, … ({len(names)} in all)"


def spread(n: int, classes: Sequence[int]) -> Tensor:
    """`n` labels, int64, class by class, as evenly as can be: the first classes get what is over."""
    share, over = divmod(n, len(classes))
    counts = torch.tensor([share + (i < over) for i in range(len(classes))])
    return torch.tensor(classes, dtype=torch.int64).repeat_interleave(counts)
