"""Bringing what is to be said to where it is read."""
