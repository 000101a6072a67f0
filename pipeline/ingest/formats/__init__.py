"""The wire shapes that are understood, one module each, asked in this order."""

from functools import lru_cache

from pipeline.ingest.formats import access_log, analytics, diagnostic, graph, jobs, portal, scim, scim_pairs
from pipeline.ingest.formats.source import Source
from pipeline.ingest.layout import Head

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


@lru_cache(maxsize=8)
def recognise(head: Head) -> Source | None:
    """Finds the source that a file's beginning belongs to; None when no source knows it."""
    return next((source for source in SOURCES if source.recognises(head)), None)
