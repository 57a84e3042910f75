"""The errors that callers of `gans` are expected to catch."""


class VariantError(ValueError):
    """A variant, a setting or a checkpoint that cannot be used; the message is one full sentence."""


class Diverged(ArithmeticError):
    """Training produced non-finite values; `step` is the generator step at which they were seen."""

    def __init__(self, step: int, what: str) -> None:
        super().__init__(step, what)  # as given, so that it survives the way between processes
        self.step, self.what = step, what

    def __str__(self) -> str:
        return f"{self.what} became non-finite by generator step {self.step}."


class Unsupported(RuntimeError):
    """This machine or this torch cannot do what was asked (a missing compiler, say)."""
