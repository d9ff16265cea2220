"""Who may change the schema, and when: the lock, the nodes that are alive, the databases that are left alone."""
