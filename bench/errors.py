"""Bad input at the front door, and the errors that mean it."""

from gans import VariantError
from metrics import MetricError
from results import StoreError


class InputError(ValueError):
    """What the user gave cannot be used; the message is one full sentence that says why."""


BAD_INPUT = (InputError, VariantError, MetricError, StoreError)
