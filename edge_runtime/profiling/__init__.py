"""Measuring a device: the timing core, facts about the host, and what is timed."""
