"""An implementation in PyTorch for `fastcar conformance run`: all cases in real numbers.

It knows nothing of FastCar but docs/conformance.md: whole rows, layer by layer, padding cut off.
A third argument, float32, answers in single precision. Status 3: it does not know the case.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import torch
from torch.nn import functional


def rotate(x: Any, base: float) -> Any:
    """Rotary embedding of [T, H, d]; pairs are (i, i + d / 2)."""
    half = x.shape[-1] // 2
    speed = base ** (-torch.arange(half, dtype=x.dtype) / half)
    angle = (torch.arange(len(x), dtype=x.dtype)[:, None] * speed)[:, None]  # [T, 1, d / 2]
    one, two = x[..., :half], x[..., half:]
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([one * cos - two * sin, two * cos + one * sin], dim=-1)


def decode(given: dict[str, Any], rule: dict[str, Any], ids: Any, prompt: int) -> tuple[Any, ...]:
    """Logits [T, V]; scores by head [T - P - N, L, H]; decisions [T, L], MLP outputs [T, L, D]."""
    sizes, frame, seen = rule["config"], rule["tokens_per_frame"], len(ids)
    width, epsilon, heads, replayed, used = sizes["head_dim"], sizes["rms_norm_eps"], [], [], []
    distance = torch.arange(seen)[:, None] - torch.arange(seen)
    visible = distance >= 0
    if rule["window"] is not None:
        visible &= (distance < rule["window"]) | (torch.arange(seen) < rule["sinks"])
    x = given["embedding"][ids]
    for index in range(sizes["num_hidden_layers"]):
        layer = {key: given[key] for key in given if key.startswith(f"layers.{index}.")}
        layer = {key.rpartition(".")[2]: value for key, value in layer.items()}
        normed = functional.rms_norm(x, x.shape[-1:], layer["attention_norm"], epsilon)
        plain, key, value = ((normed @ layer[f"{n}_proj"].T).view(seen, -1, width) for n in "qkv")
        query, key = rotate(plain, sizes["rope_theta"]), rotate(key, sizes["rope_theta"])
        key, value = (p.repeat_interleave(len(plain[0]) // len(p[0]), 1) for p in (key, value))
        by_head = [part.transpose(0, 1) for part in (query, key, value)]  # [H, T, d]
        context = functional.scaled_dot_product_attention(*by_head, attn_mask=visible)
        x = x + context.transpose(0, 1).reshape(seen, -1) @ layer["o_proj"].T
        asked = plain if rule["semantics"] == "published" else query
        heads.append((asked[prompt + frame :] * key[prompt:-frame]).sum(-1) / width**0.5)
        score = heads[-1].mean(-1) if rule["aggregation"] == "mean" else heads[-1].amax(-1)
        normed = functional.rms_norm(x, x.shape[-1:], layer["mlp_norm"], epsilon)
        gate, up = functional.silu(normed @ layer["gate_proj"].T), normed @ layer["up_proj"].T
        kept = (gate * up) @ layer["down_proj"].T
        output, chain = replay(given, rule, index, prompt, score, normed, kept)
        replayed.append(torch.tensor(chain) > 0)
        used.append(output)
        x = x + output
    logits = functional.rms_norm(x, x.shape[-1:], given["norm"], epsilon) @ given["head"].T
    return logits, *(torch.stack(part, dim=1) for part in (heads, replayed, used))


def replay(
    given: dict[str, Any], rule: dict[str, Any], index: int, prompt: int, *seen: Any
) -> tuple[Any, list[int]]:
    """MLP outputs that a layer uses [T, D], of scores, MLP inputs and fresh outputs; its chains."""
    score, normed, kept = seen  # the output and the place of its input move along a chain
    frame, output = rule["tokens_per_frame"], kept.clone()
    limits: Any = given.get("tau", given.get("delta"))
    chain, source = [0] * len(kept), list(range(len(kept)))
    first = len(kept) if limits is None else prompt + rule["warmup_frames"] * frame
    for token in range(first, len(kept)):
        before, limit = token - frame, limits[index]
        moved = normed[token] - normed[source[before]]
        if "delta" in given:
            is_safe = moved.norm() <= limit
        elif rule["semantics"] == "published":
            is_safe = score[before - prompt] > limit
        else:
            is_safe = score[before - prompt] >= limit
        if is_safe and (rule["max_chain"] is None or chain[before] < rule["max_chain"]):
            chain[token], source[token] = chain[before] + 1, source[before]
            output[token] = kept[token] = kept[before]
            if "correction_up" in given:
                down, up = given["correction_down"][index], given["correction_up"][index]
                output[token] += up @ (down @ moved)
    return output, chain


def main(source: str, target: str, dtype: str = "float64") -> int:
    """Status of the program."""
    arrays = dict(np.load(source))
    rule = json.loads(bytes(arrays.pop("settings")))
    if rule["case"] not in ("decoder", "scores", "replay", "input_gate", "corrected"):
        return 3
    given = {key: torch.from_numpy(array) for key, array in arrays.items()}
    given = {
        k: v.to(getattr(torch, dtype)) if v.is_floating_point() else v for k, v in given.items()
    }
    rows = []
    for prompt, mask, forced in zip(
        *(given[key] for key in ("prompt_ids", "prompt_mask", "forced_ids")), strict=True
    ):
        logits, *rest = decode(given, rule, torch.cat([prompt[mask], forced]), int(mask.sum()))
        hidden = functional.pad(logits, (0, 0, int((~mask).sum()), 0))  # padding is not looked at
        steps = len(forced)
        rows.append((hidden[:-steps], hidden[-steps:], rest[0], rest[1][-steps:], rest[2][-steps:]))
    prompts, logits, heads, replayed, used = (list(part) for part in zip(*rows, strict=True))
    by_row = torch.stack(heads, 2)  # [S - N, L, B, H]
    tas = by_row.mean(-1) if rule["aggregation"] == "mean" else by_row.amax(-1)
    logits, answers = torch.stack(logits, 1), {}
    if rule["case"] == "scores":
        answers = {"score_heads": by_row, "tas": tas}
    elif rule["case"] == "decoder":
        answers = {"prompt_logits": torch.stack(prompts), "logits": logits}
    else:
        answers = {"replayed": torch.stack(replayed, 2), "mlp_used": torch.stack(used, 2)}
        answers["logits"] = logits
    np.savez(target, **{key: value.numpy() for key, value in answers.items()})
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
