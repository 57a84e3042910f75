"""The one exception that bad input to a metric raises."""


class MetricError(ValueError):
    """A score can't be computed from what was given.

    The message is one sentence: what was given, and what is needed.
    """
