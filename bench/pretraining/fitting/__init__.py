"""How the bundled weights of ``nalr-fit`` were made."""
