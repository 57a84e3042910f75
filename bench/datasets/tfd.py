"""`tfd` and `tfd-expressions`: the Toronto Face Database, 48 × 48 gray faces, from its .mat file.

J. Susskind, A. Anderson, G. Hinton, "The Toronto Face Database", UTML TR 2010-001. It is not public: who
has been given `TFD_48x48.mat` (or the 96 × 96 one) puts it into `tfd` in the data root, or names it. Its
`folds` split the labelled faces five times into train (1), validation (2) and test (3), by person;
unlabelled faces are 0 in each of them.

`tfd` is what GAN 2014 measured: it learns from the unlabelled faces, chooses σ on a fold's validation
faces and reports its test faces. `tfd-expressions` learns from the fold's own training faces, which
have one of seven expressions.
"""

import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.datasets.dataset import Dataset, Split, resized
from bench.datasets.mat_file import MatFileError, NewerMatFileError, Variable, read_mat
from bench.datasets.registry import Request, register
from bench.errors import InputError

DEFAULT = "TFD_48x48.mat"
FOLDS = 5
UNLABELLED, TRAIN, VALIDATION, TEST = range(4)
EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")  # 1…7 in labs_ex

LICENCE = "not public: granted by its sources"
ORIGIN = f"J. Susskind, A. Anderson, G. Hinton; <data root>/tfd/{DEFAULT} or the MAT file named"


@register(
    "tfd",
    summary="Toronto faces as in GAN 2014, 1 × 48 × 48, learning from the unlabelled; FOLD 0…4, default 0",
    licence=LICENCE,
    origin=ORIGIN,
    image_size=0,
    spelling="tfd[:PATH][#FOLD]",
)
def load(request: Request) -> Dataset:
    """Unlabelled faces to learn from, a fold's validation and test faces."""
    path, fold = place(request)
    faces, folds, _ = read(path)
    return _dataset("tfd", request, fold, faces, folds[:, fold], None, train=UNLABELLED, path=path)


@register(
    "tfd-expressions",
    summary="Toronto faces with one of 7 expressions, 1 × 48 × 48; FOLD 0…4, default 0",
    licence=LICENCE,
    origin=ORIGIN,
    image_size=0,
    spelling="tfd-expressions[:PATH][#FOLD]",
)
def load_expressions(request: Request) -> Dataset:
    """A fold's training, validation and test faces, with their expressions."""
    path, fold = place(request)
    faces, folds, expressions = read(path)
    with np.errstate(invalid="ignore"):  # NaN and infinity become numbers that are no expression
        labels = torch.from_numpy(expressions.astype(np.int64)) - 1
    if not ((labels >= 0) & (labels < len(EXPRESSIONS)))[folds[:, fold] != UNLABELLED].all():
        raise InputError(f"{path} has faces in fold {fold} whose expression (labs_ex) is not 1…7.")
    return _dataset("tfd-expressions", request, fold, faces, folds[:, fold], labels, train=TRAIN, path=path)


def _dataset(
    name: str,
    request: Request,
    fold: int,
    faces: Tensor,
    part_of: Tensor,
    labels: Tensor | None,
    *,
    train: int,
    path: Path,
) -> Dataset:
    def split(part: int) -> Split:
        chosen = part_of == part
        if not chosen.any():
            raise InputError(f"{path} has no faces marked {part} in fold {fold}, which {name} needs.")
        images = resized(faces[chosen], request.image_size or faces.shape[-1])
        return Split(images, None if labels is None else labels[chosen])

    return Dataset(
        name=name if fold == 0 else f"{name}-fold{fold}",
        train=split(train),
        validation=split(VALIDATION),
        test=split(TEST),
        class_names=None if labels is None else EXPRESSIONS,
    )


def place(request: Request) -> tuple[Path, int]:
    """The .mat file and the fold that were asked for."""
    path, mark, fold = request.argument.rpartition("#")
    if not mark or "/" in fold:  # a # in a folder's name
        path, fold = request.argument, "0"
    if not re.fullmatch(f"[0-{FOLDS - 1}]", fold):
        raise InputError(f"A fold of the Toronto faces is 0…{FOLDS - 1}, as in tfd#3, not {fold!r}.")
    return Path(path).expanduser() if path else request.root / "tfd" / DEFAULT, int(fold)


def read(path: Path) -> tuple[Tensor, Tensor, np.ndarray]:
    """Faces uint8 `(n, 1, S, S)`, folds int `(n, 5)` of 0…3 and expressions int `(n,)`.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged, of MATLAB 7.3, or of another layout.
    """
    if not path.is_file():
        raise InputError(
            f"There is no file {path}: the Toronto Face Database is not public; put {DEFAULT} there, or name "
            "it as in tfd:PATH."
        )
    try:
        found = read_mat(path, ("images", "folds", "labs_ex"))
    except NewerMatFileError as error:
        raise InputError(
            f"{path} is a file of MATLAB 7.3 (HDF5), which is not read; save it with -v7 in MATLAB."
        ) from error
    except (MatFileError, OSError) as error:
        raise InputError(f"{path} is damaged, or not a MATLAB file: {error}.") from error
    images, folds, expressions = (_values(found.get(key)) for key in ("images", "folds", "labs_ex"))
    n = len(images)
    if (
        images.ndim != 3
        or images.dtype != np.uint8
        or images.shape[1] != images.shape[2]
        or 0 in images.shape
        or folds.shape != (n, FOLDS)
        or not np.isin(folds, range(4)).all()
        or expressions.size != n
    ):
        holds = ", ".join(
            f"{key} ({' × '.join(map(str, variable.shape))} {variable.kind})"
            for key, variable in found.items()
        )
        raise InputError(
            f"{path} is not of the Toronto Face Database's layout: it holds {holds or 'nothing'}; needed are "
            f"images (n × S × S uint8), folds (n × {FOLDS} of 0…3) and labs_ex (n)."
        )
    faces = torch.from_numpy(np.ascontiguousarray(images))[:, None]
    return faces, torch.from_numpy(folds.astype(np.int64)), expressions.reshape(-1)


def _values(variable: Variable | None) -> np.ndarray:
    """Of a variable that is there and holds numbers; else nothing, which fits no layout."""
    return np.empty(0) if variable is None or variable.values is None else variable.values
