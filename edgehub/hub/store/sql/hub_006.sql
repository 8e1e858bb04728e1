-- Names of guests who are forgotten, as keyed digests: enough to know such a name when a door tells it again, and no more.
-- guest groups the names of one (a random text); why is 'asked' (the guest) or 'event' (the event is over).
create table forgotten (
  digest blob primary key,
  guest text not null,
  why text not null
) without rowid;

create index forgotten_guest on forgotten (guest);
