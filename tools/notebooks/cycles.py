"""Cycles of a layer step by the cycle model, dense, static and under DRS."""

import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo

    import fastcar

    return fastcar, mo


@app.cell
def _(mo):
    mo.md(
        """
        # Cycles without a simulator

        The cycle model equals the hardware, cycle for cycle, so it may be asked for sizes that no
        simulator has time for. The slider is the replayed share of the decisions. Where almost all
        replay, what is dealt to the cores is little, and so is the gain.
        """
    )


@app.cell
def _(mo):
    ratio = mo.ui.slider(0, 100, value=50, label="replay, %")
    ratio
    return (ratio,)


@app.cell
def _(fastcar):
    def predict(share):
        """Row of the report for a share of replayed decisions."""
        return fastcar.predict(ratios=share, draws=2)["rows"][0]

    return (predict,)


@app.cell
def _(mo, predict, ratio):
    row = predict(ratio.value / 100)
    mo.md(f"static takes {row['static_against_drs']:.2f} times the cycles of DRS")


@app.cell
def _(predict):
    for share in (0.25, 0.5, 0.75):
        against = predict(share)["static_against_drs"]
        print(f"replay {share:.0%}   static / DRS {against:.2f}")
        assert against > 0.95


if __name__ == "__main__":
    app.run()
