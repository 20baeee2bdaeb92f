"""Measuring a device: `timing` is the core, `host` describes the machine, `workloads` are what is timed."""
