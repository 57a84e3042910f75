import torch

from gans.images import to_network, to_rest


def test_every_level_comes_back():
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    inside = to_network(levels)
    assert inside.dtype == torch.float32
    assert (inside.min().item(), inside.max().item()) == (-1, 1)
    assert torch.equal(to_rest(inside), levels)


def test_to_rest_rounds_to_the_nearest_and_bears_anything():
    nan, inf = float("nan"), float("inf")
    levels = torch.tensor([0.4, 0.6, 254.4, 254.6]) / 127.5 - 1
    samples = torch.cat((levels, torch.tensor([-1.1, 1.1, -inf, inf, nan]))).reshape(1, 1, 3, 3)
    assert to_rest(samples).flatten().tolist() == [0, 1, 254, 255, 0, 255, 0, 255, 128]


def test_points_pass_unchanged():
    points = torch.tensor([[3.5, -200.25]])
    assert torch.equal(to_network(points), points)
    assert torch.equal(to_rest(points), points)
    assert to_rest(points.bfloat16()).dtype == torch.float32
