-- Statements of the hub, for SQLite and PostgreSQL alike. `:name` is a value; a list stands in brackets after `in`.

-- name: received
select gateway, nonce, partition, start, watermark, ranges from received
where gateway in :gateways and nonce in :nonces

-- name: put_received
insert into received (gateway, nonce, partition, start, watermark, ranges, heard_us)
values (:gateway, :nonce, :partition, :start, :watermark, :ranges, :heard_us)
on conflict (gateway, nonce, partition) do update
set start = excluded.start, watermark = excluded.watermark, ranges = excluded.ranges, heard_us = excluded.heard_us

-- name: silent
select gateway, nonce, partition, start, watermark, ranges from received
where gateway = :gateway and heard_us < :before_us

-- name: forget_received
delete from received where gateway = :gateway and nonce = :nonce and partition = :partition

-- name: anchors
select gateway, boot_id, monotonic_us, wall_us from anchors

-- name: put_anchor
insert into anchors (gateway, boot_id, monotonic_us, wall_us) values (:gateway, :boot_id, :monotonic_us, :wall_us)
on conflict (gateway, boot_id) do update set monotonic_us = excluded.monotonic_us, wall_us = excluded.wall_us

-- name: flag_unanchored
insert into unanchored (gateway, boot_id, start, nonce, partition, seq, monotonic_us)
values (:gateway, :boot_id, :start, :nonce, :partition, :seq, :monotonic_us)
on conflict do nothing

-- name: unanchored
select flagged.start, flagged.nonce, flagged.partition, flagged.seq, flagged.monotonic_us, events.id, events.told_us,
  events.type, events.body
from unanchored as flagged
join events on events.source = 'gateway/' || flagged.gateway
  and events.key = flagged.nonce || '/' || flagged.partition || '/' || flagged.seq
where flagged.gateway = :gateway and flagged.boot_id = :boot_id
order by flagged.start, flagged.nonce, flagged.partition, flagged.seq

-- name: correct_event
update events set at_us = :at_us where id = :id

-- name: unflag
delete from unanchored where gateway = :gateway and boot_id = :boot_id

-- name: put_receipt
insert into receipts (gateway, revision, received_us) values (:gateway, :revision, :received_us)
on conflict (gateway) do update set revision = excluded.revision, received_us = excluded.received_us
where excluded.revision > receipts.revision

-- name: receipts
select gateway, revision, received_us from receipts

-- name: last_event
select coalesce(max(id), 0) from events

-- name: insert_event
insert into events (
  id, source, key, type, name, at_us, told_us, received_us, hash, subject, ids, body
) values (
  :id, :source, :key, :type, :name, :at_us, :told_us, :received_us, :hash, :subject, :ids, :body
)
on conflict do nothing -- an epoch that was forgotten, because its gateway had nothing of it, may come from a restored card

-- name: hashes
select source, key, hash from events where source in :sources and key in :keys

-- name: note_conflict
insert into conflicts (source, key, received_us, hash)
select source, key, :received_us, :hash from events where source = :source and key = :key and hash <> :hash
on conflict do nothing

-- name: quarantine
insert into quarantine (id, gateway, received_us, why, raw)
select coalesce(max(id), 0) + 1, :gateway, :received_us, :why, :raw from quarantine

-- name: trim_quarantine
delete from quarantine where id <= (select max(id) from quarantine) - :keep

-- name: note_shed
insert into shed (gateway, nonce, partition, class, count, received_us)
values (:gateway, :nonce, :partition, :class, :count, :received_us)

-- name: put_stay
insert into stays (gateway, visit, person, zone, entered_us, seen_us, left_us, start, seq)
values (:gateway, :visit, :person, :zone, :entered_us, :seen_us, :left_us, :start, :seq)
on conflict (gateway, visit) do update
set person = excluded.person, zone = excluded.zone, entered_us = excluded.entered_us, seen_us = excluded.seen_us,
  left_us = excluded.left_us, start = excluded.start, seq = excluded.seq

-- name: stays_of_present
select gateway, visit, person, zone, entered_us, seen_us, left_us, start, seq from stays
where person in (select person from stays where seen_us >= (select max(seen_us) from stays) - :within_us)

-- name: stays_since
select gateway, visit, person, zone, entered_us, seen_us, left_us, start, seq from stays
where person in :persons and (left_us is null or left_us >= :since_us)

-- name: stays_reported
select gateway, visit, person, zone, entered_us, seen_us, left_us, start, seq from stays
where gateway in :gateways and visit in :visits

-- name: mark_stale
insert into stale (person, since, mark) values (:person, :mark, :mark)
on conflict (person) do update set mark = excluded.mark

-- name: remembered
select person from people where person in :persons and erased = 0 and (remember = 1 or :all = 1)

-- name: forget_stays
delete from stays where person = :person

-- name: forget_sightings
update events set subject = null, ids = null, body = null where subject = :subject and source like 'gateway/%'

-- name: people
select person, revision, badge, document from people order by revision

-- name: put_person
insert into people (person, revision, badge, document, remember, erased)
values (:person, :revision, :badge, :document, :remember, :erased)
on conflict (person) do update
set revision = excluded.revision, badge = excluded.badge, document = excluded.document, remember = excluded.remember,
  erased = excluded.erased

-- name: counts
select (select coalesce(max(id), 0) from events), (select count(*) from stays), (select count(*) from conflicts), (select count(*) from quarantine),
  (select coalesce(sum(count), 0) from shed)

-- name: stamps_and_seen
select type, at_us, body from events where subject in :subjects and type in ('stamp', 'seen')

-- name: held_stamps
select source, key, type, name, at_us, received_us, subject, ids, body from events
where source = :source and key >= 'held/' and key < 'held0' and received_us >= :since_us

-- name: note_unmapped
insert into unmapped (source, field, example_type, count, first_us, last_us)
values (:source, :field, :example_type, :count, :now_us, :now_us)
on conflict (source, field) do update
set example_type = excluded.example_type, count = unmapped.count + excluded.count, last_us = excluded.last_us

-- name: unmapped
select source, field, example_type, count from unmapped order by source, field

-- name: records
select source, count(*) from events group by source

-- name: facts_about
select source, key, type, name, at_us, received_us, subject, ids, body from events
where subject in :subjects order by at_us, id

-- name: facts_to_fold
-- What gateways tell of visits stands in stays.
select source, key, type, name, at_us, received_us, subject, ids, body from events
where subject in :subjects and type not in ('visit.entered', 'visit.left', 'visit.corrected', 'dwell.progress')

-- name: names
select kind, value, component, person from identifiers where kind in :kinds and value in :values

-- name: names_of
select kind, value, person from identifiers where component in :components

-- name: components_of
select distinct component from identifiers where person = :person or (kind = 'person' and value = :person)

-- name: put_name
insert into identifiers (kind, value, component, person) values (:kind, :value, :component, :person)
on conflict (kind, value) do update set component = excluded.component, person = excluded.person

-- name: drop_names
delete from identifiers where component = :component

-- name: said
select says, at_us from claims where says in :says

-- name: claims_of
select event, kind, ids, at_us, source, key, worn from claims where component in :components

-- name: put_claim
insert into claims (event, component, kind, ids, at_us, source, key, worn, says)
values (:event, :component, :kind, :ids, :at_us, :source, :key, :worn, :says)
on conflict (says) do update
set event = excluded.event, component = excluded.component, kind = excluded.kind, ids = excluded.ids,
  at_us = excluded.at_us, source = excluded.source, key = excluded.key, worn = excluded.worn

-- name: move_claims
update claims set component = :new where component = :component

-- name: handings_of
select badge, at_us from handings where component in :components

-- name: handings_with
select badge, at_us, source, key, holder, worn, component from handings where badge in :badges

-- name: put_handing
insert into handings (badge, at_us, source, key, holder, worn, component)
values (:badge, :at_us, :source, :key, :holder, :worn, :component)
on conflict do nothing

-- name: drop_handings
delete from handings where component = :component

-- name: badges_of
select badge, person, since_us, until_us from badges where component in :components

-- name: wearers
select badge, person, since_us, until_us from badges where badge in :badges

-- name: put_badge
insert into badges (badge, person, since_us, until_us, component)
values (:badge, :person, :since_us, :until_us, :component)
on conflict do nothing

-- name: drop_badges
delete from badges where component = :component

-- name: stale
select person, mark from stale order by since limit :limit

-- name: count_stale
select count(*) from stale

-- name: drop_stale
delete from stale where person = :person and mark = :mark

-- name: named
select kind, value, person from identifiers where value in :values and person is not null

-- name: ids_of
select kind, value from identifiers where person = :person order by kind, value

-- name: profile
select document, updated_us from profiles where person = :person

-- name: stays_of
select gateway, visit, person, zone, entered_us, seen_us, left_us, start, seq from stays where person in :persons

-- name: put_profile
insert into profiles (person, document, updated_us) values (:person, :document, :updated_us)
on conflict (person) do update set document = excluded.document, updated_us = excluded.updated_us

-- name: drop_profile
delete from profiles where person = :person

-- name: put_dwell
insert into dwell (zone, person, dwell_us) values (:zone, :person, :dwell_us)

-- name: forget_dwell
delete from dwell where person = :person

-- name: people_with
select person, revision, badge, document from people where person in :persons

-- name: travelling
select person from people where person in :persons and erased = 0

-- name: last_revision
select coalesce(max(revision), 0) from people

-- name: registered
select ids, body from events
where source = 'registration' and type = 'identify' and ids is not null order by id

-- name: drop_claim
delete from claims where event = :event

-- name: forget_stale
delete from stale where person = :person

-- name: dwell_of
select dwell.person, dwell.dwell_us
from dwell join people on people.person = dwell.person and people.erased = 0 and (people.remember = 1 or :all = 1)
where dwell.zone = :zone order by dwell.dwell_us desc limit :limit

-- name: meta
select value from meta where key = :key

-- name: put_meta
insert into meta (key, value) values (:key, :value) on conflict (key) do update set value = excluded.value

-- name: forgotten
select digest from forgotten where digest in :digests

-- name: bar
insert into forgotten (digest, guest, why) values (:digest, :guest, :why)
on conflict (digest) do update set guest = excluded.guest, why = excluded.why

-- name: lift
delete from forgotten where guest in (select guest from forgotten where digest = :digest)

-- name: lift_badge
delete from forgotten where digest = :digest

-- name: lift_event
delete from forgotten where why = 'event'

-- name: told_of
-- What doors told; what gateways told stays as an empty place in their sequence.
select id, source, key, type, subject, ids, body from events
where subject in :subjects and source not like 'gateway/%'

-- name: told_while_worn
select id, source, key from events
where subject = :subject and at_us >= :since_us and at_us < :until_us and source not like 'gateway/%'

-- name: drop_event
delete from events where id = :id

-- name: strip_event
update events set ids = :ids, body = :body where id = :id

-- name: drop_conflict
delete from conflicts where source = :source and key = :key

-- name: quarantined
select id, raw from quarantine

-- name: drop_quarantined
delete from quarantine where id = :id

-- name: tombstones
-- Erased guests of whom a gateway that has confirmed no more than this may still hold something.
select count(*) from people where erased = 1 and revision > :revision

-- name: erased
select person from people where person in :persons and erased = 1

-- name: gateways
select gateway from received union select gateway from receipts

-- name: anybody
-- Guests whom gateways, doors or stays know.
select person from people where erased = 0
union select person from identifiers where person is not null
union select person from stays limit :limit

-- name: sweep_facts
delete from events where subject is not null and source not like 'gateway/%'

-- name: sweep_sightings
update events set subject = null, ids = null, body = null where subject is not null

-- name: sweep_quarantine
delete from quarantine

-- name: sweep_names
delete from identifiers

-- name: sweep_claims
delete from claims

-- name: owe
insert into owed (id, traces) select coalesce(max(id), 0) + 1, :traces from owed

-- name: owed
select id, traces from owed

-- name: settle_owed
update owed set traces = :traces where id = :id

-- name: drop_owed
delete from owed where id = :id
