//! How rough it is, and how that changes: faults of calls, parts that are away for a while,
//! sockets that die, clocks that jump, streams that lag and are resharded.

use std::rc::Rc;

use tidings_memory::{Faults, streams::Stream};

use crate::{
    chance::Chance,
    sim::{Phase, Sim},
};

/// What may be away for a while, together.
const OUTAGES: [&[&str]; 10] = [
    &["publish"],
    &["ingest"],
    &["post", "close"],
    &["advance"],
    &["append"],
    &["members", "memberships", "standing", "by_activity", "advance", "raise"],
    &["put_session", "sessions_of_user", "refresh_session", "remove_session"],
    &["change_group", "group"],
    &["read_tail", "read_after", "read_one", "append"],
    &["raise"],
];

/// How rough it is now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    /// The chance of an invocation to be killed.
    pub(crate) kill_chance: f64,
    /// How far the clock of an instance may be off, in milliseconds.
    pub(crate) skew_ms_max: u64,
    /// How much more the streams lag, in milliseconds.
    pub(crate) stream_lag_ms: u64,
    /// The chance of a batch to be read twice.
    pub(crate) repeat_batch_chance: f64,
}

/// Makes weather until the storm is over.
pub(crate) async fn make(sim: Rc<Sim>) {
    let chance = &mut Chance::of(sim.seed, "weather");
    while sim.phase.get() == Phase::Storm {
        change(&sim, chance);
        let mut left_ms = chance.within(1_000..6_000);
        while left_ms > 0 && sim.phase.get() == Phase::Storm {
            let step_ms = left_ms.min(chance.within(100..1_500));
            sim.wait_ms(step_ms).await;
            left_ms -= step_ms;
            if chance.hits(0.25 * sim.plan.roughness) {
                sim.cut_a_line(chance);
            }
            if chance.hits(0.1) {
                reshard(&sim, chance);
            }
        }
    }
    *sim.weather.borrow_mut() = Weather::default();
    sim.lambda.borrow().set_clocks();
    sim.world.set_outage(&[]);
    sim.world.set_faults(fair_weather());
}

/// Calls take their time, and eventually consistent reads lag, in fair weather too.
fn fair_weather() -> Faults {
    Faults { latency_ms_max: 12, stale: 0.2, stale_ms_max: 1_000, ..Faults::default() }
}

fn change(sim: &Sim, chance: &mut Chance) {
    let roughness = sim.plan.roughness;
    let mut up_to = |most: f64| if chance.hits(0.5) { most * roughness * chance.fraction() } else { 0.0 };
    let faults = Faults {
        refused: up_to(0.15),
        throttled: up_to(0.15),
        conflict: up_to(0.1),
        answer_lost: up_to(0.2),
        repeated: up_to(0.2),
        stray_gone: up_to(0.02),
        slow: up_to(0.1),
        slow_ms_max: 3_000,
        ..fair_weather()
    };
    let weather = Weather {
        kill_chance: up_to(0.3),
        repeat_batch_chance: up_to(0.3),
        skew_ms_max: if roughness > 0.3 { 60_000 } else { 50 },
        stream_lag_ms: if up_to(1.0) > 0.3 { 5_000 } else { 0 },
    };
    let is_away = up_to(1.0) > 0.25;
    sim.world.set_faults(faults);
    *sim.weather.borrow_mut() = weather;
    let away = if is_away { *chance.pick(&OUTAGES).unwrap_or(&OUTAGES[0]) } else { &[] };
    sim.world.set_outage(away);
    if weather.stream_lag_ms > 0 {
        sim.count("times of lagging streams");
    }
    if weather.skew_ms_max > 1_000 {
        sim.count("times of clocks that are off");
    }
    sim.trace("world", None, || format!("{faults:?} {weather:?} away: {away:?}"));
}

fn reshard(sim: &Sim, chance: &mut Chance) {
    let mut done = 0;
    done += u64::from(reshard_stream(&mut sim.events.stream.borrow_mut(), chance));
    done += u64::from(reshard_stream(&mut sim.rows.stream.borrow_mut(), chance));
    done += u64::from(reshard_stream(&mut sim.ingest.stream.borrow_mut(), chance));
    sim.events.news.notify_waiters();
    sim.ingest.news.notify_waiters();
    sim.rows.news.notify_waiters();
    sim.count_named("streams", "reshards", done);
}

fn reshard_stream<T>(stream: &mut Stream<T>, chance: &mut Chance) -> bool {
    let open = stream.open_shards();
    let Some(shard) = chance.pick(&open).copied() else { return false };
    if open.len() < 4 && chance.hits(0.6) {
        return stream.split(shard);
    }
    chance.pick(&open).is_some_and(|other| stream.merge(shard, *other))
}
