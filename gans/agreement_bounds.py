"""How far a fast mode may be from eager fp32, by the roundoff of its precision.

Losses and statistics are means: off by some unit roundoffs u. A gradient is not even continuous: a share ∝
u of the rectifiers falls on the other side of 0, each of order 1, so a gradient is off by ∝ √u. Adam and
RMSProp make signs of gradients that are nearly 0, where a share ∝ √u turns over: weights are off by ∝ u^¼
of their way, and so is G's gradient through a D that has just moved.

What was measured, the largest over all eight variants at 16 × 16 with 4 maps and at 32 × 32 with 16, of
some at 32 × 32 with 64; bf16 and fp16 are torch's own autocast on a CPU, for fp32 the operands and results
of every product were rounded to 23 bits, on both ways. (Rounded to 11 bits they gave what fp16 gives: TF32,
which no CPU has, is taken to be no worse.) Beside them the smallest figure that a wrong algorithm gave:

| figure | bf16 | bound | fp16 | bound | tf32's bound | fp32 | bound | wrong |
|---|---|---|---|---|---|---|---|---|
| `loss` | .0040 | .063 | .0018 | .0079 | .016 | 4e-7 | 1e-4 | 1: class loss dropped |
| `gradient_d` | .059 | .19 | .019 | .066 | .094 | 7e-7 | 7e-4 | .30: penalty missing in one layer |
| `gradient_g` | .20 | .30 | .12 | .18 | .21 | 1e-5 | .019 | .40: D not yet updated |
| `update` | 1e-5 | .001 | 1e-5 | .001 | .001 | 1e-5 | .001 | .011: state kept in bfloat16 |
| `statistics` | .024 | .063 | .0097 | .037 | .044 | 8e-7 | .0039 | ∞: evaluation mode |
| `weights` | .31 | .75 | .23 | .45 | .53 | .017 | .047 | 1: an optimiser's step skipped |
"""

FIGURES = ("start", "loss", "gradient_d", "gradient_g", "update", "statistics", "weights")

# Half the distance from 1 to the next number. TF32's products may cut operands instead of rounding: 2 · 2⁻¹¹.
UNIT_ROUNDOFF = {"fp32": 2.0**-24, "tf32": 2.0**-10, "amp-bf16": 2.0**-8, "amp-fp16": 2.0**-11}
SUMMATION = 1e-4  # what another order of summation makes of float32 in a large layer
UPDATE = 1e-3  # optimisers work in float32 whatever the precision


def bounds_of(precision: str) -> dict[str, float]:
    """How far each figure of `gans.agreement` may be in this precision."""
    u = UNIT_ROUNDOFF[precision]
    return {
        "start": 0.0,
        "loss": 16 * u + SUMMATION,
        "gradient_d": 3 * u**0.5,
        "gradient_g": 1.2 * u**0.25,
        "update": UPDATE,
        "statistics": u**0.25 / 4,
        "weights": 3 * u**0.25,
    }
