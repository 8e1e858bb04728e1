-- What `edgehub outbox` reads of a journal, in one read transaction; nothing here writes.

-- name: version
select user_version from pragma_user_version

-- name: counts
select class, count(*) filter (where acked_us is null), count(*) filter (where acked_us is not null),
  sum(length(payload))
from outbox
group by class

-- name: epochs
select epochs.start, epochs.nonce, count(outbox.id),
  count(outbox.id) filter (where outbox.acked_us is null), min(outbox.seq), max(outbox.seq)
from epochs left join outbox on outbox.epoch = epochs.start
group by epochs.start
order by epochs.start

-- name: oldest_waiting
select payload from outbox where acked_us is null order by id limit 1

-- name: pages
select (select page_count from pragma_page_count) - (select freelist_count from pragma_freelist_count)

-- name: set_aside
select count(*) from set_aside

-- name: waiting
select payload, crc from outbox where acked_us is null order by epoch, partition, seq

-- name: all
select payload, crc from outbox order by epoch, partition, seq

-- name: rows
select outbox.epoch, outbox.partition, outbox.seq, outbox.payload, outbox.crc, epochs.start is not null
from outbox left join epochs on epochs.start = outbox.epoch
order by outbox.epoch, outbox.partition, outbox.seq

-- name: visits
select visit, document, crc from visits order by visit
