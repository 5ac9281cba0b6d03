"""How much replays at a threshold, and what that does to the outputs."""

import marimo

app = marimo.App()


@app.cell
def _():
    import tempfile

    import marimo as mo
    import numpy as np

    import fastcar
    from fastcar.api.example import write_example

    return fastcar, mo, np, tempfile, write_example


@app.cell
def _(mo):
    mo.md(
        """
        # One threshold

        A tiny model with random weights decodes given tokens. The slider asks for a share of the
        decisions; the threshold is read off the scores of a dense run. What replays changes the
        scores of what follows, so the share that is met is another one.
        """
    )


@app.cell
def _(fastcar, np, tempfile, write_example):
    with tempfile.TemporaryDirectory() as folder:
        example = write_example(folder)
        checkpoint = fastcar.load_checkpoint(example.checkpoint)
        with np.load(example.tokens) as file:
            tokens = dict(file)
    dense = fastcar.trace(checkpoint, **tokens, tokens_per_frame=4, tau=np.inf, engine="numpy")
    return checkpoint, dense, tokens


@app.cell
def _(dense, mo, np):
    scores = dense.tas[~np.isnan(dense.tas)]
    share = mo.ui.slider(0, 100, value=50, label="eligible decisions that replay, %")
    share
    return scores, share


@app.cell
def _(checkpoint, dense, fastcar, np, scores, tokens):
    def measure(percent):
        """Threshold, replayed share of the eligible decisions, largest change of a logit."""
        tau = float(np.quantile(scores, 1 - percent / 100)) if percent else np.inf
        found = fastcar.trace(checkpoint, **tokens, tokens_per_frame=4, tau=tau, engine="numpy")
        change = float(np.abs(found.logits - dense.logits).max())
        return tau, float(found.replayed[4:].mean()), change

    return (measure,)


@app.cell
def _(measure, mo, share):
    tau, ratio, change = measure(share.value)
    mo.md(f"tau = {tau:.3f}: {ratio:.0%} replay, logits move by at most {change:.3f}")


@app.cell
def _(measure):
    rows = [measure(percent) for percent in (0, 25, 50, 75, 100)]
    for one in rows:
        print(f"tau {one[0]:8.4f}   replayed {one[1]:4.0%}   largest change {one[2]:.4f}")
    assert rows[0][1:] == (0, 0)
    assert rows[-1][1] == 1
    assert rows == sorted(rows, key=lambda one: one[1])


if __name__ == "__main__":
    app.run()
