"""Each named resize against the library that it is named after."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from metrics import resizing

# Enlarging, shrinking, one axis each, a size that divides, a single pixel, and nothing to do.
SHAPES = [(32, 32), (28, 28), (400, 310), (20, 500), (598, 299), (1, 7), (299, 299)]
SIZE = 299


def noise(height, width):
    """Nothing is harder to resize: neighbouring pixels are independent."""
    generator = torch.Generator().manual_seed(height * 1000 + width)
    return torch.randint(0, 256, (2, 3, height, width), generator=generator, dtype=torch.uint8)


def pil_float(image, size, kind):
    channels = [Image.fromarray(channel).resize((size, size), kind) for channel in image.float().numpy()]
    return torch.from_numpy(np.stack([np.asarray(channel) for channel in channels]))


def pil_eight_bit(image, size):
    rgb = Image.fromarray(image.permute(1, 2, 0).numpy())
    # One axis at a time: from 12.3 on, Pillow begins with the columns of some tall images.
    across = rgb.resize((size, rgb.height), Image.Resampling.BICUBIC)
    resized = across.resize((size, size), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1).float()


def stacked(function):
    return lambda images, size: torch.stack([function(image, size) for image in images])


ORIGINALS = {
    "TENSORFLOW1_BILINEAR": lambda images, size: interpolate_bilinear_2d_like_tensorflow1x(
        images.float(), size=(size, size), align_corners=False
    ),
    "BILINEAR": lambda images, size: F.interpolate(images.float(), (size, size), mode="bilinear"),
    "ANTIALIASED_BILINEAR": lambda images, size: F.interpolate(
        images.float(), (size, size), mode="bilinear", antialias=True
    ),
    "PIL_BICUBIC": stacked(
        lambda image, size: pil_float(image, size, Image.Resampling.BICUBIC).clamp(0, 255)
    ),
    "PIL_BILINEAR": stacked(lambda image, size: pil_float(image, size, Image.Resampling.BILINEAR)),
    "PIL_BICUBIC_8_BIT": stacked(pil_eight_bit),
}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
@pytest.mark.parametrize("name", ORIGINALS)
def test_against_the_original(name, shape):
    images = noise(*shape)
    ours = getattr(resizing, name)(images.float(), SIZE)
    theirs = ORIGINALS[name](images, SIZE)
    assert ours.shape == theirs.shape == (2, 3, SIZE, SIZE)
    assert ours.dtype == torch.float32
    # Float passes round sums of values up to 255, to 3e-5 each; measured: 6.1e-5. 8-bit passes are exact.
    bound = 0 if resizing.__dict__[name].eight_bit else 1.5e-4
    if name == "BILINEAR":
        # torch takes positions in float32, and rounds them otherwise on several threads than on one: by up
        # to 1.2e-7 of the length, which moves a value by 255 times that at most.
        bound += 255 * torch.finfo(torch.float32).eps * max(shape)
    assert (ours - theirs).abs().max() <= bound


@pytest.mark.parametrize("shape", [(33, 20), (20, 33), (400, 301)])
def test_cmmd_cuts_out_the_central_square_as_its_authors_do(shape):
    (image,) = noise(*shape)[:1]
    height, width = shape
    side = min(shape)
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(image.permute(1, 2, 0).numpy()).crop((left, top, left + side, top + side))
    expected = np.array(square.resize((64, 64), Image.Resampling.BICUBIC))
    ours = resizing.PIL_BICUBIC_8_BIT_SQUARE(image[None].float(), 64)
    assert np.array_equal(ours[0].permute(1, 2, 0).numpy(), expected)


def test_the_input_is_left_as_it_was_and_bicubic_is_cut_off():
    checks = (torch.arange(64).view(1, 1, 8, 8) // 4 % 2 * 255).float()
    before = checks.clone()
    resized = resizing.PIL_BICUBIC(checks, 20)
    assert torch.equal(checks, before)
    assert (resized.min(), resized.max()) == (0, 255)
    beyond = resizing.Resizing(words="", weights=resizing.PIL_BICUBIC.weights)(checks, 20)
    assert beyond.min() < -1
    assert beyond.max() > 256


def test_words_name_the_size_and_whose_convention_it_is():
    for name in ORIGINALS:
        words = getattr(resizing, name).describe(SIZE)
        assert "299×299" in words
        assert "(" in words


def test_antialiasing_makes_a_difference_where_images_shrink_and_only_there():
    small, large = noise(32, 32).float(), noise(400, 400).float()
    # Positions near 32 are rounded to float32 at other places, by 4e-6 pixels of up to 255 each.
    torch.testing.assert_close(
        resizing.BILINEAR(small, SIZE), resizing.ANTIALIASED_BILINEAR(small, SIZE), rtol=0, atol=1e-3
    )
    apart = (resizing.BILINEAR(large, SIZE) - resizing.ANTIALIASED_BILINEAR(large, SIZE)).abs()
    assert apart.mean() > 5
    assert (resizing.TENSORFLOW1_BILINEAR(small, SIZE) - resizing.BILINEAR(small, SIZE)).abs().mean() > 5
