//! Token buckets.

use futures_util::future::join_all;
use tidings_domain::{
    ids::Timestamp,
    rate::{Charge, Charged, micros},
};

use crate::Subject;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const SECOND_US: u64 = 1_000_000;

fn charge(s: &Subject<'_>, name: &str, ceiling_us: Option<u64>, seen_us: u64) -> Charge {
    Charge { bucket: format!("{name}#{}", s.run), cost_us: SECOND_US, ceiling_us, seen_us }
}

/// A bucket empties by charges, refuses at its ceiling, and fills with time.
pub async fn a_bucket_empties_and_fills(s: Subject<'_>) {
    let now_us = micros(NOW);
    let one = charge(&s, "fills", Some(2 * SECOND_US), 0);
    for taken in 1..=3 {
        assert_eq!(s.buckets.charge(&one, NOW).await.unwrap(), Charged::Taken(now_us + taken * SECOND_US));
    }
    let refused = Charged::Refused(now_us + 3 * SECOND_US);
    assert_eq!(s.buckets.charge(&one, NOW).await.unwrap(), refused);
    assert_eq!(s.buckets.charge(&one, NOW.plus_ms(999)).await.unwrap(), refused);
    let later = NOW.plus_ms(1_000);
    assert_eq!(s.buckets.charge(&one, later).await.unwrap(), Charged::Taken(now_us + 4 * SECOND_US));
    // Full again, whatever was last seen of it.
    let much_later = NOW.plus_ms(60_000);
    for seen_us in [0, now_us + 4 * SECOND_US] {
        let full = charge(&s, "fills", None, seen_us);
        assert!(matches!(s.buckets.charge(&full, much_later).await.unwrap(), Charged::Taken(_)));
    }
    let last = s.buckets.charge(&one, much_later).await.unwrap();
    assert_eq!(last, Charged::Taken(micros(much_later) + 3 * SECOND_US));
}

/// Of charges at once none is lost, and no more are taken than there is room for.
pub async fn charges_at_once_are_all_counted(s: Subject<'_>) {
    let bounded = charge(&s, "bounded", Some(4 * SECOND_US), 0);
    let charges = join_all((0..12).map(|_| s.buckets.charge(&bounded, NOW))).await;
    // Who loses to others too often is told to come back, and has changed nothing.
    let taken = charges.iter().filter(|answer| matches!(answer, Ok(Charged::Taken(_)))).count();
    assert!((1..=5).contains(&taken), "{taken}");
    let left = 5 - taken;
    for _ in 0..left {
        assert!(matches!(s.buckets.charge(&bounded, NOW).await.unwrap(), Charged::Taken(_)));
    }
    let refused = s.buckets.charge(&bounded, NOW).await.unwrap();
    assert_eq!(refused, Charged::Refused(micros(NOW) + 5 * SECOND_US));
    // Without a ceiling a bucket goes below empty: what has happened is charged.
    let open = charge(&s, "bounded", None, micros(NOW) + 5 * SECOND_US);
    let below = s.buckets.charge(&open, NOW).await.unwrap();
    assert_eq!(below, Charged::Taken(micros(NOW) + 6 * SECOND_US));
}
