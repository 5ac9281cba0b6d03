"""What Python users call, one function a file; `fastcar` offers each by its name.

Arguments are those of the commands. One value may stand where a list is meant, a member's value
for a member of an enumeration, a NumPy number for a number; a wrong type or value is an
`ArgumentError` that names the argument. `generate` and `trace` return arrays, the others the
report that the command of the same name prints with `--json`, as a dictionary of JSON values.
"""
