"""Measures what the template renders, beside the naive version."""
