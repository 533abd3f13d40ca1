"""What a sandbox is given and what its door lets through; pure."""
