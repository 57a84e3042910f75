"""Classes in a warning: a data set may have a thousand."""

from collections.abc import Iterable

_NAMED = 10  # further ones are counted


def classes_in_words(names: Iterable[str]) -> str:
    """``class 'a'``, ``classes 'a' and 'b'``, or the first ten and how many more; "" for none."""
    names = [f"'{name}'" for name in names]
    if len(names) <= 1:
        return "".join(f"class {name}" for name in names)
    if len(names) > _NAMED:
        names[_NAMED:] = [f"{len(names) - _NAMED} more"]
    *first, last = names
    return f"classes {', '.join(first)} and {last}"
