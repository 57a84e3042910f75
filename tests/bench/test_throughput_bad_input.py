"""Bad input to `bench.throughput`: one sentence, exit code 2, nothing on stdout, nothing lost."""

import pytest
from commands import contents

import bench.throughput

V = "--variants vanilla --device cpu"
WHOLE = "is not a whole number above 0"

CASES = [
    ("no variant", "--rounds 6", "--variants is needed"),
    ("unknown variant", "--variants dcgn", "no variant 'dcgn'. Did you mean 'dcgan'?"),
    ("unknown dataset", f"{V} --dataset digit", "no data set 'digit'. Did you mean 'digits'?"),
    ("precision", f"{V} --precision fp23", "There is no precision 'fp23'; there are fp32"),
    ("compile", f"{V} --compile always", "There is no compile mode 'always'; there are off"),
    ("device", f"{V} --device gpu", "There is no device 'gpu'"),
    ("twice the same", f"{V} --precision fp32,fp32", "a value stands twice in 'fp32,fp32'"),
    ("a batch of nothing", f"{V} --batch-sizes 0", f"'0' {WHOLE}"),
    ("a fraction", f"{V} --batch-sizes 64,6.5", f"'6.5' {WHOLE}"),
    ("a batch above the data", f"{V} --batch-sizes 4097", "A batch of 4097 is larger than the training set"),
    ("too few rounds", f"{V} --rounds 5", "--rounds 5 is too few: a 95 % interval of a median needs 6"),
    ("no time", f"{V} --time-limit 0", "'0' is not a number above 0"),
    ("a size beyond memory", f"{V} --image-size 100000", "more than 1024 pixels"),
    ("a size of points", f"{V} --dataset ring8 --image-size 16", "ring8 holds points, which have no size"),
    ("a size DCGAN can't make", "--variants dcgan --image-size 30", "cannot make 30 × 30 images"),
    ("points for DCGAN", "--variants dcgan --dataset ring8", "makes images, not points"),
    (
        "labels that are not there",
        "--variants cgan --dataset folder:mine",
        "The folder of pictures mine is not",
    ),
    ("unknown field", f"{V} --set vanilla.dropot=0.1", "no field 'dropot'. Did you mean 'dropout'?"),
    ("unknown extractor", f"{V} --extractor mine", "there is no extractor 'mine'"),
    ("output is no folder", f"{V} --output /proc/runs", "Cannot write to the output folder /proc/runs"),
    ("unknown option", f"{V} --kimg 3", "Unrecognized arguments: --kimg 3"),
    ("format", f"{V} --format xlsx", "invalid choice: 'xlsx'"),
]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_one_sentence_exit_code_2_and_nothing_lost(case, run, store):
    _, command, sentence = case
    before = contents(store)
    done = run(command, bench.throughput.main)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert sentence in done.err
    assert contents(store) == before
