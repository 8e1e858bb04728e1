"""The reference central hub: takes events in exactly once, hands out profiles."""
