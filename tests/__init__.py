"""The template's tests: they render it, then judge what was rendered."""
