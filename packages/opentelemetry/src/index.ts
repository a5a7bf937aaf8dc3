// Traces and metrics for OpenTelemetry.
export {};
