"""What the accelerator did in the run of a layer: recorded while it runs, written as a wave form.

A back end that is given a `Recorder` copies the values of its signals in every clock cycle
(`recording`); nothing is simulated a second time, so what is shown is what that back end did
(D-44). `window` chooses the cycles that are written, `groups` how viewers sort the signals,
`vcd_file` and `fst_file` write them, `side_files` what GTKWave and Surfer open beside them.
"""
