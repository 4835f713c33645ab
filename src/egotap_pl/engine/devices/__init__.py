"""The `trainer` group of the configuration: devices, precision, and how a task computes on them."""
