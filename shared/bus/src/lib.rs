//! Kinesis adapter and the event format on the stream
