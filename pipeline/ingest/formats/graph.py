"""Graph's own events: v1.0, beta and the 2019 shape; single, as lines, as a bare array (the portal's) or as pages."""

from pipeline.ingest.formats.events import GRAPH
from pipeline.ingest.formats.source import Source
from pipeline.ingest.layout import Head
from pipeline.ingest.records.event import Event


def recognises(head: Head) -> bool:
    """An event says when it was and either which job it belongs to or how it ended."""
    return head.has("activityDateTime") and (
        head.has("jobId")
        or head.has("provisioningSteps")
        or head.has("provisioningStatusInfo")
        or head.has("statusInfo")
    )


SOURCE = Source("graph", "events", Event, recognises, lambda records: GRAPH.format(records=records))
