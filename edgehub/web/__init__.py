"""Pages in the browser, for gateway and hub."""
