"""The frozen weights of the language model in float8: products at twice bf16's rate on a Hopper GPU.

It changes the numbers that a model is trained with: every product with a frozen weight carries the rounding of
float8 (e4m3: 3 bits of mantissa), with one scale a row, forward and backward. LoRA, projector, attention, norms and
everything between them keep their precision. Knows nothing of training.
"""

import torch
from torch import nn

from mirror.models.lora import LoraLinear

FORMAT = torch.float8_e4m3fn
LARGEST = torch.finfo(FORMAT).max


class Float8Linear(nn.Module):
    """y = xWᵀ for a frozen W [out, in], held twice: scaled by row for y, and transposed, scaled by column, for dx."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        for name, matrix in (("forward", linear.weight), ("backward", linear.weight.T)):
            values, scale = quantize(matrix.detach())
            self.register_buffer(f"{name}_values", values.contiguous(), persistent=False)
            self.register_buffer(f"{name}_scale", scale.T.contiguous(), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _Product.apply(x, self.forward_values, self.forward_scale, self.backward_values, self.backward_scale)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, values, scale, back_values, back_scale):
        ctx.save_for_backward(back_values, back_scale)
        return product(x, values, scale)

    @staticmethod
    def backward(ctx, grad):
        return product(grad, *ctx.saved_tensors), None, None, None, None


def quantize(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`matrix` [m, k] as float8 values and a float32 scale a row [m, 1]: matrix ≈ values × scale."""
    scale = (matrix.abs().amax(-1, keepdim=True).float() / LARGEST).clamp(min=1e-12)
    return (matrix / scale).to(FORMAT), scale


def product(x: torch.Tensor, values: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """x [..., k] times the transpose of values [n, k] × scale [1, n]; the result [..., n] has x's type (bf16)."""
    rows, row_scale = quantize(x.reshape(-1, x.shape[-1]))
    y = torch._scaled_mm(rows, values.T, scale_a=row_scale, scale_b=scale, out_dtype=x.dtype, use_fast_accum=True)
    return y.view(*x.shape[:-1], -1)


def freeze_in_float8(model: nn.Module) -> None:
    """Replaces the frozen weights under every LoRA layer of `model`; their bf16 originals are let go."""
    for layer in model.modules():
        if isinstance(layer, LoraLinear):
            layer.base_layer = Float8Linear(layer.base_layer)


def float8_obstacle(device: torch.device) -> str:
    """Why float8 cannot be used on `device`, or ""."""
    if device.type != "cuda":
        return f"it needs an NVIDIA GPU, found {device.type}"
    if torch.cuda.get_device_capability(device) < (8, 9):
        return f"it needs an Ada, Hopper or newer GPU, found {torch.cuda.get_device_name(device)}"
    return ""
