"""Graph's own events: v1.0, beta and the 2019 shape; single, as lines, as a bare array (the portal's) or as pages."""

from pipeline.records.event import Event
from pipeline.sources.events import GRAPH
from pipeline.sources.head import Head
from pipeline.sources.source import Source


def recognises(head: Head) -> bool:
    """An event says when it was and either which job it belongs to or how it ended."""
    return head.has("activityDateTime") and (
        head.has("jobId")
        or head.has("provisioningSteps")
        or head.has("provisioningStatusInfo")
        or head.has("statusInfo")
    )


SOURCE = Source("graph", "events", Event, recognises, lambda records: GRAPH.format(records=records))
