"""The parts of hop 6: from the end of a sandbox to the outcome."""
