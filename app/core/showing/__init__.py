"""How a run shows to people where it was asked for; pure."""
