//! Frames that wait for their answer, by `id`.

use std::{collections::HashMap, time::Duration};

use super::Moment;

#[derive(Debug)]
pub(crate) struct Requests<T> {
    timeout: Duration,
    last: u64,
    waiting: HashMap<u64, (Moment, T)>,
}

impl<T> Requests<T> {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, last: 0, waiting: HashMap::new() }
    }

    /// Remembers who waits, and answers the `id` for the frame.
    pub(crate) fn open(&mut self, waiter: T, now: Moment) -> String {
        self.last += 1;
        self.waiting.insert(self.last, (now + self.timeout, waiter));
        self.last.to_string()
    }

    /// Who waited for the answer to `id`; none where nobody does any more.
    pub(crate) fn close(&mut self, id: &str) -> Option<T> {
        self.waiting.remove(&id.parse().ok()?).map(|(_, waiter)| waiter)
    }

    /// Those whose time is up.
    pub(crate) fn expired(&mut self, now: Moment) -> Vec<T> {
        let ids: Vec<u64> = self.waiting.iter().filter(|(_, (at, _))| *at <= now).map(|(id, _)| *id).collect();
        ids.into_iter().filter_map(|id| self.waiting.remove(&id)).map(|(_, waiter)| waiter).collect()
    }

    /// All of them: the connection on which they waited is gone.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        self.waiting.drain().map(|(_, (_, waiter))| waiter).collect()
    }

    /// When to look again, if nothing else happens before.
    pub(crate) fn wake(&self) -> Option<Moment> {
        self.waiting.values().map(|(at, _)| *at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_finds_who_waits_once_and_in_time() {
        let mut requests = Requests::new(Duration::from_secs(5));
        let one = requests.open("one", Duration::ZERO);
        let two = requests.open("two", Duration::from_secs(1));
        assert_eq!(requests.close(&two), Some("two"));
        assert_eq!(requests.close(&two), None);
        assert_eq!(requests.close("not ours"), None);
        assert_eq!(requests.wake(), Some(Duration::from_secs(5)));
        assert_eq!(requests.expired(Duration::from_secs(5)), ["one"]);
        assert_eq!(requests.close(&one), None);
        requests.open("three", Duration::ZERO);
        assert_eq!(requests.drain(), ["three"]);
        assert_eq!(requests.wake(), None);
    }
}
