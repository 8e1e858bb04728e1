"""A hub in thirty lines: it takes every event of a venue, keeps it in SQLite, and only then acknowledges it.

    pip install paho-mqtt
    python subscriber.py dv-conference hub.local 8883 ca.crt hub.crt hub.key      # certificates: edgehub pki --help

Gateways' outboxes empty through it, each event is kept once, and it may be killed at any moment. It is where a hub of
your own begins; `edgehub contract` prints every message and the rules. It gives out no profiles, so gateways know no
guests but those of their own registration.csv; and it counts what it has anew for each batch, which a large venue's
hub will want to remember instead.
"""

import json
import sqlite3
import sys
import uuid

from paho.mqtt import client as mqtt

site, host, port, ca, cert, key = sys.argv[1:]
base, generation = f"edgehub/v1/{site}", uuid.uuid4().hex
db = sqlite3.connect("events.db")
db.execute("CREATE TABLE IF NOT EXISTS events (gateway, epoch, part, seq, event, UNIQUE (gateway, epoch, part, seq))")
ranges_held = """SELECT min(seq), max(seq) FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS island
                 FROM events WHERE gateway = ? AND epoch = ? AND part = ?) GROUP BY island ORDER BY 1"""


def say(client, topic, retain=False, **content):
    client.publish(f"{base}/{topic}", json.dumps(content), qos=1, retain=retain)


def take(client, _, message):
    gateway, content = message.topic.split("/")[3], json.loads(message.payload)
    if asked := message.topic.endswith("/up/ask"):  # a gateway or this hub came back
        revision = content["profiles_since"]
        say(client, f"{gateway}/down/profiles", since=revision, upto=revision, more=False, profiles=[])
    else:
        rows = [(gateway, e["epoch"]["nonce"], e["partition"], e["seq"], json.dumps(e)) for e in content]
        with db:  # one transaction, on the disk at its end; an event that comes again changes nothing
            db.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?)", rows)
    marks = {(one["epoch"]["nonce"], one["partition"]): one for one in (content["marks"] if asked else content)}
    for (nonce, part), one in marks.items():  # say what is really here: all up to the watermark, and these ranges
        held = db.execute(ranges_held, (gateway, nonce, part)).fetchall()
        known = {"epoch": one["epoch"], "partition": part, "also": held[-4096:], "hub_generation": generation}
        say(client, f"{gateway}/down/ack", watermark=held[0][1] if held and held[0][0] == 1 else 0, **known)


def begin(client, *_):
    client.subscribe([(f"{base}/+/up/events/+", 1), (f"{base}/+/up/ask", 1)])
    say(client, "hub/status", retain=True, state="online", generation=generation)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
client.on_connect, client.on_message = begin, take
client.tls_set(ca, cert, key)
client.will_set(f"{base}/hub/status", json.dumps({"state": "offline", "generation": generation}), qos=1, retain=True)
client.connect(host, int(port), keepalive=15)
client.loop_forever()
