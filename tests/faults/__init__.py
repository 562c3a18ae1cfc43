"""Faults made on purpose, while clients write and read all the time."""
