"""Gate, correction, warm-up and thresholds for a compute budget, by what they lose (D-69)."""
