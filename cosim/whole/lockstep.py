"""Reference and accelerator decode the same batch, token by token, and are compared after each.

Prompts run through the same instructions as all other tokens. A generated token is found by EMBED
where PICK left it; the host gives tokens only where true ones are fed, and the first one of a
decode that begins in mid-video.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fastcar.cosim.lockstep import LockstepError
from fastcar.cosim.program.whole.token_step import TokenStep
from fastcar.cosim.whole.compare import TokenComparison, compare_cycles
from fastcar.cosim.whole.draws import Draws
from fastcar.cosim.whole.handover import write_state
from fastcar.cosim.whole.machine import DecoderMachine, TokenRun
from fastcar.cosim.whole.prediction import TokenPrediction, predict_token
from fastcar.cosim.whole.reference import TokenTrace, TracedDecoder
from fastcar.cosim.whole.wanted import make_prompt_steps, make_token_step, make_wanted
from fastcar.reference.arrays import BoolArray, FloatArray, Int16Array, TokenIds
from fastcar.reference.observation import Observer
from fastcar.reference.scheduler import Dispatch

OnRun = Callable[[TokenRun, TokenPrediction], None]
"""Called with every token that was run and found equal, and what the cycle model says of it."""


class DecoderLockstep:
    """Both decoders side by side.

    Args:
        decoder: the reference, with the accelerator's number of lanes.
        hardware: the accelerator.
        draws: of the tokens.
        dispatch: dynamic (DRS) or static mapping of the MLP phases.
        first_token: generated index of the first token that the accelerator runs; 0 = the prompt
            before it, too.
        on_run: called after every token of the accelerator.

    Attributes:
        on_run: likewise, may be set.
        num_records: records compared and found equal.
    """

    def __init__(
        self,
        decoder: TracedDecoder,
        hardware: DecoderMachine,
        draws: Draws,
        *,
        dispatch: Dispatch = Dispatch.DYNAMIC,
        first_token: int = 0,
        on_run: OnRun | None = None,
    ) -> None:
        self.decoder = decoder
        self.hardware = hardware
        self.draws = draws
        self.dispatch = dispatch
        self.first_token = first_token
        self.num_records = 0
        self.on_run = on_run
        self._is_running = first_token == 0

    def feed_prompt(
        self,
        prompt_ids: TokenIds,
        prompt_mask: BoolArray | None = None,
        *,
        is_next_given: bool = False,
    ) -> TokenIds:
        """Start the generation.

        Args:
            prompt_ids: [B, P] int64.
            prompt_mask: [B, P], False for padding at the left; None = no padding.
            is_next_given: the next token is given: none is drawn.

        Returns:
            [B] int64, the tokens that follow: PICK's, where the accelerator runs.

        Raises:
            LockstepError: at the first difference.
        """
        self.hardware.reset()
        self._is_running = self.first_token == 0
        logits = self.decoder.prefill(prompt_ids, prompt_mask)[:, -1]
        picked, noise = self._draw(logits, is_next_given)
        if not self._is_running:
            return picked
        mask = np.ones(prompt_ids.shape, bool) if prompt_mask is None else prompt_mask
        num_layers = self.decoder.config.num_hidden_layers
        steps = make_prompt_steps(prompt_ids, mask, num_layers, self.dispatch)
        for trace, step in zip(self.decoder.traces, steps, strict=True):
            self._run(trace, step, logits, picked, noise)
        return picked

    def feed_token(
        self,
        given_ids: TokenIds | None,
        next_ids: TokenIds,
        *,
        is_next_given: bool = False,
        observer: Observer | None = None,
    ) -> TokenIds:
        """Feed the next token of every row.

        Args:
            given_ids: [B], true tokens; None = those that were picked.
            next_ids: [B], that were picked: what this returned last.
            is_next_given: the token after it is given: none is drawn.
            observer: called once per layer with what the reference did.

        Returns:
            [B] int64, the tokens that follow.

        Raises:
            LockstepError: at the first difference.
        """
        token_index = self.decoder.kv_cache.num_entries - self.decoder.prompt_tokens
        fed_ids = next_ids if given_ids is None else given_ids
        begins = not self._is_running and token_index >= self.first_token
        if begins:
            write_state(self.hardware.image, self.decoder)
            self._is_running = True
        logits = self.decoder.step(fed_ids, observer)
        picked, noise = self._draw(logits, is_next_given)
        if self._is_running:
            [trace] = self.decoder.traces
            told_ids = fed_ids if begins else given_ids
            step = make_token_step(trace, told_ids, self.dispatch)
            self._run(trace, step, logits, picked, noise)
        return picked

    def _draw(self, logits: FloatArray, is_next_given: bool) -> tuple[TokenIds, Int16Array]:
        """The reference's tokens [B], and the noise [B, num_codes] of the same draw."""
        if is_next_given:
            return self.draws.take_greedily(logits), self.draws.make_silence()
        return self.draws.draw(logits), self.draws.make_noise()

    def _run(
        self,
        trace: TokenTrace,
        step: TokenStep,
        logits: FloatArray,
        picked: TokenIds,
        noise: Int16Array,
    ) -> None:
        hardware, num_codes = self.hardware, self.draws.num_codes
        pick = (logits[:, :num_codes], picked) if step.picks else ()
        num_positions = hardware.memory_map.num_positions
        wanted = make_wanted(self.decoder, trace, step, num_positions, *pick)
        run = hardware.run(trace.token_index, step, noise)
        comparison = TokenComparison(hardware, run, wanted, self.dispatch)
        for difference in comparison.list_differences():
            raise LockstepError(run, difference)
        prediction = predict_token(hardware, run)
        for difference in compare_cycles(run, prediction.run):
            raise LockstepError(run, difference)
        self.num_records += len(run.result.decisions) + len(run.result.retires)
        if self.on_run is not None:
            self.on_run(run, prediction)
