"""What networks cost: parameters, operations, time, memory."""
