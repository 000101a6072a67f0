-- What is written. Every statement may run again; no key, no index, no sequence: a DuckLake has none.
-- A column's sentence stands in docs/dictionary.md, which a test holds to this file.

create table if not exists events (
    event_id varchar,
    source varchar,
    tenant_id varchar,
    job_id varchar,
    cycle_id varchar,
    change_id varchar,
    occurred_at timestamp,
    action varchar,
    status varchar,
    app_id varchar,
    app_name varchar,
    source_system varchar,
    target_system varchar,
    source_id varchar,
    source_name varchar,
    source_type varchar,
    upn varchar,
    target_id varchar,
    target_type varchar,
    duration_ms bigint,
    error_code varchar,
    error_category varchar,
    reason varchar,
    recommended_action varchar,
    skip_reason varchar,
    http_status integer,
    scim_type varchar,
    scim_detail varchar,
    retry_count integer,
    retry_at timestamp,
    last_step varchar,
    steps struct("name" varchar, "type" varchar, status varchar, description varchar, details json)[],
    changes struct(attribute varchar, old_value varchar, new_value varchar)[]
);

create table if not exists exchanges (
    exchange_id varchar,
    occurred_at timestamp,
    tenant_id varchar,
    app_id varchar,
    "method" varchar,
    "path" varchar,
    resource_type varchar,
    resource_id varchar,
    "filter" varchar,
    operation varchar,
    http_status integer,
    scim_type varchar,
    detail varchar,
    duration_ms bigint,
    request_id varchar,
    client varchar,
    request_body varchar,
    response_body varchar
);

create table if not exists job_snapshots (
    snapshot_id varchar,
    tenant_id varchar,
    job_id varchar,
    app_id varchar,
    app_name varchar,
    observed_at timestamp,
    state varchar,
    quarantine_reason varchar,
    quarantine_since timestamp,
    quarantine_count bigint,
    next_attempt_at timestamp,
    interval_s bigint,
    last_began_at timestamp,
    last_ended_at timestamp,
    last_state varchar,
    escrowed bigint,
    exported bigint,
    imported bigint,
    completed_units bigint,
    total_units bigint,
    users bigint,
    groups bigint,
    steady_since timestamp,
    successive_failures bigint,
    deletion_threshold bigint,
    error_code varchar,
    error_message varchar
);

create table if not exists incidents (
    incident_id varchar,
    rule varchar,
    severity varchar,
    subject varchar,
    app_name varchar,
    opened_at timestamp,
    noticed_at timestamp,
    closed_at timestamp,
    summary varchar,
    evidence json,
    acknowledged_by varchar,
    note varchar
);

create table if not exists rule_runs (
    rule varchar,
    ran_at timestamp,
    outcome varchar,
    findings bigint,
    duration_ms bigint
);

create table if not exists rejects (
    "file" varchar,
    line bigint,
    reason varchar,
    "raw" blob,
    rejected_at timestamp
);

create table if not exists files (
    "file" varchar,
    source varchar,
    "size" bigint,
    read_to bigint,
    lines bigint,
    kept bigint,
    duplicates bigint,
    rejects bigint,
    unfamiliar bigint,
    first_event_at timestamp,
    last_event_at timestamp,
    finished_at timestamp,
    fingerprint varchar
);

-- The beats' last runs, so that any process can say whether they are on time.
create table if not exists beats (
    beat varchar,
    began_at timestamp,
    ended_at timestamp,
    outcome varchar,
    detail varchar
);

-- Partial folds of events, one set a transaction; the views identities and hourly finish them, maintenance merges them.
create table if not exists identity_parts (
    job_id varchar,
    source_id varchar,
    named_key bigint,
    app_name varchar,
    source_type varchar,
    upn varchar,
    source_name varchar,
    target_key bigint,
    target_id varchar,
    last_event_at timestamp,
    state_key bigint,
    state varchar,
    benign boolean,
    error_code varchar,
    last_success_at timestamp,
    attempts bigint,
    failures bigint,
    benign_skips bigint
);

create table if not exists hourly_parts (
    "hour" timestamp,
    tenant_id varchar,
    job_id varchar,
    app_name varchar,
    "action" varchar,
    status varchar,
    benign boolean,
    error_code varchar,
    last_step varchar,
    events bigint,
    duration_ms bigint
);
