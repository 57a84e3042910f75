"""Conditions in words: what trainings have in common, what tells them apart, what they are called."""

import json
from collections.abc import Sequence

import pandas as pd

_WORDS = {
    "variant": "{}",
    "changed": "with {}",
    "variant_version": "version {}",
    "dataset": "{}",
    "kimg_budget": "{:g} kimg",
    "batch_size": "batch {}",
    "precision": "{}",
    "compile": "compile {}",
    "device": "{}",
}
_FIELDS = {
    "kimg_budget": "kimg",
    "batch_size": "batch size",
    "dataset_fingerprint": "content of the data",
    "image_shape": "image shape",
    "variant_version": "version",
    "changed": "changed fields",
    "device_name": "machine",
    "cpu_threads": "CPU threads",
    "protocol_hash": "protocol of scoring",
}


def labels_of(rows: pd.DataFrame, by: str, identity: Sequence[str]) -> "pd.Series[str]":
    """Name what is compared: the value of `by`, and whatever else of `identity` tells apart what shares it.

    Of changed fields those that all settings of one name have in common are left out.
    """
    names = rows[by].map(
        lambda value: f"{value:.12g}" if isinstance(value, float) else str(value) or "unchanged"
    )
    labels = names.astype(object)
    known = rows.assign(by=names, **{name: rows[name].fillna("") for name in ("changed", "variant_version")})
    for _, same in known.groupby(["by", "dataset", "dataset_fingerprint"], dropna=False, sort=False):
        if "changed" in identity and by != "changed" and same["changed"].nunique() > 1:
            common = set.intersection(*(set(text.split(" ")) for text in same["changed"]))
            told = [" ".join(p for p in text.split(" ") if p not in common) for text in same["changed"]]
            labels.loc[same.index] += [f" {text}" if text else "" for text in told]
        if (
            "variant_version" in identity
            and by != "variant_version"
            and same["variant_version"].nunique() > 1
        ):
            labels.loc[same.index] += " version " + same["variant_version"].astype(object)
    return labels


def changed_words(rows: pd.DataFrame) -> list[str]:
    """Say the changed fields that the column ``label`` does not tell."""
    said = {
        f"{label} has {changed}."
        for label, changed in zip(rows["label"], rows["changed"].fillna(""), strict=True)
        if changed and not str(label).endswith(changed)
    }
    return sorted(said)


def shared_words(rows: pd.DataFrame, names: Sequence[str], *, of_variant: bool = False) -> str:
    """Say the conditions of some trainings in a few words, as "digits, 100 kimg, batch 64, fp32"."""
    first = rows.iloc[0]
    said = []
    for name, form in _WORDS.items():
        if name not in names or pd.isna(first[name]) or first[name] == "":
            continue
        if (name == "compile" and first[name] == "off") or (name == "variant_version" and of_variant):
            continue
        said.append(form.format(first[name]))
    return ", ".join(said)


def missing_words(
    rows: pd.DataFrame,
    these: pd.DataFrame,
    wanted: str,
    here: Sequence[str],
    key: Sequence[str],
    *,
    store: str = "",
) -> str:
    """Say what keeps some trainings from being compared with those of the label `wanted`.

    Parameters
    ----------
    rows
        Where the wanted ones are looked for, under other conditions.
    these
        The trainings that lack a counterpart.
    wanted
        A label of ``rows``, or, with a `store`, the name of a variant.
    here
        Labels of ``these``.
    key
        Columns that must be equal.
    store
        "after": the counterpart is the same variant in the other store.
    """
    what = shared_words(these, ["variant", "changed", "dataset"]) if store else " and ".join(here)
    others = rows[rows["variant" if store else "label"].eq(wanted)]
    same_data = others[others["dataset"].eq(these["dataset"].iloc[0])]
    others = same_data if len(same_data) else others
    missing = f"{what} is not in the store {store}" if store else f"{what} can't be compared with {wanted}"
    if others.empty:
        return f"{missing}."
    mine = these.iloc[0]
    options = others.drop_duplicates(list(key))
    nearest = min((_differing(mine, row, key) for _, row in options.iterrows()), key=len)
    if not nearest:  # under these conditions, but nothing has ended
        return f"{missing}: nothing of it has ended."
    whose = (" before", f" {store}") if store else (f" of {what}", f" of {wanted}")
    told = "; ".join(_told(mine, nearest[name], name, whose) for name in nearest)
    return f"{missing} under the same conditions: {told}."


def _differing(
    mine: "pd.Series[object]", other: "pd.Series[object]", key: Sequence[str]
) -> dict[str, "pd.Series[object]"]:
    return {name: other for name in key if _text(mine[name]) != _text(other[name])}


def _told(mine: "pd.Series[object]", other: "pd.Series[object]", name: str, whose: tuple[str, str]) -> str:
    if name == "protocol_hash" and not pd.isna(mine["protocol"]) and not pd.isna(other["protocol"]):
        one, two = json.loads(str(mine["protocol"])), json.loads(str(other["protocol"]))
        fields = [field for field in one if one[field] != two.get(field)]
        differing = ", ".join(
            f"{field} {one[field]}{whose[0]} and {two.get(field)}{whose[1]}" for field in fields
        )
        return f"protocol of scoring: {differing}"
    return f"{_FIELDS.get(name, name)} {_text(mine[name])}{whose[0]} and {_text(other[name])}{whose[1]}"


def split_conditions(conditions: "pd.Series[str]") -> tuple[str, list[str]]:
    """Split texts of ``shared_words`` into what all have in common, and what each has besides."""
    parts = [str(text).split(", ") for text in conditions.fillna("")]
    common = [part for part in parts[0] if all(part in other for other in parts)] if parts else []
    return ", ".join(common), [", ".join(part for part in some if part not in common) for some in parts]


def _text(value: object) -> str:
    if pd.isna(value) or value == "":  # type: ignore[call-overload]
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
