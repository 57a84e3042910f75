"""Minimax against non-saturating gradients, early in training (GAN 2014, §3).

G minimises E log(1 − D(G(z))) (eq. 1) or −E log D(G(z)). On D's logit l their slopes are −D and −(1 − D):
both point the same way, and where D rejects what G makes, D ≈ 0, the first vanishes and the second does not.

Two measurements. `at_the_optimum`: G shifts a normal distribution, x = z + θ, data are N(0, 1), and D is D*
of that θ; the slope in θ is θ E_q[D*] or θ E_q[1 − D*], by quadrature, beside what autograd makes of
`gans.losses`. `early`: both losses train from the same weights and batches.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from scipy.special import expit
from torch import Tensor

import gans
from bench.theory.distributions import normal
from bench.theory.divergences import optimal_logit
from gans.losses import LOSSES
from gans.networks import MLP
from gans.noise import Normal
from gans.optimisers import SGD, Adam, Optimiser
from gans.step import MONITORS

SHIFTS = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
FORMS = ("minimax", "non-saturating")
TABLE = 1 << 16

DISTANCE = 4.0  # data of `early`: N(4, ½²), and a G fresh from its initialisation makes something near 0
HEAD_START = 200  # discriminator steps before G's first: D rejects with confidence when G begins
BATCH = 128
PLAYERS: dict[str, Optimiser] = {
    "sgd": SGD(lr=0.02, lr_decay=1.0, momentum=0.0, final_momentum=0.0),
    "adam": Adam(lr=2e-3),
}
"""G's optimiser. SGD's steps are as long as the gradient; Adam divides its length out."""


def at_the_optimum() -> pd.DataFrame:
    """A row a shift θ: D* on generated points, both slopes by quadrature and by autograd, and their ratio.

    Columns: `shift`, `d_fake` = E_q D*; `minimax`, `non_saturating`: the slope dL_G/dθ with D held still;
    `…_autograd` the same by `gans.losses` on a table of 65,536 quantiles; `ratio` of the two.
    """
    rows, quantiles = [], torch.from_numpy(normal(0, 1).table(TABLE)).double()
    for shift in SHIFTS:
        accepted, rejected = mean_verdicts(shift)
        row: dict[str, float] = {
            "shift": shift,
            "d_fake": accepted,
            "minimax": shift * accepted,
            "non_saturating": shift * rejected,
        }
        for form in FORMS:
            row[f"{form.replace('-', '_')}_autograd"] = slope_by_autograd(form, shift, quantiles)
        rows.append(row | {"ratio": row["minimax"] / row["non_saturating"]})
    return pd.DataFrame(rows)


def mean_verdicts(shift: float) -> tuple[float, float]:
    """E_q D* and E_q (1 − D*) for q = N(shift, 1) and p = N(0, 1); each by itself, for small ones' digits."""
    p, q = normal(0, 1), normal(shift, 1)
    logit = optimal_logit(p, q)
    return q.expectation(lambda x: expit(logit(x))), q.expectation(lambda x: expit(-logit(x)))


def slope_by_autograd(form: str, shift: float, quantiles: Tensor) -> float:
    """The derivative in θ of a G loss of `gans.losses` at x = z + θ, D being D* of θ = `shift`, held still.

    `quantiles` of N(0, 1), float64 `(n, 1)`, stand for z.
    """
    theta = torch.tensor(shift, dtype=torch.float64, requires_grad=True)
    points = quantiles + theta
    logits = (shift**2 - 2 * shift * points) / 2  # log N(x; 0, 1) − log N(x; shift, 1)
    (slope,) = torch.autograd.grad(LOSSES[form].generator(logits), theta)
    return slope.item()


def early(*, steps: int, seeds: Sequence[int]) -> pd.DataFrame:
    """Train with each loss and each optimiser of G, and watch every step.

    Returns
    -------
    DataFrame
        A row a step: `optimiser`, `form`, `seed`, `step` (from 1), `d_fake` (D(G(z)) before G's step),
        `gradient` (Euclidean norm over G's weights) and `distance`, the Wasserstein-1 distance of G after the
        step from the data, in their units.
    """
    rows = []
    for name, optimiser in PLAYERS.items():
        for form in FORMS:
            for seed in seeds:
                for row in watched(form, optimiser, steps=steps, seed=seed):
                    rows.append({"optimiser": name, "form": form, "seed": seed} | row)
    return pd.DataFrame(rows)


def watched(form: str, optimiser: Optimiser, *, steps: int, seed: int) -> list[dict[str, float]]:
    """One training of `early`."""
    variant = dataclasses.replace(
        gans.get("vanilla"),
        network=MLP(hidden_g=(32, 32), hidden_d=(32, 32), dropout=0.0),
        noise=Normal(nz=1),
        loss=form,
        optimiser_g=optimiser,
        optimiser_d=Adam(lr=2e-3),
    )
    data = torch.from_numpy(normal(DISTANCE, 0.5).table(TABLE))
    trainer = gans.Trainer(
        variant, data, gans.Settings(batch_size=BATCH, kimg=steps * BATCH / 1000, seed=seed)
    )
    for _ in range(HEAD_START):
        trainer.discriminator_step()
    z = torch.from_numpy(normal(0, 1).table(1000))
    quantiles = torch.from_numpy(normal(DISTANCE, 0.5).table(1000))[:, 0]
    rows = []
    for step in range(1, steps + 1):
        monitors = dict(zip(MONITORS, trainer.step().tolist(), strict=True))
        rows.append(
            {
                "step": step,
                "d_fake": monitors["d_fake_before_g"],
                "gradient": monitors["grad_norm_g"],
                "distance": distance(trainer, z, quantiles),
            }
        )
    return rows


@torch.no_grad()
def distance(trainer: gans.Trainer, z: Tensor, quantiles: Tensor) -> float:
    """∫ |F⁻¹ − G's quantiles|: sorted images of z beside the data's quantiles, `(n,)` both."""
    return (trainer.generator(z)[:, 0].sort().values - quantiles).abs().mean().item()


def summary(frame: pd.DataFrame, *, within: float = 1.0) -> pd.DataFrame:
    """A row an optimiser and loss, medians over seeds: the first gradient, D(G(z)) then, steps to the data.

    `steps` is the first after which G's distance from the data is below `within`; ∞ where it never is.
    """
    rows = []
    for (optimiser, form), runs in frame.groupby(["optimiser", "form"], sort=False):
        first = runs[runs["step"] == 1]
        arrived = [float(run.loc[run["distance"] < within, "step"].min()) for _, run in runs.groupby("seed")]
        arrived = [math.inf if math.isnan(step) else step for step in arrived]
        rows.append(
            {
                "optimiser": optimiser,
                "form": form,
                "d_fake_first": first["d_fake"].median(),
                "gradient_first": first["gradient"].median(),
                "steps": float(np.median(arrived)),
                "steps_least": min(arrived),
                "steps_most": max(arrived),
                "seeds": len(arrived),
            }
        )
    return pd.DataFrame(rows)


def slopes_in_words(frame: pd.DataFrame) -> str:
    """`at_the_optimum` in Markdown."""
    lines = [
        "| shift θ | E_q D* | minimax | by autograd | non-saturating | by autograd | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    columns = (
        *("shift", "d_fake", "minimax", "minimax_autograd"),
        *("non_saturating", "non_saturating_autograd", "ratio"),
    )
    for row in frame.to_dict("records"):
        lines.append("| " + " | ".join(f"{row[column]:.4g}" for column in columns) + " |")
    return "\n".join(lines)


def early_in_words(frame: pd.DataFrame) -> str:
    """The `summary` of `early` in Markdown."""
    lines = [
        "| G's optimiser | loss | D(G(z)) at first | G's first gradient | steps to within 1 of the data "
        "| over seeds |",
        "|---|---|---|---|---|---|",
    ]
    for row in summary(frame).to_dict("records"):
        steps, least, most = (
            f"not in {frame['step'].max()}" if math.isinf(value) else f"{value:g}"
            for value in (row["steps"], row["steps_least"], row["steps_most"])
        )
        lines.append(
            f"| {row['optimiser']} | {row['form']} | {row['d_fake_first']:.2g} | {row['gradient_first']:.2g} "
            f"| {steps} | {least} … {most} ({row['seeds']}) |"
        )
    return "\n".join(lines)
