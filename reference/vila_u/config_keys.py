"""Keys that the objects of a vision tower's `config.json` may have; any other is refused by name.

A key that is not known could stand for arithmetic that is not done here (D-58).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.json_file import describe

_WRITTEN = """
    add_cross_attention architectures attn_implementation bad_words_ids begin_suppress_tokens
    bos_token_id chunk_size_feed_forward cross_attention_hidden_size decoder_start_token_id
    diversity_penalty do_sample dtype early_stopping encoder_no_repeat_ngram_size eos_token_id
    exponential_decay_length_penalty finetuning_task forced_bos_token_id forced_eos_token_id
    id2label is_decoder is_encoder_decoder label2id length_penalty max_length min_length
    model_type no_repeat_ngram_size num_beam_groups num_beams num_return_sequences
    output_attentions output_hidden_states output_scores pad_token_id prefix problem_type
    pruned_heads remove_invalid_values repetition_penalty return_dict return_dict_in_generate
    sep_token_id suppress_tokens task_specific_params temperature tf_legacy_loss
    tie_encoder_decoder tie_word_embeddings tokenizer_class top_k top_p torch_dtype torchscript
    transformers_version typical_p use_bfloat16
"""
_GENERIC = frozenset(_WRITTEN.split())
"""Of any object that the library writes, in short or in full; so are names with an underscore."""

KEYS: dict[str, tuple[str, ...]] = {
    "vision_tower": ("hidden_size", "rqvaesiglip", "rqtransformer"),
    "rqvaesiglip": (
        *("embed_dim", "n_embed", "latent_shape", "code_shape", "shared_codebook", "ddconfig"),
        *("decoder_latent_shape", "pretrained_model", "restart_unused_codes", "decay"),
        *("latent_loss_weight",),
    ),
    "rqtransformer": (
        *("block_size", "input_embed_dim_1", "input_embed_dim_2", "embed_dim", "vocab_size"),
        "head",
    ),
    "head": ("n_layer", "block"),
    "block": ("n_head",),
}
"""Of each object."""


def check_keys(name: str, document: Mapping[str, Any], place: str) -> None:
    """Refuse what is not in `KEYS`.

    Args:
        name: of the object, a key of `KEYS`.
        document: the object.
        place: of it, for errors.

    Raises:
        CheckpointError: names the first unknown key.
    """
    known = KEYS[name]
    for key in document:
        if key not in known and key not in _GENERIC and not key.startswith("_"):
            shown = f"the unknown key {describe(key)}"
            raise CheckpointError(place, shown, f"an object of {', '.join(known)}")
