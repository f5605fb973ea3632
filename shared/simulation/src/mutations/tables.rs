//! Bugs between the use cases and the tables.

use std::{collections::BTreeMap, time::Duration};

use tidings_domain::{
    conversation::{
        Advance, Advanced, Agreement, Label, Member, Members, PeerRule, PreferencesPatch, Reach, ReachMove, Standing,
        Watermark,
    },
    ids::{ConversationId, Sequence, Timestamp, UserId},
    log::{Entry, Tail},
    membership::{GroupChange, GroupView},
    ports::{ActivityKey, ActivityPage, Append, Consistency, Conversations, Log, PortResult},
};

use super::{Mutated, Mutation};

/// A place beyond the end of any log.
const BEYOND_EVERY_END: Sequence = Sequence(1 << 39);

impl Log for Mutated {
    fn read_tail<'a>(&'a self, conversation: &'a ConversationId, known: Sequence, rows: usize) -> PortResult<'a, Tail> {
        if self.mutation == Mutation::ReadTailEventually {
            return Box::pin(async move {
                let entries = self.world.read_before(conversation, BEYOND_EVERY_END, rows).await?;
                Ok(Tail { entries })
            });
        }
        self.world.read_tail(conversation, known, rows)
    }

    fn read_after<'a>(
        &'a self,
        conversation: &'a ConversationId,
        after: Sequence,
        limit: usize,
        consistency: Consistency,
    ) -> PortResult<'a, Vec<Entry>> {
        let is_mutated = self.mutation == Mutation::ReadLogEventually;
        let consistency = if is_mutated { Consistency::Eventual } else { consistency };
        self.world.read_after(conversation, after, limit, consistency)
    }

    fn read_before<'a>(
        &'a self,
        conversation: &'a ConversationId,
        before: Sequence,
        limit: usize,
    ) -> PortResult<'a, Vec<Entry>> {
        self.world.read_before(conversation, before, limit)
    }

    fn read_one<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sequence: Sequence,
        consistency: Consistency,
    ) -> PortResult<'a, Option<Entry>> {
        Box::pin(async move {
            let found = self.world.read_one(conversation, sequence, consistency).await?;
            if found.is_some() || self.mutation != Mutation::AckOfNothing {
                return Ok(found);
            }
            let last = self.world.read_before(conversation, BEYOND_EVERY_END, 1).await?;
            Ok(last.into_iter().next().map(|entry| Entry { sequence, ..entry }))
        })
    }

    fn append<'a>(&'a self, entries: &'a [Entry]) -> PortResult<'a, Append> {
        Box::pin(async move {
            match self.mutation {
                Mutation::PutWithoutCondition => {
                    self.world.wait(Duration::from_millis(2)).await;
                    for entry in entries {
                        self.world.overwrite_entry(entry);
                    }
                    Ok(Append::Done)
                }
                Mutation::TakenIsDone => self.world.append(entries).await.map(|_| Append::Done),
                Mutation::UnansweredIsDone => Ok(self.world.append(entries).await.unwrap_or(Append::Done)),
                Mutation::AckBeforePut => {
                    let (world, entries) = (self.world.clone(), entries.to_vec());
                    tokio::spawn(async move {
                        world.wait(Duration::from_millis(200)).await;
                        world.append(&entries).await
                    });
                    Ok(Append::Done)
                }
                Mutation::SkipASequence => {
                    let later = entries.iter().map(|e| Entry { sequence: e.sequence.next(), ..e.clone() });
                    self.world.append(&later.collect::<Vec<_>>()).await
                }
                Mutation::SegmentCutShort if entries.len() > 1 => {
                    self.world.append(&entries[..entries.len() - 1]).await
                }
                _ => self.world.append(entries).await,
            }
        })
    }
}

impl Conversations for Mutated {
    fn standing<'a>(&'a self, conversation: &'a ConversationId, user: &'a UserId) -> PortResult<'a, Standing> {
        Box::pin(async move {
            let mut standing = self.world.standing(conversation, user).await?;
            match self.mutation {
                Mutation::SkipRing => {
                    if let Some(member) = &mut standing.member {
                        member.rings.clear();
                    }
                }
                Mutation::TrustStaleRow => {
                    let members = self.world.members(conversation, Consistency::Eventual).await?;
                    standing.member = members.rows.into_iter().find(|m| m.user == *user);
                }
                Mutation::EverybodyIsAMember => {
                    standing.member.get_or_insert_with(|| Member::new(user.clone()));
                }
                _ => {}
            }
            Ok(standing)
        })
    }

    fn settled_standing<'a>(&'a self, conversation: &'a ConversationId, user: &'a UserId) -> PortResult<'a, Standing> {
        match self.mutation {
            Mutation::SkipRing | Mutation::EverybodyIsAMember | Mutation::TrustStaleRow => {
                self.standing(conversation, user)
            }
            _ => self.world.settled_standing(conversation, user),
        }
    }

    fn group<'a>(&'a self, conversation: &'a ConversationId, users: &'a [UserId]) -> PortResult<'a, GroupView> {
        self.world.group(conversation, users)
    }

    fn members_after<'a>(
        &'a self,
        conversation: &'a ConversationId,
        after: Option<&'a UserId>,
        limit: usize,
    ) -> PortResult<'a, Vec<Member>> {
        self.world.members_after(conversation, after, limit)
    }

    fn change_group<'a>(&'a self, change: &'a GroupChange) -> PortResult<'a, Append> {
        Box::pin(async move {
            let changed = self.world.change_group(change).await?;
            if let (Mutation::BeginAtOnce, Some(since)) = (self.mutation, change.group.pulled_since) {
                let reach = Reach { last_sequence: change.entry.sequence, last_ts: change.entry.ts, since };
                self.world.move_reach(&change.entry.conversation, &ReachMove::Begin(reach)).await?;
            }
            Ok(changed)
        })
    }

    fn members<'a>(&'a self, conversation: &'a ConversationId, consistency: Consistency) -> PortResult<'a, Members> {
        Box::pin(async move {
            let is_mutated = self.mutation == Mutation::PushToStaleRows;
            let consistency = if is_mutated { Consistency::Eventual } else { consistency };
            let mut members = self.world.members(conversation, consistency).await?;
            if self.mutation == Mutation::ForgetTheJoining {
                for row in &mut members.rows {
                    row.joined_at = Sequence::ZERO;
                }
            }
            Ok(members)
        })
    }

    fn pushed_members<'a>(
        &'a self,
        conversation: &'a ConversationId,
        consistency: Consistency,
    ) -> PortResult<'a, Members> {
        Box::pin(async move {
            let is_mutated = self.mutation == Mutation::PushToStaleRows;
            let consistency = if is_mutated { Consistency::Eventual } else { consistency };
            let mut members = self.world.pushed_members(conversation, consistency).await?;
            if self.mutation == Mutation::ForgetTheJoining {
                for row in &mut members.rows {
                    row.joined_at = Sequence::ZERO;
                }
            }
            Ok(members)
        })
    }

    fn reaches<'a>(&'a self, conversations: &'a [ConversationId]) -> PortResult<'a, Vec<(ConversationId, Reach)>> {
        if self.mutation == Mutation::LookAtNoHead {
            return Box::pin(async { Ok(Vec::new()) });
        }
        self.world.reaches(conversations)
    }

    fn move_reach<'a>(&'a self, conversation: &'a ConversationId, change: &'a ReachMove) -> PortResult<'a, bool> {
        if self.mutation != Mutation::HeadRunsAhead {
            return self.world.move_reach(conversation, change);
        }
        Box::pin(async move {
            let end = self.world.log(conversation).last().map(|e| Reach {
                last_sequence: e.sequence,
                last_ts: e.ts,
                since: Sequence::ZERO,
            });
            let ahead = match (change, end) {
                (ReachMove::Rise(_), Some(end)) => ReachMove::Rise(end),
                _ => *change,
            };
            self.world.move_reach(conversation, &ahead).await
        })
    }

    fn memberships<'a>(
        &'a self,
        user: &'a UserId,
        conversations: &'a [ConversationId],
    ) -> PortResult<'a, Vec<(ConversationId, Member)>> {
        Box::pin(async move {
            let mut rows = self.world.memberships(user, conversations).await?;
            if self.mutation == Mutation::EverybodyIsAMember {
                let missing = conversations.iter().filter(|c| rows.iter().all(|(found, _)| found != *c));
                let missing: Vec<_> = missing.map(|c| (c.clone(), Member::new(user.clone()))).collect();
                rows.extend(missing);
            }
            if self.mutation == Mutation::ForgetTheJoining {
                for (_, row) in &mut rows {
                    row.joined_at = Sequence::ZERO;
                }
            }
            Ok(rows)
        })
    }

    fn by_activity<'a>(
        &'a self,
        user: &'a UserId,
        since: Timestamp,
        from: Option<&'a ActivityKey>,
        limit: usize,
    ) -> PortResult<'a, ActivityPage> {
        if self.mutation == Mutation::ListNothing {
            return Box::pin(async { Ok(ActivityPage::default()) });
        }
        self.world.by_activity(user, since, from, limit)
    }

    fn advance<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        advance: &'a Advance,
    ) -> PortResult<'a, Advanced> {
        Box::pin(async move {
            match self.mutation {
                Mutation::FillNoRing => {
                    let without = Advance { sent: BTreeMap::new(), ..advance.clone() };
                    self.world.advance(conversation, user, &without).await
                }
                Mutation::RowsFall => {
                    let advanced = self.world.advance(conversation, user, advance).await?;
                    if let Some(row) = self.world.member(conversation, user) {
                        let row = Member { last_sequence: advance.last_sequence, ..row };
                        self.world.overwrite_member(conversation, row);
                    }
                    Ok(advanced)
                }
                Mutation::RowComesBack => {
                    if self.world.member(conversation, user).is_none() {
                        self.world.overwrite_member(conversation, Member::new(user.clone()));
                    }
                    self.world.advance(conversation, user, advance).await
                }
                Mutation::PassOverGaps => {
                    let anywhere = Advance { after: Sequence::ZERO, ..advance.clone() };
                    self.world.advance(conversation, user, &anywhere).await
                }
                _ => self.world.advance(conversation, user, advance).await,
            }
        })
    }

    fn heat<'a>(&'a self, conversation: &'a ConversationId, until: Timestamp) -> PortResult<'a, ()> {
        self.world.heat(conversation, until)
    }

    fn set_preferences<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        patch: &'a PreferencesPatch,
        now: Timestamp,
    ) -> PortResult<'a, Option<Member>> {
        self.world.set_preferences(conversation, user, patch, now)
    }

    fn flag_hidden<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        now: Timestamp,
    ) -> PortResult<'a, bool> {
        self.world.flag_hidden(conversation, user, now)
    }

    fn set_peer_rule<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        rule: PeerRule,
    ) -> PortResult<'a, ()> {
        self.world.set_peer_rule(conversation, user, rule)
    }

    fn set_direct_ttl<'a>(&'a self, conversation: &'a ConversationId, ttl_seconds: Option<u64>) -> PortResult<'a, ()> {
        self.world.set_direct_ttl(conversation, ttl_seconds)
    }

    fn note_agreement<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        agreement: Agreement,
        now: Timestamp,
    ) -> PortResult<'a, bool> {
        self.world.note_agreement(conversation, user, agreement, now)
    }

    fn index_text<'a>(
        &'a self,
        conversation: &'a ConversationId,
        version: Sequence,
        agreements: u64,
    ) -> PortResult<'a, bool> {
        self.world.index_text(conversation, version, agreements)
    }

    fn labels<'a>(&'a self, conversations: &'a [ConversationId]) -> PortResult<'a, BTreeMap<ConversationId, Label>> {
        self.world.labels(conversations)
    }

    fn raise<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        mark: Watermark,
        up_to: Sequence,
        now: Timestamp,
    ) -> PortResult<'a, bool> {
        let change: fn(&mut Member, Watermark, Sequence) = match self.mutation {
            Mutation::MarksFall => |row, mark, up_to| match mark {
                Watermark::Delivered => row.delivered_up_to = up_to,
                Watermark::Read => row.read_up_to = up_to,
            },
            Mutation::ReadWithoutDelivered => |row, mark, up_to| match mark {
                Watermark::Delivered => row.delivered_up_to = up_to.max(row.delivered_up_to),
                Watermark::Read => row.read_up_to = up_to.max(row.read_up_to),
            },
            _ => return self.world.raise(conversation, user, mark, up_to, now),
        };
        Box::pin(async move {
            self.world.wait(Duration::from_millis(2)).await;
            let Some(mut row) = self.world.member(conversation, user) else {
                return self.world.raise(conversation, user, mark, up_to, now).await;
            };
            change(&mut row, mark, up_to);
            self.world.overwrite_member(conversation, row);
            Ok(true)
        })
    }
}
