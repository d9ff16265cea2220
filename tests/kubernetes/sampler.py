"""Tells every 100 ms which nodes are alive, and of which version: a line of JSON. It runs in SQL Server's pod."""

import json
import sys
import time

from standin.octopus import nodes
from standin.octopus.sql import Database


HISTORY = "SELECT Node, Version FROM OctopusServerInstallationHistory ORDER BY Installed"

connection = Database(sys.argv[1]).open()
while True:
    # in this order: a server notes its version before its first heartbeat
    alive = [node.name for node in nodes.everyone(connection) if node.alive]
    newest = {str(name): str(version) for name, version in connection.execute(HISTORY).fetchall()}
    print(json.dumps({name: newest.get(name) for name in alive}), flush=True)
    time.sleep(0.1)
