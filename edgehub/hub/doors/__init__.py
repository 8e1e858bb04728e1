r"""The doors of the hub: each turns what it is told into facts, and says what became of them after the commit.

    collector   identify, track, alias, page, screen and batches over HTTP      calls reads them
    drop        files, in a folder for each source                              records reads them
    stamps      sponsors' stamps                                                stamping judges them
    app         what phones hear of markers                                     markers places them
    desk        what staff look up and say
    front       what every HTTP request passes first; contract is what others see of it, and makes the OpenAPI document
    opening     all of them on one log

To try the HTTP doors on one machine::

    edgehub hub --site demo --data-layer config/data_layer.yaml --zones config/zones.yaml --stamps config/stamps.yaml \
                --doors 127.0.0.1:8090 --drop drop
    KEY=$(edgehub hub key add app --access access.json)
    curl -u "$KEY:" -H 'Content-Type: application/json' http://127.0.0.1:8090/v1/identify \
         -d '{"messageId": "1", "userId": "T-7", "traits": {"email": "kim@example.org"}}'
"""
