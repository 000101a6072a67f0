-- Numbers the objects of rows that were written before these columns were there.
-- after: model
update footings
set object = object_number(job_id, source_id),
    word = footing_word(footing, left_as, ends, skip_reason)
where object is null;
update problems set object = object_number(job_id, source_id) where object is null;
update skips set object = object_number(job_id, source_id) where object is null;
update identity_parts set object = object_number(job_id, source_id) where object is null;
