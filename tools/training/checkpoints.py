"""Write a model in training as a Hugging Face Llama directory, and read one back."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from fastcar.reference.config import ModelConfig
from tools.training.torch_llama import TorchLlama


def write_checkpoint(model: TorchLlama, config: ModelConfig, out: Path) -> None:
    """Weights in float32 under the Hugging Face names, and `config.json`."""
    weights = {
        name: tensor.detach().float().contiguous() for name, tensor in model.state_dict().items()
    }
    partial = out / "model.safetensors.partial"
    save_file(weights, partial)
    partial.replace(out / "model.safetensors")
    fields = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu"}
    (out / "config.json").write_text(json.dumps(fields | asdict(config), indent=1) + "\n")


def read_stages(start_from: Path | None) -> list[dict[str, Any]]:
    """Stages that made the model a training starts from, oldest first."""
    if start_from is None:
        return []
    stages: list[dict[str, Any]] = json.loads((start_from / "training.json").read_text())["stages"]
    return stages
