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
insert or ignore into outbox (epoch, partition, seq, class, schema_version, payload, crc)
values (?, ?, ?, ?, ?, ?, ?)

-- name: restore_row
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
select epochs.nonce, outbox.partition, outbox.seq, outbox.id
from outbox join epochs on epochs.start = outbox.epoch
where outbox.class = ? and outbox.acked_us is null
order by outbox.id
limit ?

-- name: delete_row
delete from outbox where id = ?

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
