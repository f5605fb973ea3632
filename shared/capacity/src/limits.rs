//! Which limit of AWS is met first, and into how many cells the users have to be divided.

use crate::load::Load;

/// How much more than the busiest second there is to be room for: the reference asks for 20 to 40 %.
pub const MARGIN: f64 = 0.30;

/// A limit of an account in a region, as it is before anybody has asked for more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// What is limited.
    pub name: &'static str,
    /// How much of it there is.
    pub default: f64,
    /// AWS raises it when asked to.
    pub can_be_raised: bool,
}

/// A limit, and how much of it is needed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// The limit.
    pub limit: Limit,
    /// What is needed in the busiest second.
    pub needed: f64,
}

impl Demand {
    /// How often the limit is needed.
    pub fn ratio(&self) -> f64 {
        self.needed / self.limit.default
    }

    /// What has to be asked for so that so many cells have room for it; none where the default is enough.
    pub fn to_ask_for(&self, cells: f64) -> Option<f64> {
        let needed = self.needed / cells * (1.0 + MARGIN);
        (needed > self.limit.default).then_some(needed)
    }
}

/// All limits, with what is needed of each.
pub fn demands(load: &Load) -> Vec<Demand> {
    let limit = |name, default, needed, can_be_raised| Demand { limit: Limit { name, default, can_be_raised }, needed };
    vec![
        limit("API Gateway: requests a second", 10_000.0, load.peak_requests_per_second, true),
        limit("API Gateway: new connections a second", 500.0, load.reconnects_per_second, true),
        limit("Lambda: executions at once", 1_000.0, load.peak_concurrency, true),
        limit("DynamoDB: write units a second, the log's table", 40_000.0, load.peak_log_write_units, true),
        limit("DynamoDB: read units a second, all of them on one table", 40_000.0, load.peak_read_units, true),
        limit("Kinesis: shards on demand", 200.0, load.peak_shards, true),
        limit("S3: uploads a second under one prefix", 3_500.0, load.peak_uploads_per_second, false),
    ]
}

/// The limit that is met first as users come.
pub fn first_hit(demands: &[Demand]) -> Option<Demand> {
    demands.iter().copied().max_by(|one, other| one.ratio().total_cmp(&other.ratio()))
}

/// How many cells, each in an account of its own, have room for it with the limits as they are.
pub fn cells(demands: &[Demand]) -> f64 {
    first_hit(demands).map_or(1.0, |first| (first.ratio() * (1.0 + MARGIN)).ceil().max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Assumptions, Message};

    fn of(users: &Assumptions) -> Vec<Demand> {
        demands(&Load::of(users, &Message::default()))
    }

    #[test]
    fn the_requests_of_api_gateway_are_the_first_to_run_out() {
        let demands = of(&Assumptions::default());
        let first = first_hit(&demands).unwrap();
        assert_eq!(first.limit.name, "API Gateway: requests a second");
        // 115,741 messages of 3.5 frames, 20,833 heartbeats, 694 handshakes.
        assert!((first.needed - 426_620.0).abs() < 1.0, "{}", first.needed);
        assert!((cells(&demands) - 56.0).abs() < 0.5);
    }

    #[test]
    fn idle_users_run_out_of_handshakes_first() {
        let idle = Assumptions { messages_per_user: 0.1, ..Assumptions::default() };
        let first = first_hit(&of(&Assumptions { heartbeat_seconds: 540.0, ..idle })).unwrap();
        assert_eq!(first.limit.name, "API Gateway: new connections a second");
    }

    #[test]
    fn a_cell_of_the_right_number_has_room_and_one_fewer_has_not() {
        let demands = of(&Assumptions::default());
        let enough = cells(&demands);
        assert!(demands.iter().all(|demand| demand.to_ask_for(enough).is_none()));
        assert!(demands.iter().any(|demand| demand.to_ask_for(enough - 1.0).is_some()));
        let small = Assumptions { daily_users: 10_000.0, ..Assumptions::default() };
        assert!((cells(&of(&small)) - 1.0).abs() < 0.5, "a small service is one cell");
    }
}
