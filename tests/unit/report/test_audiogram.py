"""The picture of an audiogram."""

from __future__ import annotations

from bench.commands.songs import make_listener
from bench.report.audiogram import picture


def test_the_picture_keeps_a_clinics_conventions() -> None:
    audiogram, gain = picture(make_listener("N3", "S3")).axes
    left, right = audiogram.get_lines()
    assert (left.get_marker(), left.get_color()) == ("x", "#1f4fbf")
    assert (right.get_marker(), right.get_color()) == ("o", "#c4161c")
    assert left.get_ydata()[0] == 35
    assert right.get_ydata()[0] == 30
    bottom, top = audiogram.get_ylim()
    assert bottom >= 120 > -10 >= top
    # An octave is as wide as 20 dB are high.
    assert audiogram.get_aspect() == 1 / 20
    assert left.get_xdata()[1] - left.get_xdata()[0] == 1
    curves = [line.get_ydata() for line in gain.get_lines()]
    assert curves[1].max() > curves[0].max() > 20
