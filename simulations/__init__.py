"""Worlds and people: traffic, drivers and simulated raters, in plain numpy."""
