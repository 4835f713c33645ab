"""The program `egotap`: Hydra, the terminal, and one thin module per verb around a function of the engine."""
