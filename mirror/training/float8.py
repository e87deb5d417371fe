"""Frozen weights of the language model in float8: matrix products at twice the rate of bf16 on a Hopper GPU.

This changes the numerics of training: every product with a frozen weight is rounded to float8 (e4m3, 3 bits of
mantissa), with one scale per row, in the forward and the backward pass. LoRA, projector, attention and norms keep
their precision.
"""

from typing import Any

import torch
from torch import nn

from mirror.models.lora import LoraLinear

FORMAT = torch.float8_e4m3fn
LARGEST = torch.finfo(FORMAT).max


class Float8Linear(nn.Module):
    """y = xWᵀ for a frozen W [out, in], stored twice: scaled by row for y, and transposed, scaled by column, for dx."""

    def __init__(self, linear: nn.Linear) -> None:
        """Quantize the weight of a linear layer without bias."""
        super().__init__()
        for name, matrix in (("forward", linear.weight), ("backward", linear.weight.T)):
            values, scale = quantize(matrix.detach())
            self.register_buffer(f"{name}_values", values.contiguous(), persistent=False)
            self.register_buffer(f"{name}_scale", scale.T.contiguous(), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[..., in] → [..., out], in the dtype of x."""
        return _Product.apply(x, self.forward_values, self.forward_scale, self.backward_values, self.backward_scale)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        values: torch.Tensor,
        scale: torch.Tensor,
        back_values: torch.Tensor,
        back_scale: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(back_values, back_scale)
        return product(x, values, scale)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None, None, None]:
        return product(grad, *ctx.saved_tensors), None, None, None, None


def quantize(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Quantize a matrix by row, so that matrix ≈ values × scale.

    Args:
        matrix: [m, k].

    Returns:
        The float8 values [m, k] and the float32 scales [m, 1].
    """
    scale = (matrix.abs().amax(-1, keepdim=True).float() / LARGEST).clamp(min=1e-12)
    return (matrix / scale).to(FORMAT), scale


def product(x: torch.Tensor, values: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Multiply x by the transpose of a quantized matrix.

    Args:
        x: [..., k], bf16; quantized by row.
        values: [n, k] float8.
        scale: [1, n] float32.

    Returns:
        [..., n] in the dtype of x.
    """
    rows, row_scale = quantize(x.reshape(-1, x.shape[-1]))
    y = torch._scaled_mm(rows, values.T, scale_a=row_scale, scale_b=scale, out_dtype=x.dtype, use_fast_accum=True)
    return y.view(*x.shape[:-1], -1)


def freeze_in_float8(model: nn.Module) -> None:
    """Replace the frozen weights under every LoRA layer of `model` in place; the bf16 originals are freed."""
    for layer in model.modules():
        if isinstance(layer, LoraLinear):
            layer.base_layer = Float8Linear(layer.base_layer)


def float8_obstacle(device: torch.device) -> str:
    """Why float8 cannot be used on `device`; empty if it can."""
    if device.type != "cuda":
        return f"it needs an NVIDIA GPU, found {device.type}"
    if torch.cuda.get_device_capability(device) < (8, 9):
        return f"it needs an Ada, Hopper or newer GPU, found {torch.cuda.get_device_name(device)}"
    return ""
