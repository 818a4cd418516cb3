"""Telemetry: what operators and their machines see of a running process.

Counters count what this process did, from the facts that it records, once they are committed; so
the numbers of several processes add up. Gauges of the queue, the log and the incidents are read
from the database, and are the same from every process. Labels come from the settings and the code,
never from what somebody sent.
"""
