"""Smallest instances that violate a bound once one of its hypotheses is dropped."""
