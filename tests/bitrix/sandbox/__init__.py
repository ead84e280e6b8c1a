"""The sandbox portal against the facts of the platform and against official clients."""
