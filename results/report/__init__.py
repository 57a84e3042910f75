"""The parts of a report, one a file; `results.reporting` puts them together."""
