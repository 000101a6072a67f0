-- Adds to each file of the ledger what changes whenever the file does, by which one that is as it was is not opened.
alter table files add column if not exists file_state varchar;
