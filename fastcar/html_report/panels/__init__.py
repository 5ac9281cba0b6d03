"""What a page shows of a run, one file a panel."""
