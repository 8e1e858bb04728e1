"""The daemon on the Pi: one module per outside thing; only the daemon knows them all."""
