-- Adds the jobs that were replaced before there was a table of them.
-- after: model
delete from job_successors;
insert into job_successors by name from job_successions() order by job_id;
delete from taken_over;
insert into taken_over by name from objects_taken_over() order by job_id, source_id;
