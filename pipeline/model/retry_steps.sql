-- What a failed attempt tells of those before it, and when Entra tries again.

-- entry_instant(word): an instant as the retry step writes it: ISO 8601, with or without a zone, American or day first
-- with a clock of 12 or 24 hours, or Microsoft's JSON date; UTC where no zone is named. Null where it cannot be read,
-- or stands for no date at all.
create or replace macro entry_instant(word) as
    list_filter(list_transform(
        [regexp_replace(trim(replace(replace(replace(word, '\/', '/'), '\u202f', ' '), chr(8239), ' ')),
            '\s*(?:UTC|GMT)$', 'Z')],
        lambda w: case
            when w like '%Date(%' then make_timestamp(try_cast(regexp_extract(w, '-?\d+') as bigint) * 1000)
            when w like '%/%' then try_strptime(regexp_replace(w, ',?\s*(?:Z|[+-]\d\d:?\d\d)?$', ''),
                    ['%m/%d/%Y %I:%M:%S %p', '%m/%d/%Y, %I:%M:%S %p', '%m/%d/%Y %I:%M:%S.%f %p', '%m/%d/%Y %I:%M %p',
                        '%m/%d/%Y %H:%M:%S', '%m/%d/%Y, %H:%M:%S', '%m/%d/%Y %H:%M:%S.%f', '%m/%d/%Y %H:%M',
                        '%d/%m/%Y %H:%M:%S', '%d/%m/%Y, %H:%M:%S', '%d/%m/%Y %I:%M:%S %p', '%d/%m/%Y %H:%M'])
                - coalesce(to_minutes(try_cast(regexp_extract(w, '([+-])\d\d:?\d\d$', 1) || '1' as integer)
                    * (60 * try_cast(regexp_extract(w, '[+-](\d\d):?\d\d$', 1) as integer)
                        + try_cast(regexp_extract(w, '[+-]\d\d:?(\d\d)$', 1) as integer))), interval 0 minute)
            else timezone('UTC', try_cast(w as timestamptz))
        end), lambda t: t > timestamp '2000-01-01')[1];

-- retry_step(steps): the details of the step that takes an object out of the pending retries, as a text; null where an
-- event has none.
create or replace macro retry_step(steps) as
    list_filter(steps, lambda s: lower(s."name") like '%escrowretry')[1].details::varchar;

-- retry_member(details, pattern): a member of the retry step's details, by a pattern of its name; null where it is not
-- there.
create or replace macro retry_member(details, pattern) as
    nullif(rtrim(regexp_extract(details, '(?i)"' || pattern || '"\s*:\s*"?([^"}]*)', 1), ', '), '');

-- retry_number(retry_count, details): which retry a failed attempt was, 0 for the first attempt: by the event's reason,
-- else by its retry step; null where neither counts.
create or replace macro retry_number(retry_count, details) as
    coalesce(retry_count, try_cast(retry_member(details, 'Retry_?Count') as integer),
        try_cast(retry_member(details, 'CountProcessed') as integer) + 1);

-- retried_after(retries): how long after the first failure Entra tries for the so manieth time again, by its documented
-- schedule: after 6, 12 and 24 hours, then daily, for 28 days.
create or replace macro retried_after(retries) as
    case when retries <= 0 then interval 0 hour when retries = 1 then interval 6 hour when retries = 2 then interval 12 hour
        else to_days(least(retries - 2, 28)::integer) end;

-- stopped_jobs(as_of): one row per job that its newest status at an instant shows in quarantine, paused or disabled, or
-- that a newer job of its app has replaced: no retry comes as a failure promised it.
--   job_id           the job
--   observed_at      when that status was read
--   next_attempt_at  when Entra tries the job again; null where Graph does not tell, and of one that is paused or disabled
--   is_off           whether it is paused or disabled
--   is_replaced      whether a newer job has replaced it
create or replace macro stopped_jobs(as_of) as table
select coalesce(s.job_id, n.job_id) as job_id, observed_at,
    case when not is_off and n.job_id is null then next_attempt_at end as next_attempt_at,
    coalesce(is_off, false) as is_off, n.job_id is not null as is_replaced
from (
    select job_id, observed_at, next_attempt_at, state = 'Quarantine' or quarantine_since is not null as quarantined,
        coalesce(state in ('Paused', 'Disabled', 'NotConfigured'), false)
            or coalesce(schedule_state in ('Paused', 'Disabled'), false) as is_off
    from job_snapshots
    where observed_at <= as_of and job_id is not null
    qualify row_number() over (partition by job_id order by observed_at desc, snapshot_id) = 1
) s
full join replaced_jobs([as_of]) n on n.job_id = s.job_id
where quarantined or is_off or n.job_id is not null;

-- promised_retry(retry_at, stopped_job, next_attempt_at): when an object is tried again: in quarantine not before the
-- quarantine's next attempt, and unknown where that is; unknown while the job is paused or disabled. stopped_job: the
-- job, where it is among the stopped_jobs.
create or replace macro promised_retry(retry_at, stopped_job, next_attempt_at) as
    case when stopped_job is null then retry_at
        when retry_at is not null and next_attempt_at is not null then greatest(retry_at, next_attempt_at) end;
