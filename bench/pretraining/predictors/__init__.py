"""Training and testing of predictors of HAAQI: degraded music, true labels, training, figures."""
