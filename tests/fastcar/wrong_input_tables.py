"""What the wrong inputs are added to, what is no wrong input after all, and what contradicts."""

from __future__ import annotations

_ROWS = ("--tokens", "{tokens}", "--tokens-per-frame", "4")

BASES: dict[str, tuple[str, ...]] = {
    "generate": (
        *("--prompt", "3 up", "--checkpoint", "{video}", "--frames", "2", "--repeats", "1"),
        *("--calibration-clips", "1", "--engine", "numpy", "--out", "{out}"),
    ),
    "trace": ("--checkpoint", "{llama}", *_ROWS, "--engine", "numpy", "--out", "{out}.npz"),
    "analyze": (
        *("--checkpoint", "{llama}", *_ROWS, "--quick", "--processes", "1", "--out", "{out}"),
    ),
    "prove": (
        *("--checkpoint", "{llama}", *_ROWS, "--statement", "P-04", "--instances", "1"),
        *("--processes", "1"),
    ),
    "cosim": (
        *("--checkpoint", "{video}", "--batch", "2", "--lanes", "8", "--calibration-clips", "2"),
    ),
    "predict": ("--draws", "1"),
    "sweep": ("{sweep}", "--processes", "1", "--out", "{out}"),
    "quantize": ("--checkpoint", "{llama}", "--out", "{out}"),
    "export": ("--checkpoint", "{video}", "--slots", "2", "--out", "{out}"),
    "report": ("{run}", "--out", "{out}.html"),
    "conformance list": (),
    "conformance write": ("--only", "scheduler.idle", "{out}"),
    "conformance check": ("{folder}", "{folder}"),
    "conformance run": ("true", "{input}", "{output}", "--only", "scheduler.idle"),
}
"""A short run of every command; a wrong input that is taken for right does little."""

TOKEN_OPTIONS: dict[str, tuple[str, ...]] = {
    "cosim": ("--tokens-per-frame", "4"),
    "predict": ("--checkpoint", "{llama}", "--tokens-per-frame", "4"),
    "export": ("--tokens-per-frame", "4"),
}
"""What --tokens needs where the base has none."""

SHARES = frozenset({"--target-ratio", "--budget", "--ratio", "--mlp-share", "--stall", "--top-p"})
"""Options whose values end at 1."""

_LARGEST = str(2**63 - 1)
_REASONS: dict[str, tuple[str, ...]] = {
    "any seed from 0 to the largest int64": (
        *(f"{name} --seed 0" for name in ("generate", "analyze", "prove", "cosim", "predict")),
        *(f"{name} --seed {_LARGEST}" for name in ("generate", "analyze", "prove", "cosim")),
        *("export --seed 0", f"export --seed {_LARGEST}", f"predict --seed {_LARGEST}"),
    ),
    "nothing replays": (
        *("generate --target-ratio 0", "cosim --target-ratio 0", "predict --ratio 0"),
        *("generate --max-chain 0", "trace --max-chain 0"),
        *(f"generate --warmup-frames {_LARGEST}", f"trace --warmup-frames {_LARGEST}"),
    ),
    "a limit that is never reached": (
        *(f"generate --max-chain {_LARGEST}", f"trace --max-chain {_LARGEST}"),
        *(f"generate --window {_LARGEST}", f"trace --window {_LARGEST}"),
        *(f"generate --top-k {_LARGEST}", f"cosim --window {_LARGEST}"),
    ),
    "the documented meaning of 0": (
        *("generate --closed-loop-runs 0", "generate --guidance 0", "generate --temperature 0"),
        *("cosim --first-token 0", "cosim --stall 0", "predict --mlp-share 0", "export --layer 0"),
    ),
    "a number; that its logits overflow is said when they do": ("generate --guidance 1e300",),
    "draws evenly": ("generate --temperature 1e300",),
    "a fast clock": ("predict --clock-mhz 1e300",),
    "a prompt has no true frames": (f"generate --given-frames {_LARGEST}",),
}

ACCEPTED = {case: reason for reason, cases in _REASONS.items() for case in cases}
"""Why an input is no wrong one; `COMMAND --option value`."""

CONTRADICTIONS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("generate", ("--continue", "held_out:0"), ("prompt, continue", "both")),
    ("generate", ("--sinks", "2"), ("sinks", "2", "window")),
    ("generate", ("--tau", "0.5", "--target-ratio", "0.5"), ("target_ratio", "0.5")),
    ("generate", ("--tau", "0.5", "--budget", "0.5"), ("budget", "0.5")),
    ("generate", ("--tau", "0.5", "--per-layer"), ("per_layer", "True")),
    ("generate", ("--tau", "0.5", "--adaptive"), ("adaptive", "True")),
    ("generate", ("--tau", "0.5", "--closed-loop-runs", "2"), ("closed_loop_runs", "2")),
    ("generate", ("--target-ratio", "0.5", "--budget", "0.6"), ("budget", "0.6")),
    ("generate", ("--adaptive", "--per-layer"), ("adaptive", "True")),
    ("generate", ("--gate", "random", "--tau", "0.5"), ("tau", "0.5")),
    ("generate", ("--gate", "periodic", "--adaptive"), ("adaptive", "True")),
    ("generate", ("--gate", "oracle", "--budget", "0.6"), ("budget", "oracle")),
    ("generate", ("--gate", "best"), ("gate", "best", "budget")),
    ("generate", ("--gate", "best", "--budget", "0.6", "--tau", "0.5"), ("tau", "0.5")),
    ("generate", ("--gate", "best", "--budget", "0.6", "--correct", "2"), ("correct", "2")),
    ("generate", ("--gate", "best", "--budget", "60"), ("budget", "0.6 for 60 %")),
    ("generate", ("--max-error", "1"), ("max_error", "1.0")),
    ("generate", ("--certificate", "activation"), ("certificate", "activation")),
    ("generate", ("--correct", "2", "--correction", "{out}"), ("correct", "2")),
    (
        "generate",
        ("--gate", "input", "--max-error", "1", "--target-ratio", "0.5"),
        ("target_ratio", "0.5"),
    ),
    ("generate", ("--gate", "input", "--max-error", "1", "--tau", "2"), ("tau", "2.0")),
    ("generate", ("--frames", "2", "--frames", "99"), ("frames", "99")),
    ("generate", ("--dtype", "float64", "--engine", "numba"), ("dtype", "float64")),
    ("generate", ("--dtype", "float64", "--kv-cache", "bfloat16"), ("cache", "float64")),
    ("generate", ("--dtype", "float64", "--kv-cache", "int8"), ("cache", "int8", "float64")),
    ("trace", ("--sinks", "2"), ("sinks", "2", "window")),
    ("trace", ("--tau", "0.5", "--thresholds", "0.5"), ("thresholds", "0.5")),
    ("trace", ("--dtype", "float64", "--engine", "numba"), ("dtype", "float64")),
    ("analyze", ("--clips", "7"), ("clips", "7")),
    ("cosim", ("--tau", "0.5", "--target-ratio", "0.5"), ("target_ratio", "0.5")),
    ("cosim", ("--tau", "0.5", "--budget", "0.5"), ("budget", "0.5")),
    ("cosim", ("--target-ratio", "0.5", "--budget", "0.5"), ("budget", "0.5")),
    ("cosim", ("--mode", "dense", "--tau", "0.5"), ("tau", "0.5")),
    ("cosim", ("--mode", "dense", "--target-ratio", "0.5"), ("target_ratio", "0.5")),
    ("cosim", ("--tokens-per-frame", "4"), ("tokens_per_frame", "4")),
    ("cosim", ("--tokens", "{tokens}"), ("tokens_per_frame", "None")),
    ("cosim", ("--frames", "2", "--first-token", "7"), ("first_token", "7")),
    ("cosim", ("--frames", "2", "--num-tokens", "9"), ("num_tokens", "9")),
    ("cosim", ("--wave", "{out}.json", "--out", "{out}.json"), ("wave", "{out}.json")),
    ("cosim", ("--out", "{out}.png"), ("out", "{out}.png")),
    ("cosim", ("--checkpoint", "{llama}"), ("{llama}", "no clips")),
    ("predict", ("--tokens", "{tokens}", "--tokens-per-frame", "4"), ("tokens", "{tokens}")),
    ("predict", ("--tokens-per-frame", "4"), ("tokens_per_frame", "4")),
    ("predict", ("--checkpoint", "{llama}", "--clock-mhz", "9"), ("clock_mhz", "9.0")),
    ("predict", ("--checkpoint", "{llama}", "--preset", "demo"), ("preset", "demo")),
    ("predict", ("--preset", "vila_u_7b_u280"), ("cores", "None")),
    ("sweep", ("--example", "paper"), ("spec", "given")),
    ("sweep", ("--scheduler", "127.0.0.1:1"), ("processes", "1")),
    ("sweep", ("--plot", "{out}.gif"), ("plot", "{out}.gif")),
    ("prove", ("--tokens-per-frame", "0"), ("tokens_per_frame", "0")),
    ("quantize", ("--out", "{video}"), ("{video}", "empty")),
    ("export", ("--preset", "tiny", "--cores", "1"), ("cores", "1")),
    ("export", ("--preset", "tiny", "--lanes", "4"), ("lanes", "4")),
    ("export", ("--preset", "tiny", "--batch", "2"), ("batch", "2")),
    ("export", ("--preset", "tiny", "--slots", "5"), ("slots", "5")),
    ("export", ("--preset", "demo"), ("preset", "demo")),
    ("export", ("--batch", "2", "--slots", "3"), ("slots", "3")),
    ("export", ("--tokens-per-frame", "4"), ("tokens_per_frame", "4")),
    ("export", ("--tokens", "{tokens}"), ("tokens_per_frame", "None")),
)
"""Command, what is added, and words of the refusal, a name first."""
