#!/usr/bin/env bash
# transformers 5.23.0, torch 2.13.0, on the CPU.
#
# Behaviour: `sliding_window` in the config of LlamaForCausalLM acts on the cache alone. One pass over
# all tokens attends to every earlier token; decoding token by token with the cache that the model makes
# itself attends to the last `sliding_window`, as that cache drops the older ones. So the same weights
# and tokens give two answers, without a word. MistralForCausalLM has the window in both.
# Seen, largest difference of the logits with a window of 4 and random weights: "Llama: tokens 1 to 4
# 3.8e-06, 5 to 16 12; one pass with and without the window 0", "Mistral: tokens 1 to 4 3.8e-06, 5 to 16
# 1.1e-05; one pass with and without the window 12".
# A good engineer would have guessed: an unknown key is ignored, or a known one honoured, but in both
# ways alike; the cache is a matter of speed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.23.0 torch==2.13.0
cat > "$folder/check.py" <<'EOF'
import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

SIZES = dict(vocab_size=32, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, initializer_range=0.5)
TOKENS = torch.arange(16)[None]


@torch.no_grad()
def compute(config_class, model_class, window):
    """The logits of one pass, and those of one token at a time."""
    torch.manual_seed(0)
    model = model_class(config_class(**SIZES, sliding_window=window)).eval()
    logits, cache = [], None
    for place in range(TOKENS.shape[1]):
        out = model(TOKENS[:, place : place + 1], past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        logits.append(out.logits[0])
    return model(TOKENS).logits[0], torch.cat(logits)


found = {}
for name, classes in {"Llama": (LlamaConfig, LlamaForCausalLM),
                      "Mistral": (MistralConfig, MistralForCausalLM)}.items():
    whole, steps = compute(*classes, 4)
    apart = (whole - steps).abs()
    effect = (whole - compute(*classes, None)[0]).abs().max().item()
    found[name] = [apart[:4].max().item(), apart[4:].max().item(), effect]
    print("{}: tokens 1 to 4 {:.2g}, 5 to 16 {:.2g}; one pass with and without the window {:.2g}"
          .format(name, *found[name]))
small = 1e-3
as_told = {"Llama": [True, False, True], "Mistral": [True, True, False]}
sys.exit(0 if {name: [x < small for x in row] for name, row in found.items()} == as_told else 1)
EOF
"$folder/venv/bin/python" "$folder/check.py"
