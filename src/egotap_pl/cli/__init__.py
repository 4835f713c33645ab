"""The program `egotap`: one thin module per verb, and the stages and runs that they share."""
