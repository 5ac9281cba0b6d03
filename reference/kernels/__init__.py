"""Compiled twins of `fastcar.reference`."""

from fastcar.reference.kernels.environment import check_environment

check_environment()
