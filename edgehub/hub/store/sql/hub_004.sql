-- Staff look a guest up by an address or a number, whatever kind of name it is.
create index identifiers_value on identifiers (value);
