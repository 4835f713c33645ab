"""Configuration found and composed; what was typed, and what was meant."""
