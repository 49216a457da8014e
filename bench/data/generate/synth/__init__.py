"""A small music synthesiser: songs with drums, bass, chords and a voice, drawn from their names.

It exists so that the demo and the bundled separator need no data that someone else owns. Everything
is numpy and scipy, seeded by name, and the same for one version of the code.
"""
