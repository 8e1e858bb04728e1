-- Stays of an earlier version are in no fold yet.
insert into stale (person, since, mark) select distinct person, 0, 0 from stays where true on conflict do nothing;
