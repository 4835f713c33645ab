from __future__ import annotations

import torch

from egotap_pl.nn.images import normalise_images


def test_images_are_normalised_as_imagenet():
    images = torch.randint(0, 256, (2, 2, 3, 4, 5), dtype=torch.uint8)
    out = normalise_images(images)
    for channel, (mean, std) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):
        expected = (images[:, :, channel].double() / 255 - mean) / std
        torch.testing.assert_close(out[:, :, channel].double(), expected, atol=1e-5, rtol=1e-5)
