"""Which events ring for a profile: the words of its `on:`, and how they are held against an event; pure."""
