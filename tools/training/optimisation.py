"""AdamW and its learning rate, as all models here are trained."""

from __future__ import annotations

import math

import torch


def make_optimiser(model: torch.nn.Module, peak: float) -> torch.optim.AdamW:
    """Weight decay for matrices, none for norms."""
    decayed = [p for p in model.parameters() if p.ndim == 2]
    plain = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.98))


def compute_learning_rate(share: float, peak: float, step: int) -> float:
    """Linear warm-up over 100 steps, then cosine to 2 % of the peak.

    Args:
        share: part of the training time that is used.
        peak: largest rate.
        step: from 0 on.
    """
    cosine = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return peak * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * cosine)


def step_optimiser(
    optimiser: torch.optim.Optimizer, model: torch.nn.Module, loss: torch.Tensor, rate: float
) -> None:
    """One step at the given learning rate, gradients clipped to norm 1."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
