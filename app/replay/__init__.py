"""`bellhop replay`: a recorded run once more, without any model, and whether it comes to the same."""
