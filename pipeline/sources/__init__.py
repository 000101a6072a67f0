"""The wire shapes that are understood, one module each, asked in this order."""

from pipeline.sources import access_log, analytics, diagnostic, graph, jobs, portal, scim, scim_pairs
from pipeline.sources.head import Head
from pipeline.sources.source import Source

SOURCES = (
    jobs.SOURCE,
    diagnostic.SOURCE,
    graph.SOURCE,
    analytics.SOURCE,
    scim_pairs.SOURCE,
    scim.SOURCE,
    portal.SOURCE,
    access_log.SOURCE,
)


def recognise(head: Head) -> Source | None:
    """Gives the source that a file's beginning belongs to; None when no source knows it."""
    return next((source for source in SOURCES if source.recognises(head)), None)
