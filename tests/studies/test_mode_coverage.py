"""The table of mode coverage: means and standard errors over seeds, and papers to the digit."""

import math

import pandas as pd
from mode_coverage import PAPERS, markdown

OURS = pd.DataFrame(
    [
        {
            "dataset": "stacked-mnist",
            "what": "dcgan",
            "kimg": 1280.0,
            "trials": 2,
            "not_ok": 1,
            "modes": 101.25,
            "modes_error": 3.04,
            "share": math.nan,
            "kl": 3.40006,
            "kl_error": 0.0124,
        }
    ]
)


def test_ours_stand_above_the_papers():
    table = markdown(OURS, pd.read_csv(PAPERS, dtype=str)).splitlines()
    assert table[0] == "|  | trials | `stacked-mnist`: modes of 1,000 | KL, nats |"
    assert table[2] == "| **`dcgan`, 1,280 kimg** | 2 of 3 | 101.2 ± 3.0 | 3.400 ± 0.012 |"
    assert table[3] == "| DCGAN (VEEGAN by PacGAN Table 2) | – | 99.0 | 3.40 |"
    assert "| DCGAN (PacGAN Table 2) | 10 | 78.9 ± 6.46 | 4.50 ± 0.127 |" in table
    assert len(table) == 11
