-- name: next_start
select coalesce(max(start), 0) + 1 from epochs

-- name: insert_epoch
insert into epochs (start, nonce, boot_id) values (?, ?, ?)

-- name: keep_epoch
insert or ignore into epochs (start, nonce, boot_id) values (?, ?, ?)

-- name: meta
select value from meta where key = ?

-- name: set_meta
insert into meta (key, value) values (?, ?) on conflict (key) do update set value = excluded.value

-- name: insert_row
-- A batch whose commit failed half-way is written again, unchanged: what had been kept is passed over.
insert or ignore into outbox (epoch, partition, seq, class, schema_version, payload, crc, key)
values (?, ?, ?, ?, ?, ?, ?, ?)

-- name: restore_row
-- Without the key of a state: a damaged file may be older than that column.
insert or ignore into outbox (epoch, partition, seq, class, schema_version, payload, crc, acked_us)
values (?, ?, ?, ?, ?, ?, ?, ?)

-- name: put_visit
insert into visits (visit, document, crc) values (?, ?, ?)
on conflict (visit) do update set document = excluded.document, crc = excluded.crc

-- name: drop_visit
delete from visits where visit = ?

-- name: visits
select visit, document, crc from visits order by visit

-- name: page
select outbox.id, epochs.start, epochs.nonce, outbox.partition, outbox.seq, outbox.payload, outbox.crc
from outbox join epochs on epochs.start = outbox.epoch
where outbox.acked_us is null and outbox.id > ?
order by outbox.id
limit ?

-- name: last
select coalesce(max(id), 0) from outbox

-- name: waiting
select count(*), coalesce(max(id), 0) from outbox where acked_us is null

-- name: mark
update outbox set acked_us = ?
where epoch = (select start from epochs where nonce = ?) and partition = ? and seq between ? and ? and acked_us is null

-- name: unmark
-- The hub lost what it had acknowledged: everything above its watermark waits again.
update outbox set acked_us = null
where epoch = (select start from epochs where nonce = ?) and partition = ? and seq > ? and acked_us is not null

-- name: marks
-- Up to where each epoch is acknowledged without a gap, of what is still here.
select epochs.start, epochs.nonce, partition,
  coalesce(min(case when acked_us is null then seq end) - 1, max(seq))
from outbox join epochs on epochs.start = outbox.epoch
group by epochs.start, partition
order by epochs.start desc
limit 200

-- name: forget_acknowledged
-- The replay window: what the hub acknowledged long ago.
delete from outbox where acked_us < ?

-- name: shed_acknowledged
delete from outbox where id in (select id from outbox where acked_us is not null order by id limit ?)

-- name: oldest_of_class
select epochs.nonce, outbox.partition, outbox.seq, outbox.id, length(outbox.payload)
from outbox join epochs on epochs.start = outbox.epoch
where outbox.class = ? and outbox.acked_us is null
order by outbox.id
limit ?

-- name: superseded
-- States that a later one has overtaken: the newest of each key stays.
select epochs.nonce, outbox.partition, outbox.seq, outbox.id, length(outbox.payload)
from outbox join epochs on epochs.start = outbox.epoch
where outbox.class = ? and outbox.acked_us is null
  and (outbox.key is null or exists (select 1 from outbox later where later.key = outbox.key and later.id > outbox.id))
order by outbox.id
limit ?

-- name: delete_row
delete from outbox where id = ?

-- name: count_between
select count(*), (select max(id) from outbox) from outbox where id between ? and ?

-- name: close_up
-- Rows that stayed between rows that went move to the end, so that their pages become free: new rows go to the end
-- anyway, and a page that is two thirds empty is of no use to them.
update outbox set id = id + ? where id between ? and ?

-- name: forget_epochs
delete from epochs where start < ? and start not in (select distinct epoch from outbox)

-- name: used_pages
select (select page_count from pragma_page_count) - (select freelist_count from pragma_freelist_count)

-- name: scan_epochs
select start, nonce, boot_id from epochs where start between ? and ?

-- name: scan_outbox
select epoch, partition, seq, class, schema_version, payload, crc, acked_us from outbox where id between ? and ? order by id

-- name: scan_visits
select visit, document, crc from visits where rowid between ? and ?

-- name: payloads
select id, payload from outbox where id > ? order by id limit ?

-- name: aside_payloads
select id, payload from set_aside where id > ? order by id limit ?

-- name: empty_row
-- Its place in the sequence stays, so that the hub's watermark passes over it.
update outbox set payload = ?, crc = ?, class = ?, key = null where id = ?

-- name: drop_aside
delete from set_aside where id = ?

-- name: put_aside
insert into set_aside (epoch, partition, seq, class, payload, wall_us)
select epoch, partition, seq, class, payload, ?2 from outbox where id = ?1 and acked_us is null

-- name: trim_aside
delete from set_aside where id <= (select max(id) from set_aside) - ?

-- name: aside_count
select count(*) from set_aside

-- name: class_of
select class from outbox where id = ? and acked_us is null
