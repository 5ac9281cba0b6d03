"""Keeps pytest away: these files run inside a simulator, in a folder of their own."""

collect_ignore_glob = ["fastcar_*.py"]
