"""SQL Server: the connection string, connecting, waiting. Heavy; knows nothing of Octopus."""
