-- name: meta
select value from meta where key = ?

-- name: set_meta
insert into meta (key, value) values (?, ?) on conflict (key) do update set value = excluded.value

-- name: received
select gateway, nonce, partition, start, watermark, ranges from received

-- name: put_received
insert into received (gateway, nonce, partition, start, watermark, ranges) values (?, ?, ?, ?, ?, ?)
on conflict (gateway, nonce, partition) do update
set start = excluded.start, watermark = excluded.watermark, ranges = excluded.ranges

-- name: insert_event
insert into events (gateway, nonce, partition, seq, type, wall_us, received_us, hash, person, body)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: note_conflict
insert or ignore into conflicts (gateway, nonce, partition, seq, received_us, hash)
select gateway, nonce, partition, seq, ?5, ?6 from events
where gateway = ?1 and nonce = ?2 and partition = ?3 and seq = ?4 and hash <> ?6

-- name: quarantine
insert into quarantine (gateway, received_us, why, raw) values (?, ?, ?, ?)

-- name: trim_quarantine
delete from quarantine where id <= (select max(id) from quarantine) - ?

-- name: note_shed
insert into shed (gateway, nonce, partition, class, count, received_us) values (?, ?, ?, ?, ?, ?)

-- name: put_stay
insert into stays (gateway, visit, person, zone, entered_us, seen_us, left_us, start, seq)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (gateway, visit) do update
set person = excluded.person, zone = excluded.zone, entered_us = excluded.entered_us, seen_us = excluded.seen_us,
  left_us = excluded.left_us, start = excluded.start, seq = excluded.seq

-- name: stays
select gateway, visit, person, zone, entered_us, seen_us, left_us, start, seq from stays

-- name: forget_stays
delete from stays where person = ?

-- name: forget_events
update events set person = null, body = null where person = ?

-- name: people
select person, revision, badge, document from people order by revision

-- name: put_person
insert into people (person, revision, badge, document) values (?, ?, ?, ?)
on conflict (person) do update set revision = excluded.revision, badge = excluded.badge, document = excluded.document

-- name: counts
select (select count(*) from events), (select count(*) from conflicts), (select count(*) from quarantine),
  (select coalesce(sum(count), 0) from shed)
