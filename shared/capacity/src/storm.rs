//! A reconnect storm: everybody has lost their connection at once, and comes back by the client's own backoff.
//!
//! A fluid, a second at a time: of those who try in a second, the gateway lets in what it takes, and the others wait
//! anew. Who tries again after how long is known exactly (full jitter: any part of a bound), so no dice are thrown and
//! five million clients take as long as five.

/// How long a client waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The bound of the first wait, in seconds: where the storm began with a notice, clients spread over it.
    pub first_seconds: usize,
    /// The bound of the wait after the first failure, in seconds. It doubles with each.
    pub base_seconds: usize,
    /// The highest bound, in seconds.
    pub cap_seconds: usize,
}

/// A storm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Storm {
    /// Clients who come back.
    pub clients: f64,
    /// Connections that are let in in a second, of all accounts together.
    pub accepted_per_second: f64,
    /// How clients wait.
    pub backoff: Backoff,
}

/// What a storm has come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Seconds until half of the clients were connected.
    pub half_seconds: usize,
    /// Until 99 %.
    pub most_seconds: usize,
    /// Tries of a client, on average.
    pub tries: f64,
    /// Tries in the worst second.
    pub peak_tries: f64,
}

/// Beyond that it is not a storm but a climate.
const SECONDS_MAX: usize = 1_000_000;

/// Lets a storm pass.
pub fn weather(storm: &Storm) -> Outcome {
    let Backoff { first_seconds, base_seconds, cap_seconds } = storm.backoff;
    let bound = |failures: u32| base_seconds.saturating_mul(1_usize << failures.min(20)).clamp(1, cap_seconds.max(1));
    // Once the bound is the cap, one failure is like another.
    let levels = (0..32).position(|failures| bound(failures) >= cap_seconds.max(1)).unwrap_or_default() + 2;
    let span = cap_seconds.max(first_seconds).max(1) + 1;
    // Who will try, by second (in a ring) and by failures so far.
    let mut waiting = vec![vec![0.0; levels]; span];
    let spread = |waiting: &mut Vec<Vec<f64>>, now: usize, seconds: usize, level: usize, clients: f64| {
        let share = clients / seconds as f64;
        for ahead in 1..=seconds {
            waiting[(now + ahead) % span][level] += share;
        }
    };
    spread(&mut waiting, 0, first_seconds.max(1), 0, storm.clients);
    let (mut connected, mut tries, mut peak_tries, mut half_seconds) = (0.0, 0.0, 0.0_f64, 0);
    for now in 1..SECONDS_MAX {
        let trying = std::mem::replace(&mut waiting[now % span], vec![0.0; levels]);
        let total: f64 = trying.iter().sum();
        let accepted = total.min(storm.accepted_per_second);
        connected += accepted;
        tries += total;
        peak_tries = peak_tries.max(total);
        if half_seconds == 0 && connected >= storm.clients / 2.0 {
            half_seconds = now;
        }
        if connected >= storm.clients * 0.99 {
            return Outcome { half_seconds, most_seconds: now, tries: tries / storm.clients, peak_tries };
        }
        if total > accepted {
            let refused = (total - accepted) / total;
            for (level, clients) in trying.into_iter().enumerate() {
                let failures = u32::try_from(level).unwrap_or(u32::MAX);
                spread(&mut waiting, now, bound(failures), (level + 1).min(levels - 1), clients * refused);
            }
        }
    }
    Outcome { half_seconds, most_seconds: SECONDS_MAX, tries: tries / storm.clients, peak_tries }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { first_seconds: 1, base_seconds: 1, cap_seconds: 30 };

    #[test]
    fn five_million_sockets_take_hours_at_one_account_and_minutes_at_its_cells() {
        let storm = Storm { clients: 5e6, accepted_per_second: 500.0, backoff: BACKOFF };
        let one = weather(&storm);
        // 99 % of 5 million at 500 a second are 9,900 seconds: no second goes unused.
        assert!((9_900..9_960).contains(&one.most_seconds), "{one:?}");
        let cells = weather(&Storm { accepted_per_second: 56.0 * 500.0, ..storm });
        assert!((177..240).contains(&cells.most_seconds), "{cells:?}");
    }

    #[test]
    fn jitter_over_the_time_that_it_takes_saves_nearly_all_tries() {
        let storm = Storm { clients: 5e6, accepted_per_second: 28_000.0, backoff: BACKOFF };
        let (hasty, spread) =
            (weather(&storm), weather(&Storm { backoff: Backoff { first_seconds: 180, ..BACKOFF }, ..storm }));
        assert!(spread.tries < 1.05 && hasty.tries > 5.0, "{hasty:?} {spread:?}");
        assert!(spread.peak_tries < hasty.peak_tries / 50.0);
        assert!(spread.most_seconds <= hasty.most_seconds + 10, "and nobody waits longer for it");
    }

    #[test]
    fn where_there_is_room_everybody_is_back_at_once() {
        let calm = weather(&Storm { clients: 100.0, accepted_per_second: 500.0, backoff: BACKOFF });
        assert_eq!((calm.half_seconds, calm.most_seconds), (1, 1));
        assert!((calm.tries - 1.0).abs() < 1e-9);
    }

    #[test]
    fn nobody_is_lost_or_counted_twice() {
        let backoff = Backoff { first_seconds: 3, base_seconds: 1, cap_seconds: 8 };
        let storm = Storm { clients: 1_000.0, accepted_per_second: 7.0, backoff };
        let outcome = weather(&storm);
        // 990 clients at 7 a second.
        assert!(outcome.most_seconds >= 142 && outcome.most_seconds < 160, "{outcome:?}");
        assert!(outcome.tries >= 1.0 && outcome.peak_tries <= 1_000.0);
    }
}
