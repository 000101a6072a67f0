"""Tells jobs apart whose apps have one name: in sentences each has the end of its id behind the app's name.

The list of apps and addresses have the same. What people enter for an app, and what receivers sort by, stays the app's
own name.
"""

from collections.abc import Mapping

from pipeline.store.lake import Store

LABELS = "select job_id, app_name, label from job_labels()"


def job_labels(store: Store) -> dict[str, str]:
    """Returns the name of each job that shares its app's name with another, by its id; most stores have none."""
    return {str(row["job_id"]): str(row["label"]) for row in store.ask(LABELS).to_pylist()}


def own_names(store: Store) -> dict[str, str]:
    """Returns the app's own name of each of these jobs, by its id."""
    return {str(row["job_id"]): str(row["app_name"]) for row in store.ask(LABELS).to_pylist()}


def with_label(text: str, name: str | None, label: str | None) -> str:
    """Returns a sentence that begins with an app's name with the job's name there.

    >>> with_label("Zoom is late", "Zoom", "Zoom 123456"), with_label("Zoom 123456: late", "Zoom", "Zoom 123456")
    ('Zoom 123456 is late', 'Zoom 123456: late')
    >>> with_label("Zoomed in", "Zoom", "Zoom 123456"), with_label("Zoom is late", "Zoom", None)
    ('Zoomed in', 'Zoom is late')
    """
    if not name or not label or text.startswith(label) or not text.startswith((f"{name} ", f"{name}: ")):
        return text
    return label + text[len(name) :]


def labelled(row: Mapping[str, object], labels: Mapping[str, str]) -> str | None:
    """Returns what a row's app is called in a sentence; None where it names no app."""
    name = row["app_name"]
    return labels.get(str(row["job_id"]), None if name is None else str(name))
