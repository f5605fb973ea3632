//! The conformance suite on the world in memory.

use tidings_memory::World;
use tidings_testkit::Subject;

macro_rules! in_memory {
    ($check:ident) => {
        #[tokio::test(start_paused = true)]
        async fn $check() {
            let world = World::new(1);
            let subject = Subject {
                log: &world,
                conversations: &world,
                invites: &world,
                sessions: &world,
                devices: &world,
                registry: &world,
                keys: &world,
                device_sets: &world,
                inboxes: &world,
                mailboxes: &world,
                marks: &world,
                rules: &world,
                privacy: &world,
                personal: &world,
                buckets: &world,
                tickets: &world,
                annotations: &world,
                eraser: &world,
                timers: &world,
                media: &world,
                schedule: &world,
                run: "r",
            };
            tidings_testkit::$check(subject).await;
        }
    };
}

tidings_testkit::conformance!(in_memory);
