"""The runner, settings, logs, telemetry and health that every service has."""
