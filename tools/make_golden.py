"""Golden vectors of Hugging Face `transformers`: what its Llama computes for tiny random weights.

Run as `make golden`. Each case becomes a checkpoint directory as `save_pretrained` writes it, with
a `run.npz` beside the weights; tests/vectors/hugging_face/README.md tells the arrays. The weights
follow from the seed of the case, so a second run on the same versions gives the same files. Of the
checkpoints of `tools/golden_checkpoints.py` only the logits are kept, for anybody can write those
again.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from tools import golden_checkpoints as kinds
from tools.paths import ROOT

PINNED = {"transformers": "5.23.0", "torch": "2.13.0"}
DESTINATION = ROOT / "tests" / "vectors" / "hugging_face"
NUM_ROWS, NUM_PROMPT_TOKENS, NUM_STEPS = 3, 7, 12
CACHE_TOLERANCE = 2e-5
"""Allowed difference of decode with the cache from one pass over the whole sequence."""


@dataclass(frozen=True)
class Case:
    """One tiny Llama.

    Attributes:
        seed: of weights and tokens.
        config: what differs from `BASE`.
        padding: masked tokens at the left of each row's prompt.
        dtype: of the stored weights; the recorded run computes in float32 in any case.
        shard_size: largest shard, as `save_pretrained` takes it; None for one file.
    """

    seed: int
    config: dict[str, Any] = field(default_factory=dict)
    padding: tuple[int, int, int] = (0, 0, 0)
    dtype: torch.dtype = torch.float32
    shard_size: str | None = None


BASE: dict[str, Any] = {
    "vocab_size": 61,
    "hidden_size": 32,
    "intermediate_size": 56,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    "tie_word_embeddings": False,
}
GROUPED: dict[str, Any] = {
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 10,
    "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0},
}
CASES = {
    "multi_head": Case(1),
    "grouped_query": Case(2, GROUPED),
    "tied_head": Case(3, {"tie_word_embeddings": True, "rms_norm_eps": 1e-6}),
    "left_padding": Case(4, {"num_key_value_heads": 2}, padding=(0, 2, 5)),
    "bfloat16": Case(5, dtype=torch.bfloat16),
    "sharded": Case(6, {**GROUPED, "num_hidden_layers": 3}, shard_size="40KB"),
}


def make_model(case: Case) -> LlamaForCausalLM:
    """Random weights at unit scale: the default of 0.02 leaves logits too small to compare."""
    config = LlamaConfig(**{**BASE, **case.config}, attn_implementation="eager")
    model = LlamaForCausalLM(config).eval()
    rng = np.random.default_rng(case.seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            shape = tuple(parameter.shape)
            if len(shape) == 1:
                values = rng.uniform(0.5, 1.5, shape)
            else:
                scale = 1.0 if "embed_tokens" in name else shape[1] ** -0.5
                values = rng.standard_normal(shape) * scale
            parameter.copy_(torch.from_numpy(values.astype(np.float32)).to(case.dtype))
    return model


def make_tokens(case: Case) -> dict[str, NDArray[Any]]:
    """Random prompts and forced tokens; masked places hold tokens too, which must not matter."""
    rng = np.random.default_rng([case.seed, 1])
    vocab_size = BASE["vocab_size"]
    prompt_mask = np.arange(NUM_PROMPT_TOKENS) >= np.asarray(case.padding)[:, None]
    return {
        "prompt_ids": rng.integers(vocab_size, size=(NUM_ROWS, NUM_PROMPT_TOKENS)),
        "prompt_mask": prompt_mask,
        "forced_ids": rng.integers(vocab_size, size=(NUM_ROWS, NUM_STEPS)),
    }


def compute_logits(
    model: LlamaForCausalLM, tokens: dict[str, NDArray[Any]]
) -> dict[str, NDArray[np.float32]]:
    """Prefill, then one forced token per step with the key-value cache."""
    ids = torch.from_numpy(np.concatenate([tokens["prompt_ids"], tokens["forced_ids"]], axis=1))
    forced_mask = np.ones(tokens["forced_ids"].shape, bool)
    mask = torch.from_numpy(np.concatenate([tokens["prompt_mask"], forced_mask], axis=1)).long()
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    cache = None
    chunks = []
    edges = [0, *range(NUM_PROMPT_TOKENS, NUM_PROMPT_TOKENS + NUM_STEPS + 1)]
    for start, stop in pairwise(edges):
        output = model(
            input_ids=ids[:, start:stop],
            attention_mask=mask[:, :stop],
            position_ids=positions[:, start:stop],
            past_key_values=cache,
            use_cache=True,
        )
        cache = output.past_key_values
        chunks.append(output.logits)
    whole = model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False)
    difference = ((torch.cat(chunks, dim=1) - whole.logits).abs() * mask[:, :, None]).max().item()
    if not difference <= CACHE_TOLERANCE:
        raise SystemExit(f"cached decode differs from one pass by {difference}")
    return {
        "prefill_logits": chunks[0].numpy(),
        "logits": torch.cat(chunks[1:], dim=1).transpose(0, 1).contiguous().numpy(),
    }


def write_case(case: Case, directory: Path) -> None:
    """Write one checkpoint directory with its recorded run."""
    shutil.rmtree(directory, ignore_errors=True)
    model = make_model(case)
    tokens = make_tokens(case)
    # before the cast below: in float32, with weights that the stored type holds exactly
    with torch.no_grad():
        logits = compute_logits(model, tokens)
    model.to(case.dtype).save_pretrained(directory, max_shard_size=case.shard_size or "1GB")
    (directory / "generation_config.json").unlink()
    arrays: dict[str, Any] = {**tokens, **logits}
    np.savez(directory / "run.npz", **arrays)


def compute_kind_logits(directory: Path) -> NDArray[np.float32]:
    """[rows, tokens, V] of one pass over a checkpoint directory, in float32; read from its files.

    A prefill with one token per step after it must give the same.
    """
    model = LlamaForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    ids = torch.from_numpy(kinds.make_token_ids())
    cache, chunks = None, []
    for start, stop in pairwise([0, *range(kinds.NUM_PROMPT_TOKENS, ids.shape[1] + 1)]):
        output = model(input_ids=ids[:, start:stop], past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        chunks.append(output.logits)
    whole = model(input_ids=ids, use_cache=False).logits
    difference = (torch.cat(chunks, dim=1) - whole).abs().max().item()
    if not difference <= CACHE_TOLERANCE:
        raise SystemExit(f"cached decode differs from one pass by {difference}")
    logits: NDArray[np.float32] = whole.numpy()
    return logits


def write_kinds(path: Path) -> None:
    """Record the logits of every kind of checkpoint in one file."""
    arrays: dict[str, Any] = {}
    for name in kinds.KINDS:
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            arrays[name] = compute_kind_logits(kinds.write_kind(name, Path(folder)))
    np.savez_compressed(path, **arrays)


def main() -> None:
    """Write every case; refuse versions other than the pinned ones."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=DESTINATION, help="default: %(default)s")
    destination = parser.parse_args().out
    for package, pinned in PINNED.items():
        found = version(package).partition("+")[0]
        if found != pinned:
            raise SystemExit(f"{package} = {found}: must be {pinned}")
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    for name, case in CASES.items():
        write_case(case, destination / name)
        print(f"{name}: {destination / name}")
    write_kinds(destination / "kinds.npz")
    print(f"{len(kinds.KINDS)} kinds: {destination / 'kinds.npz'}")


if __name__ == "__main__":
    main()
