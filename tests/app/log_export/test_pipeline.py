"""The diagram of the log pipeline: health, delay, and throughput of each stage."""

from app.log_export.pipeline import FILLS, pipeline_flow
from ops.logs.export.health import ExportHealth, ExportStage


def test_each_stage_shows_its_health_with_delay_and_throughput() -> None:
    stream = ExportStage(
        "Stream", "slipway-logs", ExportHealth.DELAYED, "Behind.", "bytes", 2_000.0, 90.0, (1.0, 2.0)
    )
    bucket = ExportStage("Bucket", "", ExportHealth.UNKNOWN, "Not read.", "bytes")
    drawn = pipeline_flow((stream, bucket))
    first, second = drawn.nodes
    assert first.notes == ("Delayed · 1 min 30 s delay", "2 KB/s", "slipway-logs", "Behind.")
    assert first.fill == FILLS[ExportHealth.DELAYED] and first.values == (1.0, 2.0)
    assert second.notes == ("Unknown", "Not read.")
    assert [(edge.source, edge.target) for edge in drawn.edges] == [("Stream", "Bucket")]
