"""The built-in plugins, registered through the same hooks as any others. Nothing imports them."""
