"""The bundled separator: songs, training."""
