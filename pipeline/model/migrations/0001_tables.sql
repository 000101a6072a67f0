-- Creates the tables of version 0.1; a store of that version has them already.
--
-- No key, no index, no sequence: a DuckLake has none. Each column is described in docs/dictionary.md, which a test holds
-- to the store. Later files change these tables; this one stays as it is.

-- Which migrations were applied. Number 0 is the model: the digest of the views and macros as they were last built.
create table if not exists migrations (
    number integer,
    name varchar,
    applied_at timestamp
);

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

-- Partial folds of events by cycle; object_keys are the hashes of its distinct objects, so that parts can be united.
create table if not exists cycle_parts (
    job_id varchar,
    cycle_id varchar,
    app_name varchar,
    began_at timestamp,
    ended_at timestamp,
    events bigint,
    succeeded bigint,
    failed bigint,
    skipped bigint,
    warnings bigint,
    worked_ms bigint,
    retries bigint,
    object_keys ubigint[],
    objects bigint
);

-- Which stretches of time one reading vouches for: a file from its first record to its last, a poll or a container from
-- where it began. Before settled_until nothing more is expected; from there to until late records may still come.
create table if not exists coverage (
    source varchar,
    tenant_id varchar,
    job_id varchar,
    origin varchar,
    since timestamp,
    settled_until timestamp,
    until timestamp,
    read_at timestamp
);

-- How asking a tenant or a container goes, one row a feed: what was last reached, and what is the matter.
create table if not exists contacts (
    tenant varchar,
    feed varchar,
    reached_at timestamp,
    tried_at timestamp,
    outcome varchar,
    detail varchar,
    failures bigint,
    next_try_at timestamp,
    requests bigint,
    skew_s double
);

-- A job's configuration as Graph tells it; a row for each time that it was found changed.
create table if not exists configurations (
    job_id varchar,
    tenant_id varchar,
    app_id varchar,
    app_name varchar,
    observed_at timestamp,
    template_id varchar,
    schedule_state varchar,
    interval_s bigint,
    deletion_threshold bigint,
    scope_mode varchar,
    notification boolean,
    mappings struct(
        source_object varchar, target_object varchar, target_attribute varchar, source_expression varchar,
        flow varchar, matching_priority integer, "default" varchar
    )[],
    digest varchar
);

-- Which permissions the collector has, feature by feature, as it last tried them.
create table if not exists permissions (
    tenant varchar,
    feature varchar,
    scope varchar,
    state varchar,
    detail varchar,
    asked_at timestamp
);

-- What is to be told, and to whom: one row a message, written with the change that it tells of.
create table if not exists outbox (
    message_id varchar,
    incident_id varchar,
    change varchar,
    route varchar,
    address varchar,
    title varchar,
    body varchar,
    severity varchar,
    app_name varchar,
    link varchar,
    created_at timestamp,
    due_at timestamp,
    state varchar,
    attempts bigint,
    repeats bigint,
    tried_at timestamp,
    claimed_at timestamp,
    claimed_by varchar,
    sent_as varchar,
    sent_at timestamp,
    error varchar
);

-- When an app's token ends: what an operator said, or a JWT's own word; never the token.
create table if not exists tokens (
    app_name varchar,
    expires_at timestamp,
    said_by varchar,
    said_at timestamp,
    note varchar
);

-- Failures, and skips that are no good news, with the cause that they share; written beside the events.
create table if not exists problems (
    event_id varchar,
    tenant_id varchar,
    job_id varchar,
    app_name varchar,
    cycle_id varchar,
    occurred_at timestamp,
    order_key bigint,
    source_id varchar,
    source_type varchar,
    "action" varchar,
    status varchar,
    fingerprint varchar,
    code varchar,
    category varchar,
    http_status integer,
    scim_type varchar,
    step_type varchar,
    attribute varchar,
    detail varchar,
    is_reference boolean,
    retry_at timestamp
);

-- Every skip with its kind, and how often each scoping clause was judged, by day; written beside the events.
create table if not exists skips (
    recipe integer,
    event_id varchar,
    tenant_id varchar,
    job_id varchar,
    app_name varchar,
    cycle_id varchar,
    occurred_at timestamp,
    order_key bigint,
    source_id varchar,
    source_type varchar,
    "name" varchar,
    kind varchar,
    attribute varchar,
    clauses varchar[],
    reason varchar,
    unmet varchar[]
);
create table if not exists scope_parts (
    "day" timestamp,
    tenant_id varchar,
    job_id varchar,
    app_name varchar,
    clause varchar,
    evaluated bigint,
    failed bigint
);

-- What groups' events say about their members, a row for each member; written beside the events.
create table if not exists member_claims (
    event_id varchar,
    job_id varchar,
    source_id varchar,
    occurred_at timestamp,
    status varchar,
    op varchar,
    "member" varchar
);

-- When an object's footing changed: of an object's events those that say otherwise than the one before, and all
-- removals; written beside the events.
create table if not exists footings (
    event_id varchar,
    tenant_id varchar,
    job_id varchar,
    app_id varchar,
    app_name varchar,
    source_id varchar,
    source_type varchar,
    "name" varchar,
    target_id varchar,
    occurred_at timestamp,
    order_key bigint,
    footing varchar,
    removal varchar,
    left_as varchar,
    ends varchar,
    status varchar,
    error_code varchar,
    skip_reason varchar,
    reason varchar,
    retry_at timestamp
);
