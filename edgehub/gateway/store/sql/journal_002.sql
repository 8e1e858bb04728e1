-- key: what a state is the state of, for compaction: of two states with one key only the later still says anything.
alter table outbox add column key text;

create index outbox_state on outbox (key, id) where key is not null;

-- Events the hub never acknowledged although it acknowledged others: kept to be looked at, and reported as shed.
create table set_aside (
  id integer primary key,
  epoch integer not null,
  partition integer not null,
  seq integer not null,
  class text not null,
  payload blob not null,
  wall_us integer not null
);
