"""Each job's configuration as Graph has it: its schedule, limits, scope, notification and attribute mappings.

Settings stand beside secrets at /synchronization/secrets. Of what comes from there, four names are looked at, and
everything else is dropped before anything is kept, logged or compared.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from pipeline.collect.graph.client import Forbidden, Graph, ResourceMissing
from pipeline.config.booleans import parse_boolean
from pipeline.config.clock import naive
from pipeline.config.secrets import without_secrets
from pipeline.config.tenants import Tenant
from pipeline.ingest.records.schema import AttributeMapping, ObjectMapping, Schema
from pipeline.store.lake import Cursor, Store

logger = logging.getLogger(__name__)
LATEST_JOBS = """
select
    job_id,
    arg_max(app_id, observed_at) as app_id,
    arg_max(app_name, observed_at) as app_name,
    arg_max(template_id, observed_at) as template_id,
    arg_max_null(schedule_state, observed_at) as schedule_state,
    arg_max_null(interval_s, observed_at) as interval_s,
    arg_max_null(deletion_threshold, observed_at) as deletion_threshold
from job_snapshots
where tenant_id = lower(?) and job_id is not null
group by job_id
having arg_max(app_id, observed_at) is not null
order by job_id
"""
"The tenant's jobs by their newest documents; a job without a service principal has no address."
LATEST_DIGEST = "select arg_max(digest, observed_at) from configurations where job_id = ?"
INSERT = """
insert into configurations by name
select $job_id as job_id, lower($tenant_id) as tenant_id, $app_id as app_id, $app_name as app_name,
    $observed_at as observed_at, $template_id as template_id, $schedule_state as schedule_state,
    $interval_s as interval_s, $deletion_threshold as deletion_threshold, $scope_mode as scope_mode,
    $notification as notification, $skip_deletions as skip_deletions, $base_host as base_host, $digest as digest,
    from_json($mappings::json, '[{"source_object": "VARCHAR", "target_object": "VARCHAR",
        "target_attribute": "VARCHAR", "source_expression": "VARCHAR", "flow": "VARCHAR",
        "matching_priority": "INTEGER", "default": "VARCHAR"}]') as mappings
"""
MappingRow = dict[str, Any]


@dataclass(frozen=True)
class AppSettings:
    """The settings that are read from an app's synchronization secrets; None where Graph has none."""

    scope_mode: str | None = None
    "all or assigned, from SyncAll."
    notification: bool | None = None
    skip_deletions: bool | None = None
    base_host: str | None = None


@dataclass(frozen=True)
class Configuration:
    """One job's configuration at one moment."""

    job_id: str
    app_id: str
    app_name: str | None
    template_id: str | None
    schedule_state: str | None
    interval_s: int | None
    deletion_threshold: int | None
    settings: AppSettings = AppSettings()
    mappings: tuple[MappingRow, ...] = ()

    @property
    def digest(self) -> str:
        """Identifies the content: one that differs anywhere has another digest."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:32]


def read_configurations(store: Store, graph: Graph, tenant: Tenant, now: datetime) -> str:
    """Reads the configuration of every job seen of a tenant; a row is added where one changed.

    Returns a summary; a job or app that was deleted is passed over. Raises GraphError when Graph cannot be read: what
    was read before stays.
    """
    settings: dict[str, AppSettings] = {}
    read = changed = 0
    for job in jobs_of(store, tenant):
        if tenant.apps and job.app_id not in tenant.apps:
            continue
        try:
            path = f"servicePrincipals/{quote(job.app_id, safe='')}/synchronization"
            page = graph.page(f"{path}/jobs/{quote(job.job_id, safe='')}/schema")
        except ResourceMissing:
            logger.info("%s: job %s is gone; its configuration stays as last read.", tenant.name, job.job_id)
            continue
        if tenant.app_settings and job.app_id not in settings:
            settings[job.app_id] = read_settings_of(graph, path)
        settled = settings.get(job.app_id, AppSettings())
        schema = Schema.model_validate(page.document)
        read += 1
        changed += add_if_changed(
            store, tenant, replace(job, settings=settled, mappings=tuple(mappings_of(schema))), now
        )
    return f"{read} configuration{'' if read == 1 else 's'} read, {changed} new or changed."


def jobs_of(store: Store, tenant: Tenant) -> Iterator[Configuration]:
    """Returns a tenant's jobs as their newest documents have them."""
    for row in store.rows(LATEST_JOBS, [tenant.tenant_id]):
        yield Configuration(*row)


def mappings_of(schema: Schema) -> Iterator[MappingRow]:
    """Returns each attribute mapping in force, in Graph's order, without secrets."""
    for objects, mapping in schema.mapped():
        yield {name: redacted(value) for name, value in mapping_row(objects, mapping).items()}


def mapping_row(objects: ObjectMapping, mapping: AttributeMapping) -> MappingRow:
    """Returns one mapping by the names of `configurations.mappings`."""
    source = mapping.source
    priority = mapping.matchingPriority or 0
    return {
        "source_object": objects.sourceObjectName,
        "target_object": objects.targetObjectName,
        "target_attribute": mapping.targetAttributeName,
        "source_expression": (source.expression or source.name) if source else None,
        "flow": mapping.flowType or mapping.flowBehavior,
        "matching_priority": priority if priority > 0 else None,
        "default": mapping.defaultValue or None,
    }


def redacted(value: object) -> object:
    """Returns a value without what looks like a secret: a constant of a mapping may hold one."""
    return without_secrets(value) if isinstance(value, str) else value


def read_settings_of(graph: Graph, path: str) -> AppSettings:
    """Reads an app's settings; empty where the permission is missing."""
    try:
        return settings_of(graph.page(f"{path}/secrets").document)
    except (Forbidden, ResourceMissing) as error:
        logger.info("%s Notification and scope stay untold.", error)
        return AppSettings()


def settings_of(document: Mapping[str, Any]) -> AppSettings:
    """Picks four names of what stands beside secrets.

    >>> settings_of({"value": [{"key": "SyncAll", "value": "false"}, {"key": "SecretToken", "value": "x"}]}).scope_mode
    'assigned'
    """
    entries = [entry for entry in document.get("value") or [] if isinstance(entry, dict)]
    values = {
        str(entry.get("key")): str(entry.get("value") or "") for entry in entries if entry.get("key") in SETTING_NAMES
    }
    everyone = parse_boolean(values.get("SyncAll"))
    return AppSettings(
        scope_mode=None if everyone is None else "all" if everyone else "assigned",
        notification=notification_enabled(values.get("SyncNotificationSettings")),
        skip_deletions=parse_boolean(values.get("SkipOutOfScopeDeletions")),
        base_host=host_of(values.get("BaseAddress")),
    )


SETTING_NAMES = ("SyncAll", "SyncNotificationSettings", "SkipOutOfScopeDeletions", "BaseAddress")


def notification_enabled(text: str | None) -> bool | None:
    """Reads whether notification is on, from the JSON text that Graph keeps it in."""
    try:
        document = json.loads(text or "null")
    except ValueError:
        return None
    values = {str(name).casefold(): value for name, value in document.items()} if isinstance(document, dict) else {}
    return parse_boolean(str(values.get("enabled")))


def host_of(address: str | None) -> str | None:
    """Returns an address's host alone: a path or query of it may hold a secret."""
    try:
        return urlsplit((address or "").strip()).hostname
    except ValueError:
        return None


def add_if_changed(store: Store, tenant: Tenant, configuration: Configuration, now: datetime) -> bool:
    """Adds a row, unless the job's newest one is the same; returns whether it did."""
    digest = configuration.digest
    if store.rows(LATEST_DIGEST, [configuration.job_id]) == [(digest,)]:
        return False
    values = asdict(configuration) | asdict(configuration.settings)
    values |= {"tenant_id": tenant.tenant_id, "digest": digest, "mappings": json.dumps(configuration.mappings)}
    values["observed_at"] = naive(now)
    del values["settings"]

    def write(cursor: Cursor) -> None:
        cursor.execute(INSERT, values)

    store.write(write)
    return True
