"""Recipes as plain data: to JSON and back, and one field changed by its name.

A field is named by its path (`optimiser_d.lr`) or by its last part alone; a last part that several
pieces share (`lr`) means all of them. A slot is filled anew by the kind of a piece (`network=mlp`, with
that piece's defaults, unless it is one of that kind already). `none` empties an optional field; widths
are written `256-512-1024`.
"""

import dataclasses
import difflib
import types
import typing
from typing import Any, Literal, TypeVar

from gans.errors import VariantError
from gans.pieces import Piece
from gans.variant import Variant

FIXED = ("name", "summary", "reference", "version")  # what a recipe is called, not what it does

T = TypeVar("T")


def to_config(node: Any) -> dict[str, Any]:
    """A recipe or a piece as JSON-ready data; a piece carries its `kind`."""
    config: dict[str, Any] = {"kind": node.kind} if isinstance(node, Piece) else {}
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if isinstance(value, Piece):
            value = to_config(value)
        config[field.name] = list(value) if isinstance(value, tuple) else value
    return config


def from_config(default: T, config: dict[str, Any]) -> T:
    """The inverse of `to_config`, `default` being a recipe of the same name.

    The kinds of pieces come from the configuration, their classes from `default` or from the slots.
    """
    hints = typing.get_type_hints(type(default))
    changes: dict[str, Any] = {}
    for name, value in config.items():
        if name == "kind":
            continue
        if name not in hints:
            raise VariantError(
                f"{type(default).__name__} has no field {name!r}: was it written by another version?"
            )
        if isinstance(value, dict):
            piece = getattr(default, name)
            if piece.kind != value["kind"]:
                piece = piece_of_kind(hints[name], value["kind"], name)
            changes[name] = from_config(piece, value)
        else:
            changes[name] = tuple(value) if isinstance(value, list) else value
    return dataclasses.replace(default, **changes)  # type: ignore[type-var]


def field_values(variant: Variant) -> dict[str, str]:
    """Every field that `set_field` can change, by path, as text: a slot shows the kind that fills it."""
    values = {}
    for path in field_paths(variant):
        value: Any = variant
        for part in path.split("."):
            value = getattr(value, part)
        if isinstance(value, Piece):
            value = value.kind
        values[path] = "-".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return values


def has_field(variant: Variant, key: str) -> bool:
    """Whether `set_field` would find the field `key`."""
    return any(matches(path, key) for path in field_paths(variant))


def matches(path: str, key: str) -> bool:
    """Whether `key` names the field at `path`: by the whole path, or by its last part."""
    return key in (path, path.rsplit(".", 1)[-1])


def set_field(variant: Variant, key: str, text: str) -> Variant:
    """A copy of `variant` with the field `key` set to what `text` says.

    Raises
    ------
    VariantError
        For an unknown field ("did you mean"), a fixed one, or a text that its type cannot take.
    """
    paths = field_paths(variant)
    found = [path for path in paths if matches(path, key)]
    if not found:
        names = {path.rsplit(".", 1)[-1] for path in paths} | set(paths)
        near = difflib.get_close_matches(key, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else f" It has: {', '.join(paths)}."
        raise VariantError(f"{variant.name} has no field {key!r}.{hint}")
    for path in found:
        variant = replace_at(variant, path.split("."), f"{variant.name}.{key}", text)
    return variant


def field_paths(node: Any, prefix: str = "") -> list[str]:
    """The path of every field that may be set, slots before what fills them."""
    paths: list[str] = []
    for field in dataclasses.fields(node):
        if not prefix and field.name in FIXED:
            continue
        paths.append(prefix + field.name)
        value = getattr(node, field.name)
        if isinstance(value, Piece):
            paths += field_paths(value, f"{prefix}{field.name}.")
    return paths


def replace_at(node: T, path: list[str], key: str, text: str) -> T:
    """`node` with the field at `path` parsed from `text`; `key` is what the user typed."""
    head, *rest = path
    if rest:
        value = replace_at(getattr(node, head), rest, key, text)
    else:
        value = getattr(node, head)
        if not (isinstance(value, Piece) and value.kind == text):  # a slot filled so already stays as it is
            value = parse(text, typing.get_type_hints(type(node))[head], key)
    return dataclasses.replace(node, **{head: value})  # type: ignore[type-var]


def parse(text: str, hint: Any, key: str) -> Any:
    """`text` as a value of the annotated type, or a `VariantError` that names `key`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType or origin is typing.Union:
        if text.lower() == "none":
            return None
        return parse(text, next(a for a in arguments if a is not type(None)), key)
    if origin is Literal:
        if text not in arguments:
            raise VariantError(f"{key} must be one of {', '.join(arguments)}, not {text!r}.")
        return text
    if hint is bool:
        if text.lower() not in ("true", "false"):
            raise VariantError(f"{key} must be true or false, not {text!r}.")
        return text.lower() == "true"
    try:
        if origin is tuple:
            return tuple(arguments[0](part) for part in text.split("-")) if text else ()
        if isinstance(hint, type) and issubclass(hint, Piece):
            return piece_of_kind(hint, text, key)
        value = hint(text)
    except VariantError:
        raise
    except ValueError:
        wanted = {int: "a whole number", float: "a number"}.get(hint, "whole numbers like 256-512")
        raise VariantError(f"{key} must be {wanted}, not {text!r}.") from None
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise VariantError(f"{key} must be a finite number, not {text!r}.")
    return value


def piece_of_kind(slot: type[Piece], kind: str, key: str) -> Any:
    """The piece of that kind for a slot, at its defaults; errors name `key`."""
    if kind not in slot.kinds:
        raise VariantError(f"{key} must be one of {', '.join(slot.kinds)}, not {kind!r}.")
    return slot.kinds[kind]()
