//! What users keep for themselves.

use std::collections::BTreeSet;

use tidings_domain::{
    ids::{ConversationId, Sequence, Timestamp, UserId},
    personal::{PersonalItem, PersonalKey, PersonalPage, PersonalPlace},
    ports::{Personal, PortResult, Replaced},
};

use crate::{World, state::State, units::Rate};

impl State {
    fn items_of(&self, user: &UserId) -> impl Iterator<Item = &PersonalItem> {
        self.personal.get(user).into_iter().flat_map(|items| items.values())
    }

    /// Whether the user has as many of the kind as they may.
    fn is_full(&self, user: &UserId, key: &PersonalKey) -> bool {
        let is_same = |other: &PersonalKey| std::mem::discriminant(other) == std::mem::discriminant(key);
        let count = self.items_of(user).filter(|item| !item.is_deleted && is_same(&item.key)).count() as u64;
        key.count_max().is_some_and(|count_max| count >= count_max)
    }
}

fn page(items: impl Iterator<Item = PersonalItem>, limit: usize) -> PersonalPage {
    let mut items: Vec<PersonalItem> = items.take(limit + 1).collect();
    let has_more = items.len() > limit;
    items.truncate(limit);
    PersonalPage { items, has_more }
}

impl Personal for World {
    fn find<'a>(&'a self, user: &'a UserId, key: &'a PersonalKey) -> PortResult<'a, Option<PersonalItem>> {
        Box::pin(self.call("find_personal", move |state| {
            state.meter.query(Rate::Strong, || 0);
            state.personal.get(user).and_then(|items| items.get(key)).cloned()
        }))
    }

    fn replace<'a>(
        &'a self,
        user: &'a UserId,
        before: Option<&'a PersonalItem>,
        after: &'a PersonalItem,
    ) -> PortResult<'a, Replaced> {
        Box::pin(self.call("replace_personal", move |state| {
            state.meter.write(|| 0);
            let found = state.personal.get(user).and_then(|items| items.get(&after.key));
            if found.map(|item| item.version) != before.map(|item| item.version) {
                return Replaced::Lost;
            }
            let is_more = !after.is_deleted && before.is_none_or(|before| before.is_deleted);
            if is_more && state.is_full(user, &after.key) {
                return Replaced::Full;
            }
            state.personal.entry(user.clone()).or_default().insert(after.key.clone(), after.clone());
            Replaced::Done
        }))
    }

    fn changes<'a>(
        &'a self,
        user: &'a UserId,
        since: Timestamp,
        from: Option<&'a PersonalPlace>,
        limit: usize,
    ) -> PortResult<'a, PersonalPage> {
        Box::pin(self.call("personal_changes", move |state| {
            state.meter.query(Rate::Strong, || 0);
            let is_after = |item: &PersonalItem| {
                item.changed_at >= since
                    && from.is_none_or(|place| (item.changed_at, &item.key) > (place.at, &place.key))
            };
            let mut items: Vec<PersonalItem> = state.items_of(user).filter(|item| is_after(item)).cloned().collect();
            items.sort_by(|a, b| (a.changed_at, &a.key).cmp(&(b.changed_at, &b.key)));
            page(items.into_iter(), limit)
        }))
    }

    fn drafts<'a>(
        &'a self,
        user: &'a UserId,
        after: Option<&'a ConversationId>,
        limit: usize,
    ) -> PortResult<'a, PersonalPage> {
        Box::pin(self.call("drafts", move |state| {
            state.meter.query(Rate::Strong, || 0);
            let is_after = |item: &&PersonalItem| {
                let name = item.key.conversation().to_string();
                matches!(item.key, PersonalKey::Draft(_))
                    && !item.is_deleted
                    && after.is_none_or(|after| name > after.to_string())
            };
            let mut items: Vec<PersonalItem> = state.items_of(user).filter(is_after).cloned().collect();
            items.sort_by_key(|item| item.key.conversation().to_string());
            page(items.into_iter(), limit)
        }))
    }

    fn stars<'a>(
        &'a self,
        user: &'a UserId,
        before: Option<&'a PersonalPlace>,
        limit: usize,
    ) -> PortResult<'a, PersonalPage> {
        Box::pin(self.call("stars", move |state| {
            state.meter.query(Rate::Strong, || 0);
            let is_before = |item: &&PersonalItem| {
                matches!(item.key, PersonalKey::Star(..))
                    && !item.is_deleted
                    && before.is_none_or(|place| (item.ts, &item.key) < (place.at, &place.key))
            };
            let mut items: Vec<PersonalItem> = state.items_of(user).filter(is_before).cloned().collect();
            items.sort_by(|a, b| (b.ts, &b.key).cmp(&(a.ts, &a.key)));
            page(items.into_iter(), limit)
        }))
    }

    fn hidden<'a>(
        &'a self,
        user: &'a UserId,
        conversation: &'a ConversationId,
        from: Sequence,
        to: Sequence,
    ) -> PortResult<'a, BTreeSet<Sequence>> {
        Box::pin(self.call("hidden", move |state| {
            state.meter.query(Rate::Strong, || 0);
            let hidden = state.items_of(user).filter_map(|item| match &item.key {
                PersonalKey::Hidden(c, sequence) if c == conversation => Some(*sequence),
                _ => None,
            });
            hidden.filter(|sequence| (from..=to).contains(sequence)).collect()
        }))
    }
}
