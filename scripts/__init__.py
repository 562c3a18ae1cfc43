"""What `make` runs for the template itself."""
