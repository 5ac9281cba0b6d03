"""Sizes of VILA-U models, as the four `config.json` of a checkpoint give them.

The published code fixes 8 frames of 256 tokens, 1024 values of a code, and a body like Llama-2 7B;
everything else stands in the real checkpoint only, so the preset `7b` guesses it, in good faith
from models of the same family, and says so in `docs/vila_u.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastcar.reference.config import ModelConfig
from fastcar.reference.rope_scaling import LinearScaling

Json = dict[str, Any]


@dataclass(frozen=True)
class VilaSizes:
    """A model.

    Attributes:
        hidden_size: H of the body.
        intermediate_size: of its MLPs.
        num_layers: of the body.
        num_heads: of the body.
        vocab_size: V, text tokens with the four that VILA-U adds.
        rope_factor: positions of the body are divided by it.
        side: s; a frame is s x s tokens.
        num_frames: of a video.
        code_width: C.
        num_codes: n of a codebook.
        depth: D, codes of a token.
        depth_width: W of the depth transformer.
        depth_heads: of it.
        depth_layers: of it.
        projector_layers: linear maps of the projector, with GELU between them.
        decoder_channels: of the pixel decoder's level of factor 1.
        decoder_factors: of its levels, the finest one first.
        decoder_blocks: residual blocks of a level, one less than there are.
        z_channels: of its input.
        attention_side: nominal side of the levels with attention.
        resized_side: of the latent that it sees; None = s.
    """

    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    vocab_size: int
    rope_factor: float
    side: int
    num_frames: int
    code_width: int
    num_codes: int
    depth: int
    depth_width: int
    depth_heads: int
    depth_layers: int
    projector_layers: int
    decoder_channels: int
    decoder_factors: tuple[int, ...]
    decoder_blocks: int
    z_channels: int
    attention_side: int
    resized_side: int | None = None

    @property
    def tokens_per_frame(self) -> int:
        """N."""
        return self.side * self.side

    @property
    def body(self) -> ModelConfig:
        """Sizes of the Llama body."""
        return ModelConfig(
            vocab_size=self.vocab_size,
            hidden_size=self.hidden_size,
            intermediate_size=self.intermediate_size,
            num_hidden_layers=self.num_layers,
            num_attention_heads=self.num_heads,
            num_key_value_heads=self.num_heads,
            head_dim=self.hidden_size // self.num_heads,
            rms_norm_eps=1e-5,
            rope_theta=10000.0,
            max_position_embeddings=4096,
            tie_word_embeddings=False,
            rope_scaling=LinearScaling(self.rope_factor),
        )


TINY = VilaSizes(
    hidden_size=64,
    intermediate_size=96,
    num_layers=2,
    num_heads=2,
    vocab_size=36,
    rope_factor=2.0,
    side=4,
    num_frames=2,
    code_width=32,
    num_codes=48,
    depth=4,
    depth_width=48,
    depth_heads=4,
    depth_layers=2,
    projector_layers=2,
    decoder_channels=32,
    decoder_factors=(1, 2),
    decoder_blocks=1,
    z_channels=32,
    attention_side=4,
)
LARGE = VilaSizes(
    hidden_size=4096,
    intermediate_size=11008,
    num_layers=32,
    num_heads=32,
    vocab_size=32004,
    rope_factor=2.0,
    side=16,
    num_frames=8,
    code_width=1024,
    num_codes=16384,
    depth=4,
    depth_width=1024,
    depth_heads=16,
    depth_layers=6,
    projector_layers=2,
    decoder_channels=128,
    decoder_factors=(1, 1, 2, 2, 4),
    decoder_blocks=2,
    z_channels=256,
    attention_side=16,
)
PRESETS = {"tiny": TINY, "7b": LARGE}


def make_vision_config(sizes: VilaSizes) -> Json:
    """`config.json` of the folder `vision_tower`."""
    latent = [sizes.side, sizes.side]
    levels = len(sizes.decoder_factors)
    resized = sizes.resized_side
    return {
        "model_type": "rqvaesigliptransformer_model",
        "hidden_size": sizes.code_width,
        "rqvaesiglip": {
            "model_type": "rqvaesiglip_model",
            "embed_dim": sizes.code_width,
            "n_embed": sizes.num_codes,
            "latent_shape": [*latent, sizes.code_width],
            "code_shape": [*latent, sizes.depth],
            "shared_codebook": True,
            "decoder_latent_shape": None if resized is None else [resized, resized],
            "pretrained_model": "none: an encoder is not among the random weights",
            "ddconfig": {
                "ch": sizes.decoder_channels,
                "ch_mult": list(sizes.decoder_factors),
                "num_res_blocks": sizes.decoder_blocks,
                "attn_resolutions": [sizes.attention_side],
                "resolution": (resized or sizes.side) << (levels - 1),
                "z_channels": sizes.z_channels,
                "in_channels": 3,
                "out_ch": 3,
                "double_z": False,
                "dropout": 0.0,
                "resamp_with_conv": True,
            },
        },
        "rqtransformer": {
            "model_type": "rqtransformer_model",
            "block_size": [*latent, sizes.depth],
            "input_embed_dim_1": sizes.code_width,
            "input_embed_dim_2": sizes.hidden_size,
            "embed_dim": sizes.depth_width,
            "vocab_size": sizes.num_codes,
            "head": {"n_layer": sizes.depth_layers, "block": {"n_head": sizes.depth_heads}},
        },
    }


def make_projector_config(sizes: VilaSizes) -> Json:
    """`config.json` of the folder `mm_projector`."""
    kind = "linear" if sizes.projector_layers == 1 else f"mlp{sizes.projector_layers}x_gelu"
    return {"model_type": "v2l_projector", "mm_projector_type": kind}


def make_top_config(sizes: VilaSizes, body: Json) -> Json:
    """`config.json` of the directory itself; `body` is that of the folder `llm`."""
    return {
        "model_type": "vila_u_llama",
        "architectures": ["VILAULlamaModel"],
        "hidden_size": sizes.hidden_size,
        "mm_hidden_size": sizes.code_width,
        "num_video_frames": sizes.num_frames,
        "mm_use_im_start_end": True,
        "mm_use_vi_start_end": True,
        "mm_use_im_patch_token": False,
        "llm_cfg": body,
        "vision_tower_cfg": make_vision_config(sizes),
        "mm_projector_cfg": make_projector_config(sizes),
    }
