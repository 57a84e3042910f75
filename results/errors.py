"""What this package raises for bad input, and for what another process holds."""


class StoreError(ValueError):
    """Rows, a store or a file that can't be used, said in one sentence."""


class InUseError(StoreError):
    """Another process is writing here."""
