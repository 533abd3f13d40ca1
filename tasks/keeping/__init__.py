"""What the sweeper looks after, and what comes by the clock."""
