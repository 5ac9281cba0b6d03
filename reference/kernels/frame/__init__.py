"""Decoding in one compiled call per frame: the kernels around this folder, without Python between.

`run` is the call, `step` one token on one screen, `plan` what it is given. The order of every sum
is that of the kernels that the engine calls one by one, so the bits are the same (D-52).
"""
