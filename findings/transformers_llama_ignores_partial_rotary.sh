#!/usr/bin/env bash
# transformers 5.23.0, torch 2.13.0, on the CPU.
#
# Behaviour: `partial_rotary_factor` in the config of LlamaForCausalLM, at the top level or within
# `rope_parameters`, is accepted and saved without a word, but with the rope type `default` the model
# turns all dimensions of a head all the same. PhiForCausalLM honours the same key in the same two places.
# Seen, largest difference of the logits between the factors 1 and 0.5 with random weights: "Llama: top
# level 0, rope_parameters 0, saved 0.5", "Phi: top level 7.2, rope_parameters 7.2, saved 0.5".
# A good engineer would have guessed: a key that the common configuration code moves to its place and
# saves is honoured by every model with rotary embeddings, or refused by those without it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.23.0 torch==2.13.0
cat > "$folder/check.py" <<'EOF'
import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PhiConfig, PhiForCausalLM

SIZES = dict(vocab_size=32, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, initializer_range=0.5)


@torch.no_grad()
def compute(config_class, model_class, **keys):
    torch.manual_seed(0)
    model = model_class(config_class(**SIZES, **keys)).eval()
    return model(torch.arange(16)[None]).logits, model.config.to_dict()["rope_parameters"]


def at_top(factor):
    return {"partial_rotary_factor": factor}


def within(factor):
    return {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, **at_top(factor)}}


found = {}
for name, classes in {"Llama": (LlamaConfig, LlamaForCausalLM),
                      "Phi": (PhiConfig, PhiForCausalLM)}.items():
    effects, saved = [], set()
    for make_keys in (at_top, within):
        (whole, _), (half, rope) = (compute(*classes, **make_keys(factor)) for factor in (1.0, 0.5))
        effects.append((whole - half).abs().max().item())
        saved.add(rope["partial_rotary_factor"])
    print("{}: top level {:.2g}, rope_parameters {:.2g}, saved {}".format(name, *effects, *saved))
    found[name] = [effect > 0.1 for effect in effects], saved
sys.exit(0 if found == {"Llama": ([False] * 2, {0.5}), "Phi": ([True] * 2, {0.5})} else 1)
EOF
"$folder/venv/bin/python" "$folder/check.py"
