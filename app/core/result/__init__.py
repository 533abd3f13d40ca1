"""What a result may touch, and what may be said on its lines; pure."""
