"""What follows NAL-R in an ear: equalisers, limiters and the searches that set them.

NAL-R's output lies up to 30 dB above full scale, and the 16-bit output clips it. What is here keeps
it below: ``headroom`` by one cut, ``equaliser`` by a gain for each band, ``limiter`` by gains that
follow the signal. ``stage`` joins them; ``search`` sets a stage for one signal by the gradient of
HAAQI, ``network`` predicts one. ``loudness_loss`` limits how much quieter any of them may make an
ear.
"""
