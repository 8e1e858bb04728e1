"""edgehub: who is in which room and for how long, lights in the guest's colour, every event safely at a hub."""

__version__ = "0.1.0"
