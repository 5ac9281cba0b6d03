"""Rounds of cores whose slots are dealt in turn, beside a static mapping."""

import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import numpy as np

    from fastcar.reference.scheduler import Dispatch, compute_schedule

    return Dispatch, compute_schedule, mo, np


@app.cell
def _(mo):
    mo.md(
        """
        # Dealt in turn

        Every slot of a batch replays with a probability. Under DRS the others are dealt to the
        cores in turn; statically slot b runs on core b mod C. Rounds are what the fullest core
        computes.
        """
    )


@app.cell
def _(mo):
    cores = mo.ui.slider(1, 16, value=8, label="cores")
    ratio = mo.ui.slider(0, 100, value=50, label="replay, %")
    mo.vstack([cores, ratio])
    return cores, ratio


@app.cell
def _(Dispatch, compute_schedule, np):
    def count_rounds(num_cores, replay_ratio, num_slots=16, draws=200):
        """Mean rounds under DRS and of the static mapping."""
        rng = np.random.default_rng(0)
        drawn = rng.random((draws, num_slots)) >= replay_ratio
        return tuple(
            float(np.mean([compute_schedule(one, num_cores, kind).num_rounds for one in drawn]))
            for kind in (Dispatch.DYNAMIC, Dispatch.STATIC)
        )

    return (count_rounds,)


@app.cell
def _(cores, count_rounds, mo, ratio):
    dealt, static = count_rounds(cores.value, ratio.value / 100)
    mo.md(f"{dealt:.2f} rounds dealt in turn, {static:.2f} statically")


@app.cell
def _(count_rounds):
    for share in (0.0, 0.25, 0.5, 0.75):
        found = count_rounds(8, share)
        print(f"replay {share:4.0%}   DRS {found[0]:.2f} rounds   static {found[1]:.2f}")
        assert found[0] <= found[1]


if __name__ == "__main__":
    app.run()
