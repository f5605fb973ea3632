//! How long AWS takes, from published measurements, as distributions to draw from.

use rand::Rng;
use rand_distr::StandardNormal;

/// The standard normal distribution's 95th and 99th percentile.
const Z95: f64 = 1.644_854;
const Z99: f64 = 2.326_348;
/// No draw lies further out than this: one in 30,000 would, and only the last digits of a p99 would tell.
const Z_MAX: f64 = 4.0;

/// A time by its percentiles, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentiles {
    /// Half are shorter.
    pub p50: f64,
    /// One in twenty is longer.
    pub p95: f64,
    /// One in a hundred is longer.
    pub p99: f64,
}

impl Percentiles {
    /// A time of these percentiles, in milliseconds.
    pub const fn new(p50: f64, p95: f64, p99: f64) -> Self {
        Self { p50, p95, p99 }
    }

    /// Draws a time, in milliseconds: a lognormal distribution in two pieces, so that it has all
    /// three percentiles.
    pub fn draw(&self, chance: &mut impl Rng) -> f64 {
        let z: f64 = chance.sample(StandardNormal);
        let z = z.clamp(-Z_MAX, Z_MAX);
        let below = (self.p95 / self.p50).ln() / Z95;
        if z <= Z95 {
            return self.p50 * (below * z).exp();
        }
        let above = (self.p99 / self.p95).ln() / (Z99 - Z95);
        self.p95 * (above * (z - Z95)).exp()
    }
}

/// API Gateway to Lambda. Published as 10 to 20 ms, and taken as any of them.
pub const API_GATEWAY_TO_LAMBDA: Percentiles = Percentiles::new(15.0, 19.5, 19.9);
/// Kinesis to Lambda with enhanced fan-out.
pub const KINESIS_ENHANCED_TO_LAMBDA: Percentiles = Percentiles::new(49.0, 70.0, 109.0);
/// Kinesis to Lambda without it.
pub const KINESIS_TO_LAMBDA: Percentiles = Percentiles::new(627.0, 965.0, 1580.0);
/// A table's stream to Lambda.
pub const DYNAMODB_STREAM_TO_LAMBDA: Percentiles = Percentiles::new(213.0, 341.0, 552.0);
/// SQS to Lambda.
pub const SQS_TO_LAMBDA: Percentiles = Percentiles::new(16.0, 34.0, 105.0);
/// A transaction of five items.
pub const TRANSACTION: Percentiles = Percentiles::new(25.0, 36.0, 93.0);

/// How long the calls of the world take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latencies {
    /// Reads and writes of tables.
    pub storage: Percentiles,
    /// The append to the log.
    pub append: Percentiles,
    /// Puts to streams.
    pub stream: Percentiles,
    /// Posts to sockets.
    pub socket: Percentiles,
}

impl Latencies {
    /// As published: `PutItem` and a strong read alike, `PutRecord`, and, an estimate,
    /// `PostToConnection`.
    pub const PUBLISHED: Self = Self {
        storage: Percentiles::new(7.6, 13.0, 16.0),
        append: Percentiles::new(7.6, 13.0, 16.0),
        stream: Percentiles::new(12.0, 25.0, 45.0),
        socket: Percentiles::new(15.0, 36.0, 60.0),
    };

    pub(crate) fn of(&self, operation: &str) -> Percentiles {
        match operation {
            "append" => self.append,
            "publish" => self.stream,
            "post" | "close" => self.socket,
            _ => self.storage,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn draws_have_the_percentiles() {
        let mut chance = ChaCha8Rng::seed_from_u64(1);
        let Latencies { storage, append, stream, socket } = Latencies::PUBLISHED;
        let hops = [
            API_GATEWAY_TO_LAMBDA,
            KINESIS_ENHANCED_TO_LAMBDA,
            KINESIS_TO_LAMBDA,
            DYNAMODB_STREAM_TO_LAMBDA,
            SQS_TO_LAMBDA,
            TRANSACTION,
        ];
        for wanted in [storage, append, stream, socket].into_iter().chain(hops) {
            let mut draws: Vec<f64> = (0..100_000).map(|_| wanted.draw(&mut chance)).collect();
            draws.sort_by(f64::total_cmp);
            for (index, expected) in [(50_000, wanted.p50), (95_000, wanted.p95), (99_000, wanted.p99)] {
                let drawn = draws[index];
                assert!((drawn / expected - 1.0).abs() < 0.03, "{drawn} where {wanted:?} has {expected}");
            }
        }
    }
}
