-- name: meta
select value from meta where key = ?

-- name: set_meta
insert into meta (key, value) values (?, ?) on conflict (key) do update set value = excluded.value

-- name: received
select gateway, nonce, partition, start, watermark, ranges, heard_us from received

-- name: put_received
insert into received (gateway, nonce, partition, start, watermark, ranges, heard_us) values (?, ?, ?, ?, ?, ?, ?)
on conflict (gateway, nonce, partition) do update
set start = excluded.start, watermark = excluded.watermark, ranges = excluded.ranges, heard_us = excluded.heard_us

-- name: forget_received
delete from received where gateway = ? and nonce = ? and partition = ?

-- name: insert_event
-- An epoch that was forgotten because its gateway had nothing of it may come again from a restored card.
insert or ignore into events (gateway, nonce, partition, seq, type, wall_us, received_us, hash, person, body, corrected_us)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: anchors
select gateway, boot_id, monotonic_us, wall_us from anchors

-- name: put_anchor
insert into anchors (gateway, boot_id, monotonic_us, wall_us) values (?, ?, ?, ?)
on conflict (gateway, boot_id) do update set monotonic_us = excluded.monotonic_us, wall_us = excluded.wall_us

-- name: flag_unanchored
insert or ignore into unanchored (gateway, boot_id, start, nonce, partition, seq, monotonic_us)
values (?, ?, ?, ?, ?, ?, ?)

-- name: unanchored
select start, nonce, partition, seq, monotonic_us, wall_us, type, body
from unanchored join events using (gateway, nonce, partition, seq)
where gateway = ? and boot_id = ?
order by start, nonce, partition, seq

-- name: correct_event
update events set corrected_us = ? where gateway = ? and nonce = ? and partition = ? and seq = ?

-- name: unflag
delete from unanchored where gateway = ? and boot_id = ?

-- name: put_receipt
insert into receipts (gateway, revision, received_us) values (?, ?, ?)
on conflict (gateway) do update set revision = excluded.revision, received_us = excluded.received_us
where excluded.revision > receipts.revision

-- name: receipts
select gateway, revision, received_us from receipts

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
