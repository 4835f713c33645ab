"""Plain nn.Modules: heatmap estimators and the lifter, composed of encoders, propagations and heads."""
