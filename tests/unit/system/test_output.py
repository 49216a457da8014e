"""What is written into a system's files."""

from __future__ import annotations

import torch

from bench.system.output import to_output

RATE = 44_100


def test_what_is_handed_in_is_16_bit_at_32_khz() -> None:
    signal = torch.full((2, RATE), 2.0, dtype=torch.float64)
    signal[1] = -9830.7 / 32768
    output = to_output(signal, RATE)
    assert output.shape == (2, 32_000)
    assert output[0, 16_000] == 32767 / 32768  # clipped
    # Truncated towards zero: neither rounded nor the next one below.
    assert output[1, 16_000] == -9830 / 32768
    torch.testing.assert_close(output * 32768, (output * 32768).round(), rtol=0, atol=0)
