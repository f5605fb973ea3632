//! Rate limits on the world in memory: each at its edge, and without its bucket.

use tidings_domain::rate::{LIMITS, Leases, LimitError, OnFailure, RateLimited, settle, take, uses_of_send};
use tidings_memory::World;
use tokio::time::{Duration, sleep};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn each_limit_lets_in_its_tokens_and_then_refuses() {
    for limit in LIMITS {
        let (world, leases) = (World::new(1), Leases::default());
        let wanted = limit.of_address("subject");
        let (mut let_in, began) = (0, world.now());
        let refused = loop {
            let refused = if limit.lease == 1 {
                match take(&world, &world, &wanted).await {
                    Ok(()) => None,
                    Err(LimitError::Limited(limited)) => Some(limited),
                    Err(error) => panic!("{error}"),
                }
            } else {
                match leases.admit(std::slice::from_ref(&wanted), world.now()) {
                    Ok(settlements) => {
                        settle(&world, &world, &leases, &settlements).await;
                        None
                    }
                    Err(limited) => Some(limited),
                }
            };
            match refused {
                None => let_in += 1,
                Some(limited) => break limited,
            }
        };
        let back = world.now().ms_since(began) * 1000 / limit.every_us + 1;
        let most = limit.burst + back + if limit.lease == 1 { 0 } else { limit.lease };
        assert!((limit.burst..=most).contains(&let_in), "{}: {let_in}", limit.name);
        assert_eq!(refused.limit, limit.name);
        // It is let in when it was told to come back, and others were never refused.
        sleep(Duration::from_millis(refused.retry_after_ms)).await;
        if limit.lease == 1 {
            take(&world, &world, &wanted).await.unwrap();
            take(&world, &world, &limit.of_address("another")).await.unwrap();
        } else {
            leases.admit(&[wanted], world.now()).unwrap();
            leases.admit(&[limit.of_address("another")], world.now()).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_its_bucket_each_limit_does_as_it_says() {
    for limit in LIMITS {
        let (world, leases) = (World::new(1), Leases::default());
        let wanted = limit.of_address("subject");
        world.set_outage(&["charge_bucket"]);
        match limit.on_failure {
            OnFailure::Open => {
                for _ in 0..limit.lease * 3 {
                    let settlements = leases.admit(std::slice::from_ref(&wanted), world.now()).unwrap();
                    assert_eq!(settle(&world, &world, &leases, &settlements).await, None, "{}", limit.name);
                }
            }
            OnFailure::Closed => {
                let refused = take(&world, &world, &wanted).await;
                assert!(matches!(refused, Err(LimitError::Unavailable(_))), "{}: {refused:?}", limit.name);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_never_answers_holds_nothing_up() {
    let (world, leases) = (World::new(1), Leases::default());
    world.stall(&["charge_bucket"]);
    let uses = uses_of_send(&device("alice", "phone"), &alice_and_bob());
    let began = world.now();
    for _ in 0..100 {
        let settlements = leases.admit(&uses, world.now()).unwrap();
        settle(&world, &world, &leases, &settlements).await;
    }
    // Device and user at once, and the conversation: each is given up after a second, and not tried again soon.
    assert!(world.now().ms_since(began) <= 2_500, "{} ms", world.now().ms_since(began));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_over_one_limit_uses_up_no_other() {
    let (world, leases) = (World::new(1), Leases::default());
    let uses = uses_of_send(&device("alice", "phone"), &alice_and_bob());
    let refused: RateLimited = loop {
        match leases.admit(&uses, world.now()) {
            Ok(settlements) => drop(settle(&world, &world, &leases, &settlements).await),
            Err(limited) => break limited,
        }
    };
    assert_eq!(refused.limit, "sends_per_device", "the smallest");
    let laptop = uses_of_send(&device("alice", "laptop"), &alice_and_bob());
    assert!(leases.admit(&laptop, world.now()).is_ok(), "the user has others");
}
