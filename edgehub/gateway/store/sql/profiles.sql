-- name: put
-- The newest revision wins; the same message twice is harmless.
insert into profiles (person, revision, document) values (?, ?, ?)
on conflict (person) do update set revision = excluded.revision, document = excluded.document
where excluded.revision > profiles.revision

-- name: all
select document from profiles order by revision
