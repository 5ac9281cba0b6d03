"""The whole decoder in closed loop on the accelerator, in lock-step with the integer reference."""
