"""HASQI and HASPI: quality and intelligibility for impaired hearing, by pyclarity."""

from __future__ import annotations

from bench.api import EARS, MetricSpec, hookimpl


@hookimpl
def register_metrics() -> list[MetricSpec]:
    """The metrics."""
    return [
        MetricSpec(
            name="hasqi",
            target="bench_perceptual.metrics:Hasqi",
            summary="HASQI v2 of the output, with HAAQI's signal path "
            "and calibration; made for speech",
            parts=("mean", *EARS),
            licence="MIT",
            citation="Kates and Arehart (2014), JAES 62(3), 99-117",
        ),
        MetricSpec(
            name="haspi",
            target="bench_perceptual.metrics:Haspi",
            summary="HASPI v2 of the output against the unamplified reference; made for speech",
            parts=("mean", *EARS),
            licence="MIT",
            citation="Kates and Arehart (2021), Speech Communication 131, 35-46",
        ),
    ]
