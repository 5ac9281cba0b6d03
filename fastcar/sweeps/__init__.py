"""Many points of cycle model, decoder or co-simulation, rows into Parquet (D-64)."""
