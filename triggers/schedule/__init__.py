"""The clock: nothing is delivered, ticks are made events of by tasks/keeping/schedules.py; what runs say goes to the forge."""
