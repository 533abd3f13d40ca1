"""People's and programs' words, made safe to read and to show; pure."""
