"""What the commands of `edgehub` do, one module a command."""
