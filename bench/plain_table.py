"""Tables for a terminal, a log file or a pipe: plain text, never wrapped."""

import pandas as pd
from tabulate import tabulate


def plain_table(frame: pd.DataFrame) -> str:
    """A frame of texts as aligned columns; a header may have several lines."""
    return tabulate(
        frame.to_numpy().tolist(),
        headers=list(frame.columns),
        tablefmt="simple",
        disable_numparse=True,
        colalign=["left" if _is_text(frame[name]) else "right" for name in frame],
    )


def _is_text(column: "pd.Series[str]") -> bool:
    return not column.str.contains(r"^[\d.–-]", regex=True).all()
