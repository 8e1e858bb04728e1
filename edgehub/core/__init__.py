"""The core: everything edgehub decides, and nothing it does.

Everything that happens becomes an **event**. One pure engine decides. Everything to be done leaves as an **effect**.
No module in this package knows a clock, a file, a socket, a thread or an event loop: time is an argument, so a whole
day of a venue is a list of events that can be recorded, replayed and tested in milliseconds::

    radio / peers / hub / files / clock ──events──▶ Engine ──effects──▶ lamps / store + outbox / peers

The floors, each importing only from those below it::

    engine       events in, effects out; the one object a gateway asks
    wire         every message both ends speak       lighting   whose colour a room shows, and how often
    visit        from enter to leave; dwell          profile    a guest, consent, badges over time
    presence     levels → probability of each zone → transitions
    sightings    advertisements → sightings of badges we know
    decode       bytes → frames
    advert       what a radio callback is reduced to  venue      the staff's description of the place
    data         our ``dataclass``: the standard one, made for a tenth of the price (a gateway has over a hundred)

Words, the field's own:

Advertisement   what the radio heard.
Frame           what an advertisement decodes to.
Sighting        badge, receiver, level, time.
Level           received signal strength over about a second, dBm.
Receiver        a Pi's radio: ``GATEWAY`` or ``GATEWAY/ADAPTER``.
Zone            a place with a name.
Visit           one person in one zone, from enter to leave. Dwell is how long.
Badge           a beacon worn by a person; a *badge key* is its one canonical name (see ``sightings``).
Marker          a beacon fixed to furniture.
Outbox          events written down here and not yet acknowledged by the hub.
Epoch, sequence where an event stands in its gateway's life; together its identity.
Site            all gateways and the hub of one venue.

Two clocks reach the core. *Decision time* (s, monotonic) is what visits and dwell are measured on; a simulated radio
may run it faster. *Real time* (s, monotonic) is what lamps and transports live on and never runs faster. Wall time
is attached only to what leaves the machine.
"""
