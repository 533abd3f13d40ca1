"""Whose word an event is, what was said, and what a profile lets it come to; pure."""
