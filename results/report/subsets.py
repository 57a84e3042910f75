"""The rows that one metric's statistics read: a tenth of a large store, and a third of its columns."""

import pandas as pd

from results.schema import COLUMNS
from results.summary import GROUP

_COLUMNS = [
    *(
        "training_id",
        "run_folder",
        "attempt",
        "trained",
        "purpose",
        *GROUP,
        "seed",
        "device_name",
        "cpu_threads",
    ),
    *(
        "started_utc",
        "command",
        "phase",
        "metric",
        "value",
        "unit",
        "better",
        "uncertainty",
        "uncertainty_kind",
    ),
    *("kimg", "training_sec", "protocol_hash", "protocol", "split", "final", "outcome", "reason", "flags"),
]


_OF_VALUES = [column.name for column in COLUMNS if column.scope == "value" and column.name in _COLUMNS]


def main_protocol(hashes: "pd.Series[str]") -> str:
    """The protocol that most of these scores were made by; of equals the first by its hash; "" of none."""
    counts = hashes.fillna("").value_counts()
    return str(counts[counts.eq(counts.max())].index.min()) if len(counts) else ""


class Subsets:
    """A loaded frame, split by metric once."""

    def __init__(self, frame: pd.DataFrame) -> None:
        known = [name for name in (*_COLUMNS, "tuning_axes") if name in frame]
        light = frame[known]
        is_score = light["phase"].eq("score").fillna(False)
        others = light[~is_score]
        # Killed while it was scored, a training may have a score by one metric and nothing else.
        bare = light[~light["training_id"].isin(others["training_id"])].drop_duplicates("training_id")
        nothing = bare.drop(columns=_OF_VALUES).reindex(columns=light.columns).astype(light.dtypes.to_dict())
        self.others = pd.concat([others, nothing]).sort_index()
        """All rows but scores, at least one of every training."""
        self._of_metric = dict(list(light[is_score].groupby("metric", sort=False)))

    def of(self, metric: str) -> pd.DataFrame:
        """Return the rows of one score and all that are none, in the frame's order."""
        return pd.concat([self.others, self._of_metric[metric]]).sort_index()
