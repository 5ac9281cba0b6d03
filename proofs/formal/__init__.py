"""Formal proofs of the exported Verilog by Yosys, yosys-smtbmc and z3.

A `FormalTask` joins an exported design with a checker in SystemVerilog that reads it from outside;
`run_task` says what the solver found. Nothing formal stands inside the design.
"""
