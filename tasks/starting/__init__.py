"""The parts of hop 5: what a run's sandboxes are given."""
