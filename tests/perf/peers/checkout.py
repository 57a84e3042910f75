"""Imports of one checkout, kept apart from ours and from every other's.

Their modules have names like `metrics`, `utils` or `models`. While a checkout is active its names mean its
own modules; afterwards they mean what they meant before.
"""

import contextlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path


class Checkout:
    """What lies in a folder, as importable modules.

    Parameters
    ----------
    root
        The folder that is put in front of the import path.
    bare_packages
        Folders in it to be imported from without running their `__init__` (or that have none).
    """

    def __init__(self, root: Path, bare_packages: tuple[str, ...] = ()) -> None:
        self.root = root
        self.names = {path.stem for path in root.iterdir() if path.is_dir() or path.suffix == ".py"}
        self._modules: dict[str, types.ModuleType] = {}
        for name in bare_packages:
            package = types.ModuleType(name)
            package.__path__ = [str(root / name)]
            self._modules[name] = package

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Its names mean its modules."""
        others = self._take_out()
        sys.modules.update(self._modules)
        sys.path.insert(0, str(self.root))
        try:
            yield
        finally:
            sys.path.remove(str(self.root))
            self._modules = self._take_out()
            sys.modules.update(others)

    def _take_out(self) -> dict[str, types.ModuleType]:
        found = [name for name in sys.modules if name.partition(".")[0] in self.names]
        return {name: sys.modules.pop(name) for name in found}
