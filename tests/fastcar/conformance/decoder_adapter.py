"""The integer decoder in Python integers, row by row, from docs/accelerator.md, section 7.

Mistakes can be planted; NumPy only carries the arrays.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tests.fastcar.conformance.integer_adapter import limit, multiply, normalise, run_row, shift

Numbers = list[int]


class Row:
    """One row of the batch, padding cut off."""

    def __init__(self, arrays: Any, settings: Any, row: int, bug: str) -> None:
        self.arrays, self.settings, self.row, self.bug = arrays, settings, row, bug
        sizes = settings["config"]
        self.width: int = sizes["head_dim"]
        self.heads: int = sizes["num_attention_heads"]
        self.group: int = self.heads // sizes["num_key_value_heads"]
        self.layers = range(sizes["num_hidden_layers"])
        mask, ids = arrays["prompt_mask"][row], arrays["prompt_ids"][row]
        self.prompt = [token for token, shown in zip(ids, mask, strict=True) if shown]
        self.padding = len(ids) - len(self.prompt)
        self.keys: list[list[Any]] = [[] for _ in self.layers]
        self.values: list[list[Any]] = [[] for _ in self.layers]
        self.outputs: dict[tuple[int, int], Numbers] = {}
        self.inputs: dict[tuple[int, int], Numbers] = {}
        self.chains: dict[tuple[int, int], int] = {}

    def run(self) -> dict[str, list[Any]]:
        """Every answer of the row, a list over steps (and layers)."""
        noise = [step[self.row] for step in self.arrays["noise"]]
        prompt_logits = [self.feed(token, None, {}) for token in self.prompt]
        tokens, logits, kept = [self.pick(prompt_logits[-1], noise[0])], [], []
        for step, one in enumerate(noise[1:]):
            seen: dict[str, list[Any]] = {}
            logits.append(self.feed(tokens[-1], step, seen))
            tokens.append(self.pick(logits[-1], one))
            kept.append(seen)
        answers = {key: [seen[key] for seen in kept] for key in kept[0]}
        shown = [[0] * len(prompt_logits[0])] * self.padding + prompt_logits
        return answers | {"prompt_logits": shown, "logits": logits, "tokens": tokens}

    def pick(self, logits: Numbers, noise: Numbers) -> int:
        """The token."""
        sums = [one + two for one, two in zip(logits, noise, strict=True)]
        if self.bug != "noise not limited":
            sums = [limit(one) for one in sums]
        if self.bug == "last of equal logits":
            return len(sums) - 1 - sums[::-1].index(max(sums))
        return sums.index(max(sums))

    def feed(self, token: int, step: int | None, seen: dict[str, list[Any]]) -> Numbers:
        """Logits behind a token; `step` is None in the prompt."""
        x = self.arrays["embedding"][token]
        for layer in self.layers:
            numbers, name = self.settings["layers"][layer], f"layers.{layer}"
            query, context, added, scores = self.attend(name, layer, numbers, x)
            x = [limit(one + two, self.bug) for one, two in zip(x, added, strict=True)]
            told = {"query": query, "context": context, "attended": x}
            told |= self.run_mlp(layer, numbers, x, step, scores)
            x = told["residual"]
            for key, value in told.items():
                seen.setdefault(key, []).append(value)
        normed = normalise(
            x, self.arrays["norm"], self.settings["head_epsilon"], self.arrays, self.bug
        )
        return multiply("head", normed, self.arrays, self.settings["head_shift"], self.bug)

    def attend(self, name: str, layer: int, numbers: Any, x: Numbers) -> tuple[Any, ...]:
        """Query and context by head, what is added to the stream, scores [H] of every key."""
        gains = self.arrays[f"{name}.attention_norm"]
        normed = normalise(x, gains, numbers["attention_epsilon"], self.arrays, self.bug)
        query, key, value = (
            self.split(
                multiply(
                    f"{name}.{one}_proj",
                    normed,
                    self.arrays,
                    numbers[f"{one}_proj_shift"],
                    self.bug,
                )
            )
            for one in "qkv"
        )
        position = len(self.keys[layer])
        query = [[limit(shift(u, 14, self.bug)) for u in self.turn(q, position)] for q in query]
        keys = [[shift(65026 * u, 38, self.bug) for u in self.turn(k, position)] for k in key]
        self.keys[layer].append([[self.narrow(one) for one in head] for head in keys])
        self.values[layer].append([[self.narrow(one) for one in head] for head in value])
        scores = [
            [
                sum(a * b for a, b in zip(q, held[self.share(h)], strict=True))
                for held in self.keys[layer]
            ]
            for h, q in enumerate(query)
        ]
        context = [
            self.mix(
                [
                    shift(z * numbers["logit_multiplier"], numbers["logit_shift"], self.bug)
                    for z in row
                ],
                [held[self.share(h)] for held in self.values[layer]],
            )
            for h, row in enumerate(scores)
        ]
        flat = [one for head in context for one in head]
        added = multiply(f"{name}.o_proj", flat, self.arrays, numbers["o_proj_shift"], self.bug)
        return query, context, added, scores

    def share(self, head: int) -> int:
        """Key head of a query head."""
        if self.bug == "integer groups interleaved":
            return head % (self.heads // self.group)
        return head // self.group

    def split(self, flat: Numbers) -> list[Numbers]:
        """By head."""
        return [flat[start : start + self.width] for start in range(0, len(flat), self.width)]

    def narrow(self, value: int) -> int:
        """What the cache holds."""
        lowest = -128 if self.bug == "cache down to -128" else -127
        return max(lowest, min(127, value))

    def turn(self, head: Numbers, position: int) -> Numbers:
        """ROPE before it is rounded."""
        half = self.width // 2
        first, second = head[:half], head[half:]
        if self.bug == "integer rotary of neighbours":
            first, second = head[::2], head[1::2]
        angles = zip(self.arrays["cos"][position], self.arrays["sin"][position], strict=True)
        pairs = [
            (a * cos - b * sin, b * cos + a * sin)
            for (cos, sin), a, b in zip(angles, first, second, strict=True)
        ]
        if self.bug == "integer rotary of neighbours":
            return [one for pair in pairs for one in pair]
        return [pair[0] for pair in pairs] + [pair[1] for pair in pairs]

    def list_words(self, num_keys: int) -> list[list[int]]:
        """Visible positions by word."""
        lanes, window, sinks = (self.settings[key] for key in ("num_lanes", "window", "sinks"))
        start = 0 if window is None else max(num_keys - window, 0)
        runs = [range(num_keys)]
        if window is not None and start > sinks:
            runs = [range(sinks), range(start, num_keys)]
            if self.bug == "sinks in the words of the window":
                runs = [[*range(sinks), *range(start, num_keys)]]  # type: ignore[list-item]
        shift_by = self.padding if self.bug == "padding takes a lane" else 0
        words = []
        for run in runs:
            blocks: dict[int, list[int]] = {}
            for position in run:
                blocks.setdefault((position + shift_by) // lanes, []).append(position)
            words += list(blocks.values())
        return words

    def mix(self, logits: Numbers, values: list[Numbers]) -> Numbers:
        """Softmax and context of one head."""
        table, words = self.arrays["exponential_table"], []
        peak, total = -(1 << 60), 0
        for positions in self.list_words(len(logits)):
            before = peak
            peak = max([peak, *((logits[one] >> 8) + 1 for one in positions)])
            weights = []
            for one in positions:
                gap = 256 * peak - logits[one] - 1
                weights.append(shift(table[255 - gap % 256], gap >> 8) if gap < 17 * 256 else 0)
            total = (total >> min(peak - before, 100)) + (sum(weights) << 11)
            words.append((peak, weights, positions))
        bits = total.bit_length()
        reciprocal = ((1 << 33) - 1) // (total >> (bits - 18))
        return [
            limit(
                shift(self.sum_words(words, peak, values, place) * reciprocal, bits + 7, self.bug)
            )
            for place in range(self.width)
        ]

    def sum_words(self, words: Any, peak: int, values: list[Numbers], place: int) -> int:
        """A of one dimension."""
        total = 0
        for exponent, weights, positions in words:
            drop = 0 if self.bug == "context not rescaled" else min(peak - exponent, 100)
            products = (p * values[one][place] for p, one in zip(weights, positions, strict=True))
            total += (sum(products) << 11) >> drop
        return total

    def run_mlp(
        self, layer: int, numbers: Any, x: Numbers, step: int | None, scores: Any
    ) -> dict[str, Any]:
        """The decision and what came of it."""
        frame, threshold = self.settings["tokens_per_frame"], self.settings["thresholds"][layer]
        place = layer, -1 if step is None else step % frame
        name = f"layers.{layer}."
        arrays = {
            key.removeprefix(name): value
            for key, value in self.arrays.items()
            if key.startswith(name) or key.endswith("table")
        }
        arrays["gains"] = arrays["mlp_norm"]
        computed = run_row(x, arrays, numbers | {"epsilon": numbers["mlp_epsilon"]}, self.bug)
        longest, score, replays = self.settings["max_chain"], 0, False
        may = step is not None and step >= frame * self.settings["warmup_frames"]
        if self.bug == "integer chain not limited":
            longest = None
        if may and threshold is not None and (longest is None or self.chains[place] < longest):
            if self.settings["decided_by"] == "distance":
                pairs = zip(computed["normed"], self.inputs[place], strict=True)
                score = sum((one - two) ** 2 for one, two in pairs)
                replays = score <= threshold
            else:
                aligned = len(scores[0]) - 1 - frame
                score = sum(row[aligned] for row in scores)
                replays = score >= threshold
            if self.bug == "integer threshold strict":
                replays = replays and score != threshold
        output = self.outputs[place] if replays else computed["output"]
        if self.bug == "integer distance to the token before" or not replays:
            self.inputs[place] = computed["normed"]
        self.outputs[place] = computed["output"] if self.bug == "fresh integers kept" else output
        self.chains[place] = self.chains.get(place, 0) + 1 if replays else 0
        residual = [limit(one + two, self.bug) for one, two in zip(x, output, strict=True)]
        return {"score": score, "replayed": replays, "mlp_used": output, "residual": residual}


def answer(inputs: dict[str, Any], bug: str = "") -> dict[str, Any] | None:
    """All answers to one file of inputs, rows side by side; None for a case that is not known."""
    settings = json.loads(bytes(inputs["settings"]))
    if settings["case"] != "integer_decoder":
        return None
    arrays = {key: array.tolist() for key, array in inputs.items()}
    rows = [Row(arrays, settings, row, bug) for row in range(len(arrays["prompt_ids"]))]
    answers = [row.run() for row in rows]
    batch_axis = {"prompt_logits": 0, "logits": 1, "tokens": 1}
    stacked = {
        key: np.stack([np.array(one[key]) for one in answers], batch_axis.get(key, 2))
        for key in answers[0]
    }
    for key in ("keys", "values"):
        shape = len(rows[0].layers), len(rows), rows[0].heads // rows[0].group
        whole = np.zeros((len(arrays["cos"]), *shape, rows[0].width), int)
        for place, row in enumerate(rows):
            held = np.array(getattr(row, key)).swapaxes(0, 1)  # [T, L, H_kv, d]
            whole[: len(held), :, place] = held
        stacked[key] = whole
    return stacked
