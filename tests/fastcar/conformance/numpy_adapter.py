"""Another implementation for the kit, in plain NumPy, with mistakes that can be planted.

It shares no line with `reference`: every layer is computed for whole rows, padding cut off, and
replay is a rule about positions. As a program: `numpy_adapter.py INPUT OUTPUT [BUG]`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

DECODING = ("decoder", "scores", "replay", "input_gate", "corrected")
DOES_NOT_KNOW = 3


def normalise(x: Any, gain: Any, epsilon: float) -> Any:
    """RMS norm."""
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + epsilon) * gain


def rotate(x: Any, base: float, bug: str) -> Any:
    """Rotary embedding of [T, H, d]; pairs are (i, i + d / 2)."""
    half = x.shape[-1] // 2
    phase = np.exp(1j * np.arange(len(x))[:, None] * base ** (-np.arange(half) / half))[:, None]
    if bug == "rotary of neighbours":
        turned = (x[..., ::2] + 1j * x[..., 1::2]) * phase
        return np.stack([turned.real, turned.imag], axis=-1).reshape(x.shape)
    turned = (x[..., :half] + 1j * x[..., half:]) * phase
    return np.concatenate([turned.real, turned.imag], axis=-1)


class Row:
    """One row, padding cut off; T tokens, the first of which is the prompt's."""

    def __init__(
        self, inputs: dict[str, Any], settings: dict[str, Any], row: int, bug: str
    ) -> None:
        self.inputs, self.settings, self.bug = inputs, settings, bug
        self.config, self.frame = settings["config"], settings["tokens_per_frame"]
        kept = slice(None) if bug == "padding is read" else inputs["prompt_mask"][row]
        prompt = inputs["prompt_ids"][row][kept]
        self.ids = np.concatenate([prompt, inputs["forced_ids"][row]])
        self.start = len(prompt)
        self.limits = inputs.get("tau", inputs.get("delta"))
        self.heads: list[Any] = []
        self.replayed: list[Any] = []
        self.used: list[Any] = []

    def run(self) -> Any:
        """Logits [T, V]."""
        x = self.inputs["embedding"][self.ids].astype(float)
        for index in range(self.config["num_hidden_layers"]):
            layer = {
                name.rsplit(".")[-1]: array.astype(float)
                for name, array in self.inputs.items()
                if name.startswith(f"layers.{index}.")
            }
            x = self.run_layer(index, layer, x)
        x = normalise(x, self.inputs["norm"], self.config["rms_norm_eps"])
        return x @ self.inputs["head"].T.astype(float)

    def run_layer(self, index: int, layer: Any, x: Any) -> Any:
        """The stream [T, D] behind a layer; keeps what it saw and did for every token."""
        width, length = self.config["head_dim"], len(x)
        normed = normalise(x, layer["attention_norm"], self.config["rms_norm_eps"])
        plain, key, value = (
            (normed @ layer[f"{name}_proj"].T).reshape(length, -1, width) for name in "qkv"
        )
        base, group = self.config["rope_theta"], plain.shape[1] // key.shape[1]
        query, key = rotate(plain, base, self.bug), rotate(key, base, self.bug)
        if self.bug == "groups interleaved":
            key, value = (np.tile(part, (1, group, 1)) for part in (key, value))
        else:
            key, value = (part.repeat(group, axis=1) for part in (key, value))
        logits = np.einsum("qhd,khd->hqk", query, key) / width**0.5
        shares = np.exp(np.where(self.is_seen(length), logits, -np.inf))
        shares /= shares.sum(axis=-1, keepdims=True)
        x = x + np.einsum("hqk,khd->qhd", shares, value).reshape(length, -1) @ layer["o_proj"].T
        is_published = self.settings["semantics"] == "published"
        scored = plain if is_published != (self.bug == "query rotary swapped") else query
        aligned = key[self.start : length - self.frame]
        if self.bug == "score of the place itself":
            aligned = key[self.start + self.frame :]
        heads = (scored[self.start + self.frame :] * aligned).sum(axis=-1) / width**0.5
        if self.bug == "score without scale":
            heads = heads * width**0.5
        self.heads.append(heads)
        normed = normalise(x, layer["mlp_norm"], self.config["rms_norm_eps"])
        return x + self.replay(index, self.aggregate(heads), normed, layer)

    def is_seen(self, length: int) -> Any:
        """Causal, with sinks and window."""
        query, key = np.indices((length, length))
        window, sinks = self.settings["window"], self.settings["sinks"]
        if window is None or self.bug == "no window":
            return key <= query
        if self.bug == "no sinks":
            sinks = 0
        return (key <= query) & ((query - key < window) | (key < sinks))

    def aggregate(self, heads: Any) -> Any:
        """[T - start - N]."""
        is_mean = self.settings["aggregation"] == "mean" or self.bug == "always the mean"
        return heads.mean(axis=-1) if is_mean else heads.max(axis=-1)

    def replay(self, index: int, scores: Any, normed: Any, layer: Any) -> Any:
        """MLP outputs that are used, [T, D]; prompt tokens always compute."""
        gate, up = normed @ layer["gate_proj"].T, normed @ layer["up_proj"].T
        fresh = (gate / (1 + np.exp(-gate)) * up) @ layer["down_proj"].T
        used, kept, source = fresh.copy(), fresh.copy(), np.arange(len(fresh))
        chains, replayed = np.zeros(len(fresh), int), np.zeros(len(fresh), bool)
        warm = 1 if self.bug == "no warm-up" else self.settings["warmup_frames"]
        for token in range(self.start + self.frame * warm, len(fresh)):
            before = token - self.frame
            if not self.is_safe(index, scores, token, normed, source[before], chains[before]):
                continue
            replayed[token], chains[token] = True, chains[before] + 1
            used[token] = fresh[before] if self.bug == "fresh output kept" else kept[before]
            kept[token], source[token] = kept[before], source[before]
            if "correction_up" in self.inputs:
                up, down = (
                    self.inputs[f"correction_{name}"][index].astype(float)
                    for name in ("up", "down")
                )
                used[token] = kept[token] + up @ (down @ (normed[token] - normed[source[token]]))
                if self.bug == "corrected output kept":
                    kept[token] = used[token]
            if self.bug == "output of the step before":
                used[token] = used[token - 1]
        self.replayed.append(replayed[self.start :])
        self.used.append(used[self.start :])
        return used

    def is_safe(
        self, index: int, scores: Any, token: int, normed: Any, source: int, chain: int
    ) -> bool:
        """Whether a warm token replays."""
        limit = np.nan if self.limits is None else self.limits[index]
        longest = self.settings["max_chain"]
        if self.bug == "layers without threshold replay" and np.isnan(limit):
            limit = -np.inf
        if longest is not None and chain >= longest and self.bug != "chain not limited":
            return False
        if "delta" in self.inputs:
            source = token - self.frame if self.bug == "distance to the last input" else source
            return bool(np.linalg.norm(normed[token] - normed[source]) <= limit)
        score = scores[token - self.start - self.frame]
        is_strict = self.settings["semantics"] == "published"
        if is_strict != (self.bug == "threshold strict"):
            return bool(score > limit)
        return bool(score >= limit)


def answer(inputs: dict[str, Any], bug: str = "") -> dict[str, Any] | None:
    """All answers to one file of inputs; None for a case that is not known."""
    settings = json.loads(bytes(inputs["settings"]))
    if settings["case"] == "scheduler":
        return schedule(inputs["computes"], settings["num_cores"], bug)
    if settings["case"] not in DECODING:
        return None
    rows = [Row(inputs, settings, row, bug) for row in range(len(inputs["prompt_ids"]))]
    logits = [row.run() for row in rows]
    steps = inputs["forced_ids"].shape[1]
    answers = {"logits": np.stack([one[-steps:] for one in logits], axis=1)}
    if settings["case"] == "decoder":
        prompt = np.zeros((*inputs["prompt_ids"].shape, logits[0].shape[-1]))
        for place, row, one in zip(prompt, rows, logits, strict=True):
            place[len(place) - row.start :] = one[: row.start]
        return answers | {"prompt_logits": prompt}
    if settings["case"] == "scores":
        heads = np.stack([np.stack(row.heads, 1) for row in rows], axis=2)  # [S - N, L, B, H]
        return {"score_heads": heads, "tas": rows[0].aggregate(heads)}
    for key, name in (("replayed", "replayed"), ("mlp_used", "used")):
        answers[key] = np.stack([np.stack(getattr(row, name), 1) for row in rows], axis=2)
    return answers


def schedule(computes: Any, cores: int, bug: str) -> dict[str, Any]:
    """Round robin over the slots that compute."""
    turn = np.cumsum(computes, axis=1) - 1
    if bug == "slots dealt, not work":
        turn = np.arange(computes.shape[1]) * np.ones_like(computes, int)
    mapping = np.where(computes, turn % cores, -1)
    loads = (mapping[..., None] == np.arange(cores)).sum(axis=1)
    word = (computes * (1 << np.arange(computes.shape[1]))).sum(axis=1)
    return {"index_word": word, "mapping": mapping, "num_rounds": loads.max(axis=1)}


def main(source: str, target: str, bug: str = "") -> int:
    """Status of the program."""
    with np.load(source) as file:
        answers = answer(dict(file), bug)
    if answers is None:
        return DOES_NOT_KNOW
    np.savez(target, **answers)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
