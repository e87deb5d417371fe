"""Pictures are those that the stock pipeline gives one by one, to the byte, however many are decoded."""

import numpy as np
import torch
from PIL import Image

from mirror.faces.photomaker.decoding import decoded
from mirror.faces.photomaker.pipeline import load_pipeline


def test_pictures_are_those_of_the_stock_pipeline():
    pipeline, _ = load_pipeline("pocket/models/sdxl-pocket", "", torch.float32)
    latents = torch.randn((3, pipeline.unet.config.in_channels, 8, 8), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        scaled = latents / pipeline.vae.config.scaling_factor
        pixels = torch.cat([pipeline.vae.decode(row).sample for row in scaled.split(1)])
        stock = pipeline.image_processor.postprocess(pixels, output_type="pil")
    found = decoded(pipeline, latents)
    assert [image.mode for image in found] == ["RGB"] * 3
    for image, expected in zip(found, stock, strict=True):
        assert isinstance(image, Image.Image)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))
    assert not np.array_equal(np.asarray(found[0]), np.asarray(found[1]))
