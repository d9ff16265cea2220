"""The stand-in for Octopus.Server in its five ages, and what is switched in it."""

import base64
import json
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from standin.octopus import about, integrity, switches
from standin.octopus.sql import Database

from .standins import KEY, Node


AGES = list(about.AGES.values())
UNKNOWN = "Unrecognized command line arguments: "
LONG_KEY = base64.b64encode(bytes(range(32))).decode()
