"""Teaching and testing the light HAAQI-Net: degraded music, true labels, training, figures."""
