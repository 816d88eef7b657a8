"""What operators see of the running service: metrics, traces, the call log and usage records."""
