"""A simulated venue: walkers, a radio, a Hue bridge. Tests and the demo use the same one."""
