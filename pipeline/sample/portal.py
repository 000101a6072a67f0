"""The portal's download: three CSV files in a zip, joined on the change id.

Their exact headers are published nowhere; these read like the portal's columns.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence

from pipeline.sample.nouns import Event, stamp
from pipeline.sample.shapes import SERVICE, dump, target_type, title
from pipeline.sample.steps import SOURCE

MAIN = (
    "Date (UTC)",
    "Identity",
    "Action",
    "Source System",
    "Target System",
    "Status",
    "Application",
    "Service Principal ID",
    "Source ID",
    "Source Type",
    "User Principal Name",
    "Target ID",
    "Target Type",
    "Duration (ms)",
    "Error Code",
    "Error Category",
    "Reason",
    "Recommended Action",
    "Initiated By",
    "Tenant ID",
    "Job ID",
    "Cycle ID",
    "Change ID",
    "ID",
)
STEPS = ("Change ID", "Step Number", "Step Name", "Step Type", "Step Status", "Description", "Details")
PROPERTIES = ("Change ID", "Property Name", "Old Value", "New Value")


def archive(events: Sequence[Event]) -> bytes:
    """Returns the zip; its members carry the earliest date a zip can, so that equal events give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, header, rows in (
            ("ProvisioningLogs", MAIN, [_main(event) for event in events]),
            ("ProvisioningLogs_ProvisioningSteps", STEPS, [row for event in events for row in _steps(event)]),
            (
                "ProvisioningLogs_ModifiedProperties",
                PROPERTIES,
                [row for event in events for row in _properties(event)],
            ),
        ):
            member = zipfile.ZipInfo(f"{name}.csv", (1980, 1, 1, 0, 0, 0))
            member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, 3
            bundle.writestr(member, _csv(header, rows))
    return buffer.getvalue()


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Returns rows as CSV with the byte order mark that spreadsheets want."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def _main(event: Event) -> tuple[object, ...]:
    """Returns an event's row in the main file."""
    subject, app, failed = event.intent.subject, event.app, event.failure
    error = (failed.code, failed.category, failed.reason, failed.advice or "") if failed else ("", "", "", "")
    return (
        stamp(event.at),
        subject.name,
        title(event.action),
        SOURCE,
        app.target_system,
        title(event.status),
        app.name,
        app.app_id,
        subject.source_id,
        subject.kind,
        subject.upn or "",
        event.target_id,
        target_type(event),
        event.duration_ms,
        *error,
        SERVICE,
        app.tenant_id,
        app.job_id,
        event.cycle_id,
        event.change_id,
        event.event_id,
    )


def _steps(event: Event) -> list[tuple[object, ...]]:
    """Returns an event's rows in the steps file."""
    return [
        (event.change_id, number, step.name, title(step.type), title(step.status), step.description, dump(step.details))
        for number, step in enumerate(event.steps, 1)
    ]


def _properties(event: Event) -> list[tuple[object, ...]]:
    """Returns an event's rows in the file of modified properties."""
    return [(event.change_id, change.attribute, change.old or "", change.new or "") for change in event.changes]
