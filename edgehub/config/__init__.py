"""Staff files → frozen models, with messages that say where and what to do."""
