"""Who may change the schema, and when: the lock, the live nodes, the databases that must not be touched."""
