//! The messaging core: ids, log, receipts, use cases and ports; no AWS, no serde, no clock
