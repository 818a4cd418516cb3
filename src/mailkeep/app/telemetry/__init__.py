"""Telemetry: Prometheus metrics, readiness and the heartbeat of a running process.

Counters count what this process did, from the events that it records, after their commit, so the
numbers of several processes add up. Gauges of the queue, the log and the incidents are read from
the database, and are the same from every process. Labels come from the settings and the code, never
from what somebody sent.
"""
