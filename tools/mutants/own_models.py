"""Planted bugs of own models: rows of tokens, budgets, closed loops, warnings, what is replaced."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

OWN_MODEL_MUTANTS = (
    Mutant(
        "budget: the gate is free",
        "reference/budget.py",
        "(1 - budget + gate_share) / saved_share",
        "(1 - budget) / saved_share",
        ("tests/reference/test_budget.py",),
    ),
    Mutant(
        "budget: the published score is free",
        "fastcar/request.py",
        "has_score = is_in_sight and self.semantics is Semantics.PAPER",
        "has_score = is_in_sight",
        ("tests/fastcar/test_gate_choice.py",),
    ),
    Mutant(
        "inert: the ceiling is no reason to warn",
        "reference/inert.py",
        "if replayed[may].all():",
        "if False:",
        ("tests/reference/test_inert.py",),
    ),
    Mutant(
        "inert: what was not eligible counts as measured",
        "reference/inert.py",
        "taken = np.isfinite(measures) & np.broadcast_to(eligible, measures.shape)",
        "taken = np.isfinite(measures)",
        ("tests/reference/test_inert.py",),
    ),
    Mutant(
        "closed loop: every corrective run is made",
        "reference/calibration.py",
        "if abs(record.replay_ratio - ratio) < tolerance:",
        "if False:",
        ("tests/reference/test_calibration.py",),
    ),
    Mutant(
        "corrective runs forget the bracket that they found",
        "reference/calibration.py",
        "if below is not None and above is not None:",
        "if False:",
        ("tests/reference/test_calibration.py",),
    ),
    Mutant(
        "jobs of an analysis stay on NumPy whatever its settings say",
        "fastcar/analysis/bench.py",
        'if not hasattr(job, "engine"):',
        "if True:",
        ("tests/fastcar/test_analysis_runs.py",),
    ),
    Mutant(
        "a result is open to all whatever stood there",
        "fastcar/output.py",
        "if old.exists() and new.exists():",
        "if False:",
        ("tests/fastcar/test_folder_output.py",),
    ),
    Mutant(
        "a command may replace what it reads",
        "fastcar/output.py",
        "if target == source or (target.exists() and target.is_relative_to(source)):",
        "if False:",
        ("tests/fastcar/test_own_models.py",),
    ),
    Mutant(
        "training: every model has learnt its tokens",
        "fastcar/analysis/training.py",
        "return compare(nats, frequency_nats).verdict is Direction.LOWER",
        "return True",
        ("tests/fastcar/test_own_models.py",),
    ),
)
