"""How the weights that bench ships were made."""
