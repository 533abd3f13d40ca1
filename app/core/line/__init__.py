"""Who begins next, where the others stand, and what all of it may cost; pure."""
