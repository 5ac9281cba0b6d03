"""The command line: options, progress and tables; what is computed stands in `fastcar`."""
