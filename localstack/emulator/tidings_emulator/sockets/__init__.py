"""The data plane of a WebSocket API: connections, their routes, and the @connections API."""
