"""Trains the pocket painter's variational autoencoder."""

import torch
from diffusers import AutoencoderKL

from pocket.optimize import half_precision, train

RATE = 2e-3


def train_vae(vae: AutoencoderKL, images: torch.Tensor, steps: int, batch: int, random: torch.Generator) -> None:
    """Trains `vae` on pictures [n, 3, s, s] uint8, and sets its scaling factor so that latents have unit variance."""
    device = random.device
    vae.to(device, memory_format=torch.channels_last).train()

    def loss(_step: int) -> torch.Tensor:
        pick = torch.randint(len(images), (batch,), generator=random, device=device)
        pixels = scale_pixels(images[pick])
        with half_precision(device):
            latent = vae.encode(pixels).latent_dist
            drawn = latent.mean + latent.std * torch.randn(latent.mean.shape, generator=random, device=device)
            decoded = vae.decode(drawn).sample.float()
        # The gradient loss preserves thin brows and lids, which an expression consists of.
        edges = sum((decoded.diff(dim=d) - pixels.diff(dim=d)).abs().mean() for d in (-1, -2))
        return (decoded - pixels).abs().mean() + edges + 3e-4 * latent.kl().mean() / latent.mean[0].numel()

    train(list(vae.parameters()), loss, steps, RATE, "autoencoder")
    vae.eval()
    vae.register_to_config(scaling_factor=round(float(1 / encode(vae, images[:2000]).std()), 5))


@torch.inference_mode()
def encode(vae: AutoencoderKL, images: torch.Tensor) -> torch.Tensor:
    """Returns the unscaled latents [n, 4, s/4, s/4] of pictures [n, 3, s, s] uint8."""
    return torch.cat([vae.encode(scale_pixels(part)).latent_dist.mean for part in images.split(256)])


def scale_pixels(images: torch.Tensor) -> torch.Tensor:
    """Maps pixel values from 0 … 255 to -1 … 1."""
    return images.float() / 127.5 - 1
