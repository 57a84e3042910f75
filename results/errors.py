"""The one error this package raises for bad input."""


class StoreError(ValueError):
    """Rows, a store or a file that can't be used, said in one sentence."""
