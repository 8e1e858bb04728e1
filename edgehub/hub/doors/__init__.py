"""The doors of the hub: each turns what it is told into facts, and says what became of them after the commit."""
