"""The ground floor: audiograms, NAL-R, loudness, signal-to-distortion ratio and HAAQI.

It knows nothing of the rest of the harness and can be used alone. Import the module that is
needed; this package itself imports nothing.
"""
