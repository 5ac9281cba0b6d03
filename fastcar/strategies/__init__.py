"""Hypothesis strategies for models, tokens, decisions, accelerators and their programs.

For properties of code that builds on this package; its own tests draw from the same ones. Needs
the extra "strategies": `pip install 'fastcar[strategies]'`.

>>> from hypothesis import HealthCheck, given, settings
>>> from fastcar.reference.scheduler import compute_schedule
>>> @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
... @given(decisions())
... def check_loads(computes):
...     loads = compute_schedule(computes, num_cores=4).loads
...     assert max(loads) - min(loads) <= 1
>>> check_loads()
"""

from fastcar.strategies.accelerators import accelerator_configs, attention_configs
from fastcar.strategies.decisions import core_counts, decisions
from fastcar.strategies.models import make_config, model_configs, models
from fastcar.strategies.programs import (
    core_instructions,
    instruction_words,
    instructions,
    program_words,
    programs,
)
from fastcar.strategies.runs import Run, clips, make_run, runs

__all__ = [
    "Run",
    "accelerator_configs",
    "attention_configs",
    "clips",
    "core_counts",
    "core_instructions",
    "decisions",
    "instruction_words",
    "instructions",
    "make_config",
    "make_run",
    "model_configs",
    "models",
    "program_words",
    "programs",
    "runs",
]
