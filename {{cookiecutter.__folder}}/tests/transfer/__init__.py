"""Tests of moving customers between storages."""
