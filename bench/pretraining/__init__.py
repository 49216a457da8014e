"""The training of the weights that bench ships."""
