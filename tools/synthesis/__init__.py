"""Synthesis, place and route of the exported Verilog by public tools, and what area and time cost.

python -m tools.synthesis             # everything; what was run before comes from the cache
python -m tools.synthesis --quick     # the preset tiny, one seed
"""
