"""What is counted of the whole decoder: kinds of attention, of decisions, and of runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastcar.reference.clip_model import ClipModel
from fastcar.reference.config import ModelConfig
from fastcar.reference.scheduler import Dispatch
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import DEMO, AcceleratorConfig

Json = dict[str, Any]


@dataclass(frozen=True)
class Mode:
    """How the layers of a token follow each other, and who computes which slot.

    Attributes:
        flows: a layer begins while slots of the one before are under way (D-48); False: when all
            cores are idle.
        dispatch: dynamic (DRS) or static mapping.
        resets: the pointer of DRS starts at core 0 in every layer, which no hardware does when
            layers flow: what it would cost.
    """

    flows: bool
    dispatch: Dispatch
    resets: bool = False

    @property
    def name(self) -> str:
        """Key of its numbers."""
        words = ["flow" if self.flows else "barrier", self.dispatch.value]
        return " ".join([*words, "reset"] if self.resets else words)


MODES = tuple(Mode(flows, dispatch) for flows in (False, True) for dispatch in Dispatch)
RESET = Mode(flows=True, dispatch=Dispatch.DYNAMIC, resets=True)


@dataclass(frozen=True)
class DecoderSettings:
    """How much is counted.

    Attributes:
        frames: of every video.
        videos: B, one per batch slot.
        cores: C.
        lanes: L.
        calibration_clips: for scales and thresholds.
        ratios: replayed shares of all decisions that thresholds are meant for.
        main_ratio: the one whose targets are judged.
        window: of sparse attention, tokens.
        sinks: of sparse attention, tokens.
        short_window: that the aligned key has left, for what its score costs.
        stride: every such token is counted where not all are; odd, so that all places of a frame
            of 2^n tokens are met.
        first_tokens: behind the prompt, on simulated hardware.
        middle_token: where it goes on, with the state of the reference.
        lockstep_tokens: from there on.
        temperature: of the tokens that it picks.
    """

    frames: int = 16
    videos: int = 16
    cores: int = DEMO.num_cores
    lanes: int = DEMO.num_lanes
    calibration_clips: int = 4
    ratios: tuple[float, ...] = (0.3, 0.5, 0.8)
    main_ratio: float = 0.5
    window: int = 128
    sinks: int = 4
    short_window: int = 32
    stride: int = 31
    first_tokens: int = 4
    middle_token: int = 512
    lockstep_tokens: int = 24
    temperature: float = 0.7

    @property
    def attentions(self) -> dict[str, SparseAttention | None]:
        """What attention sees, by name."""
        return {"full": None, "window": SparseAttention(self.window, self.sinks)}

    def is_complete(self, source: str, ratio: float, mode: Mode) -> bool:
        """Whether every token is counted: where targets are judged."""
        is_main = source == "tas" and ratio == self.main_ratio and not mode.resets
        return is_main and mode.dispatch is Dispatch.DYNAMIC


def fit_whole_config(
    config: ModelConfig, settings: DecoderSettings, num_positions: int
) -> AcceleratorConfig:
    """An accelerator with attention, of a model's sizes, that sees all positions of a row."""
    heads, key_heads = config.num_attention_heads, config.num_key_value_heads
    blocks = -(-num_positions // settings.lanes)
    return AcceleratorConfig(
        num_cores=settings.cores,
        num_lanes=settings.lanes,
        num_slots=settings.videos,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        query_size=heads * config.head_dim,
        queue_depth=DEMO.queue_depth,
        attention=AttentionConfig(heads, key_heads, config.head_dim, blocks),
    )


def count_positions(model: ClipModel, prompt_tokens: int, frames: int) -> int:
    """Tokens of a row that are fed: the prompt, and all but the last one of the video."""
    return prompt_tokens + frames * model.tokens_per_frame - 1
