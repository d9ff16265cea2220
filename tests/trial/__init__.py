"""What deployment steps ask of a container engine, tried with each way to have one."""
