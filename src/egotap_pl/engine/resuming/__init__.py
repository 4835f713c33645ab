"""How a training ends early and goes on, and the record of it."""
