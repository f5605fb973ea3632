//! Who watches whom, and looks that wait.

use std::collections::BTreeMap;

use tidings_domain::{
    ids::{Sender, Timestamp, UserId},
    ports::PortResult,
    watching::{Look, Looks, Told, Watcher, Watches},
};

use crate::{World, units::Rate};

/// A look that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedLook {
    /// When it is to be made.
    pub at: Timestamp,
    /// The look.
    pub look: Look,
}

#[derive(Debug, Default)]
pub(crate) struct Watching {
    watchers: BTreeMap<UserId, BTreeMap<(u32, Sender), Watcher>>,
    told: BTreeMap<UserId, (Told, Timestamp)>,
    looks: Vec<QueuedLook>,
}

impl World {
    /// Takes the looks that are due by now.
    pub fn take_due_looks(&self) -> Vec<Look> {
        let now = self.now();
        let mut state = self.state();
        let (due, later) = std::mem::take(&mut state.watching.looks).into_iter().partition(|look| look.at <= now);
        state.watching.looks = later;
        let due: Vec<QueuedLook> = due;
        due.into_iter().map(|queued| queued.look).collect()
    }

    /// Who watches a user, in place of who did.
    pub fn set_watchers(&self, user: &UserId, watchers: Vec<Watcher>) {
        let keyed = watchers.into_iter().map(|w| ((w.session.place(), w.session.owner.clone()), w)).collect();
        self.state().watching.watchers.insert(user.clone(), keyed);
    }

    /// When the next look is due; none where none waits.
    pub fn next_look_at(&self) -> Option<Timestamp> {
        self.state().watching.looks.iter().map(|look| look.at).min()
    }
}

impl Watches for World {
    fn watch<'a>(&'a self, user: &'a UserId, watcher: &'a Watcher) -> PortResult<'a, ()> {
        Box::pin(self.call("watch", move |state| {
            state.meter.write(|| 0);
            let session = &watcher.session;
            let of_user = state.watching.watchers.entry(user.clone()).or_default();
            of_user.insert((session.place(), session.owner.clone()), watcher.clone());
        }))
    }

    fn unwatch<'a>(&'a self, user: &'a UserId, watcher: &'a Sender) -> PortResult<'a, ()> {
        Box::pin(self.call("unwatch", move |state| {
            state.meter.write(|| 0);
            if let Some(of_user) = state.watching.watchers.get_mut(user) {
                of_user.retain(|(_, device), _| device != watcher);
            }
        }))
    }

    fn watchers<'a>(&'a self, user: &'a UserId, from: u32, limit: usize) -> PortResult<'a, Vec<Watcher>> {
        Box::pin(self.call("read_watchers", move |state| {
            state.meter.query(Rate::Eventual, || 0);
            let of_user = state.watching.watchers.get(user).into_iter().flatten();
            let found = of_user.filter(|((place, _), _)| *place >= from).take(limit);
            found.map(|(_, watcher)| watcher.clone()).collect()
        }))
    }

    fn claim_look<'a>(&'a self, user: &'a UserId, now: Timestamp, until: Timestamp) -> PortResult<'a, Option<Told>> {
        Box::pin(self.call("claim_look", move |state| {
            state.meter.write(|| 0);
            let (told, due) = state.watching.told.entry(user.clone()).or_insert((Told::NOTHING, Timestamp::default()));
            if *due >= now {
                return None;
            }
            *due = until;
            Some(*told)
        }))
    }

    fn told<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Told> {
        Box::pin(self.call("read_told", move |state| {
            state.meter.query(Rate::Strong, || 0);
            state.watching.told.get(user).map_or(Told::NOTHING, |(told, _)| *told)
        }))
    }

    fn note_told<'a>(&'a self, user: &'a UserId, told: &'a Told) -> PortResult<'a, ()> {
        Box::pin(self.call("note_told", move |state| {
            state.meter.write(|| 0);
            state.watching.told.insert(user.clone(), (*told, Timestamp::default()));
        }))
    }
}

impl Looks for World {
    fn put<'a>(&'a self, look: &'a Look, delay_ms: u64) -> PortResult<'a, ()> {
        let at = self.now().plus_ms(delay_ms);
        Box::pin(self.call("queue_look", move |state| {
            state.watching.looks.push(QueuedLook { at, look: look.clone() });
        }))
    }
}
