"""The text of docs/hardware.md; every sentence with a number is made from the measurement."""

from __future__ import annotations

from typing import Any

from tools.hardware.paper import PRESET, describe_paper, format_paper
from tools.hardware.sentences import (
    describe_mappings,
    describe_ratios,
    describe_scheduling,
    describe_stalls,
    describe_time,
    describe_timeline,
    describe_utilisation,
)
from tools.hardware.tables import (
    format_cores,
    format_instructions,
    format_latencies,
    format_mappings,
    format_phases,
    format_runs,
)
from tools.markdown import fill_paragraphs

Json = dict[str, Any]


def make_page(report: Json) -> str:
    """The page of a report."""
    settings, config = report["settings"], report["config"]
    aims = " and ".join(f"{ratio:.0%}" for ratio in settings["table_ratios"])
    return fill_paragraphs(
        f"""# The accelerator on the shipped model

Written by `python -m tools.hardware`. Model {report["model"]["name"]}, int8 weights and int16
activations (docs/accelerator.md); the accelerator has C = {config["num_cores"]} cores of L =
{config["num_lanes"]} lanes and {config["num_slots"]} batch slots, and its memory answers in the
next cycle, one beat in each. A layer step is one layer of one token of all slots.

## Videos

{settings["videos"]} videos of {settings["frames"]} frames, one per slot, from prompts of held-out
clips, drawn at temperature {settings["temperature"]}; the RTL runs as Verilog compiled by
Verilator. The loop is closed: what the accelerator computed is what the decoder continues with.
Every decision and every retirement (slot, core, score, cycles, digest of what was stored), every
output, every residual row and every counter is compared with the integer reference and the cycle
model, and the first difference stops the run: there was none. The thresholds replay
{settings["ratio"]:.0%} of all decisions of a dense float run over calibration clips.

{format_runs(report)}

Dense: the same layer steps without gate, nothing scored and every slot computed.
{describe_time(report)}

## Cycles by phase

The MLP phase lasts from the first to the last cycle in which a core works on a decided slot; scores
of later slots overlap with it. Below: of all cycles those before, in and after it; then of all core
cycles (cores x cycles) those spent on scores, computing slots, replayed slots, and without work
before a core's first instruction, between two, and after its last.

{format_phases(report)}

{describe_utilisation(report)}

{format_instructions(report)}

## Cores, memory and stalls

{describe_stalls(report)}

{format_cores(report)}

Memories that answer later, but then still deliver one beat per cycle; cycle model, layer steps
decided by SCORE on real tokens. Products stream their weights in one transfer each, so a latency is
paid per instruction, not per beat.

{format_latencies(report)}

## Scheduling

{describe_scheduling(report)}

## Dynamic Resource Scheduling against a static mapping

Cycles of the MLP phase per layer step from the cycle model, which is equal to the RTL in every
cycle ({settings["sampled_steps"]} layer steps each). SCORE and DISTANCE decide tokens of
{settings["videos"]} held-out clips, teacher-forced, one clip per slot, without the first frame,
which never replays; *independent* slots replay by dice. Static: slot b on core b mod C. *Rounds* is
the
same quotient of rounds (slots of the busiest core); *expected* is that of
`fastcar.proofs.experiments.expected_rounds` at the measured share, for independent slots and for
bursts with the measured correlation of neighbouring slots. Thresholds and dice aim at {aims} of the
decisions; replays make more replays, and the table has the share that was measured.

{format_mappings(report)}

{describe_mappings(report)}

![Cores over one layer step](hardware_timeline.png)

One layer step of real tokens decided by SCORE, {describe_timeline(report)}.

![Cycles against replayed share](hardware_ratio.png)

{describe_ratios(report)}

## VILA-U 7B

The cycle model at the sizes of VILA-U 7B (width 4096, MLP 11008, 32 heads of 128), which no
simulator runs: `fastcar predict --preset {PRESET}`. Cores, lanes, batch, clock and memory of the
published accelerator are not known to us, so they are parameters, and only times relative to a
dense run are compared, at the published shares of replay ({report["paper"][0]["draws"]} layer steps
drawn for each; all that is not MLP phase takes what it takes).

{format_paper(report["paper"])}

{describe_paper(report["paper"], report["paper_fits"])}
"""
    )
