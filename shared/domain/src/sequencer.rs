//! The batch sequencer: appends what waits on its stream, many messages in one row.
//!
//! One writer after another gives about 60 messages a second in one conversation; one consumer
//! that appends a hundred at a time gives a thousand, for less than one write unit each. It puts
//! on the same condition as every other writer, so both paths may run at once, and the switch
//! between them needs no agreement.
//!
//! What makes it exact: it reads from the place up to which each sender has looked, so that it
//! sees whatever an earlier attempt, its own included, has appended since.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{
    StreamExt,
    future::{join, join_all, try_join_all},
    stream,
};
use thiserror::Error;
use tracing::{info, warn};

use crate::{
    conversation::Standing,
    ids::{ConversationId, MessageId, Sequence, Timestamp, UserId},
    limits::{ANSWERS_AT_ONCE, APPEND_ATTEMPTS_MAX, HOT_BATCH_ENTRIES, HOT_MS, SEGMENT_BYTES_MAX, SEGMENT_ENTRIES_MAX},
    log::{ConversationState, Entry, partition_end, partition_of},
    notice::Notice,
    ports::{Append, Bus, Clock, Conversations, Gateway, Log, Sessions, Unavailable, read_since},
    send::{
        Pending, Refusal, SendAnswer, Sent, authorise, backoff_ms, check_epoch, check_pause, post_or_remove, publish,
        within,
    },
    signals::{Metric, Stage, is_heard, measure, stage},
};

/// What the batch sequencer needs of the world.
#[derive(Clone, Copy)]
pub struct SequencerPorts<'a> {
    /// The log.
    pub log: &'a dyn Log,
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// The stream of events.
    pub bus: &'a dyn Bus,
    /// The sockets.
    pub gateway: &'a dyn Gateway,
    /// Time and chance.
    pub clock: &'a dyn Clock,
}

/// Conversations of one batch that are worked on at once.
const CONVERSATIONS_AT_ONCE: usize = 16;

/// Too many others write.
#[derive(Debug, Error)]
#[error("lost {APPEND_ATTEMPTS_MAX} races for the next sequence")]
struct Crowded;

/// Appends a batch, in its order, and answers the senders. Answers with the conversations that
/// failed and why; their records are to come again.
pub async fn sequence(
    ports: SequencerPorts<'_>,
    batch: impl IntoIterator<Item = Pending>,
) -> BTreeMap<ConversationId, Unavailable> {
    let mut works: BTreeMap<ConversationId, Vec<Pending>> = BTreeMap::new();
    for pending in batch {
        works.entry(pending.draft.conversation.clone()).or_default().push(pending);
    }
    stream::iter(works)
        .map(|(conversation, pending)| async move {
            let done = sequence_conversation(ports, &conversation, pending).await;
            done.err().map(|error| (conversation, error))
        })
        .buffer_unordered(CONVERSATIONS_AT_ONCE)
        .filter_map(|failure| async { failure })
        .collect()
        .await
}

async fn sequence_conversation(
    ports: SequencerPorts<'_>,
    conversation: &ConversationId,
    pending: Vec<Pending>,
) -> Result<(), Unavailable> {
    let hot_until = pending.iter().map(|p| p.hot_until).max().unwrap_or_default();
    let count = pending.len();
    let mut settled = Settled::default();
    let done = settle(ports, conversation, pending, &mut settled).await;
    // What was settled before a failure is told all the same. Only after all rows: the next batch of
    // the conversation waits for this one, and rows follow one another faster than posts.
    let Settled { rows, answers } = settled;
    let publishing = join_all(rows.into_iter().map(|row| Box::pin(publish(ports.bus, ports.clock, row, Vec::new()))));
    join(publishing, answer(ports, answers)).await;
    done?;
    info!(%conversation, count, "batch sequenced");
    measure(Metric::Sequenced, count as u64);
    keep_hot(ports, conversation, count, hot_until).await;
    Ok(())
}

/// What a batch has come to so far.
#[derive(Default)]
struct Settled {
    rows: Vec<Vec<Entry>>,
    answers: Vec<(Pending, Result<Sent, Refusal>)>,
}

/// Settles those who wait, a row at a time.
async fn settle(
    ports: SequencerPorts<'_>,
    conversation: &ConversationId,
    mut waiting: Vec<Pending>,
    settled: &mut Settled,
) -> Result<(), Unavailable> {
    let mut races_lost = 0;
    let mut end = End::read(ports.log, conversation, &waiting).await?;
    while !waiting.is_empty() {
        let standings = standings(ports, conversation, &waiting, end.state).await?;
        let plan = Plan::make(&waiting, &end, &standings, ports.clock.now());
        let is_done =
            plan.entries.is_empty() || ports.log.append(&plan.entries).await.is_ok_and(|append| append == Append::Done);
        if is_done {
            end.move_on(&plan.entries);
            for entry in plan.entries.iter().filter(|_| is_heard()) {
                stage(entry.message_id(), entry.sequence, Stage::Sequenced, entry.ts, ports.clock.now(), "");
            }
            settled.answers.extend(waiting.drain(..plan.taken).zip(plan.answers));
            settled.rows.extend(Some(plan.entries).filter(|row| !row.is_empty()));
            continue;
        }
        // Lost, or not answered: whichever it was, the rows since tell.
        races_lost += 1;
        if races_lost == APPEND_ATTEMPTS_MAX {
            return Err(Unavailable { operation: "append a batch", source: Box::new(Crowded) });
        }
        ports.clock.sleep_ms(ports.clock.random_below(backoff_ms(races_lost))).await;
        end = End::read(ports.log, conversation, &waiting).await?;
    }
    Ok(())
}

/// The end of a log: what the next append goes by.
struct End {
    sequence: Sequence,
    state: ConversationState,
    /// Every entry since the place up to which the senders have looked.
    seen: HashMap<MessageId, Entry>,
}

impl End {
    /// Reads from where the least informed sender has looked to, that row included: it tells the
    /// state where nothing came after.
    async fn read(log: &dyn Log, conversation: &ConversationId, waiting: &[Pending]) -> Result<Self, Unavailable> {
        let after = waiting.iter().map(|p| p.after).min().unwrap_or_default();
        let rows = read_since(log, conversation, after.previous()).await?;
        let mut end = Self { sequence: Sequence::ZERO, state: ConversationState::default(), seen: HashMap::new() };
        end.move_on(&rows);
        Ok(end)
    }

    fn move_on(&mut self, entries: &[Entry]) {
        let Some(last) = entries.last() else { return };
        (self.sequence, self.state) = (last.sequence, last.state);
        self.seen.extend(entries.iter().map(|entry| (entry.message_id(), entry.clone())));
    }
}

/// What is to be done with the first of those who wait.
struct Plan {
    /// How many of them it settles.
    taken: usize,
    /// One row; empty where there is nothing to append.
    entries: Vec<Entry>,
    /// What to answer, by place, once the row is there.
    answers: Vec<Result<Sent, Refusal>>,
}

impl Plan {
    /// The state that the next entry goes by: that of the one before it.
    fn state_after(&self, end: &End) -> ConversationState {
        self.entries.last().map_or(end.state, |entry| entry.state)
    }

    /// Settles as many as fit one row: each is in the log already, is refused, or goes into the row.
    fn make(waiting: &[Pending], end: &End, standings: &BTreeMap<UserId, Standing>, now: Timestamp) -> Self {
        let mut plan = Self { taken: 0, entries: Vec::new(), answers: Vec::new() };
        let mut placed: HashMap<MessageId, usize> = HashMap::new();
        let (mut bytes, mut next) = (0, end.sequence.next());
        let last = partition_end(partition_of(next));
        for pending in waiting {
            let draft = &pending.draft;
            let id = draft.message_id();
            let copy = placed.get(&id).map(|place| &plan.entries[*place]);
            let outcome = if let Some(entry) = end.seen.get(&id).or(copy) {
                Ok(Sent { entry: entry.clone(), duplicate: true, races_lost: 0 })
            } else if let Err(refusal) = check(pending, end, &plan.entries, standings, now) {
                Err(refusal)
            } else {
                let entry = draft.entry_at(next, now, plan.state_after(end));
                bytes += entry.weight_bytes();
                let is_full = plan.entries.len() == SEGMENT_ENTRIES_MAX || bytes > SEGMENT_BYTES_MAX || next > last;
                if is_full && !plan.entries.is_empty() {
                    break;
                }
                next = next.next();
                placed.insert(id, plan.entries.len());
                plan.entries.push(entry.clone());
                Ok(Sent { entry, duplicate: false, races_lost: 0 })
            };
            plan.answers.push(outcome);
            plan.taken += 1;
        }
        plan
    }
}

/// A sender who was checked at the membership version of the tail counts; others are looked at again.
fn check(
    pending: &Pending,
    end: &End,
    placed: &[Entry],
    standings: &BTreeMap<UserId, Standing>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let user = &pending.draft.sender.user;
    if pending.membership_version != end.state.membership_version {
        let unknown = Standing::default();
        authorise(&pending.draft, standings.get(user).unwrap_or(&unknown))?;
    }
    check_pause(pending.pause_ms, user, Timestamp::default(), end.seen.values().chain(placed), now)?;
    check_epoch(&pending.draft, placed.last().map_or(end.state, |entry| entry.state).epoch)
}

/// How those stand who were checked at another membership version than the tail's. Read after the
/// tail, so not older; if newer, the tail has moved and the append fails.
async fn standings(
    ports: SequencerPorts<'_>,
    conversation: &ConversationId,
    waiting: &[Pending],
    state: ConversationState,
) -> Result<BTreeMap<UserId, Standing>, Unavailable> {
    let is_other = |p: &&Pending| p.membership_version != state.membership_version;
    let users: BTreeSet<UserId> = waiting.iter().filter(is_other).map(|p| p.draft.sender.user.clone()).collect();
    let reads = users.into_iter().map(|user| async move {
        let standing = ports.conversations.settled_standing(conversation, &user).await?;
        Ok((user, standing))
    });
    Ok(try_join_all(reads).await?.into_iter().collect())
}

/// Answers those who wait at a socket. What does not get there in time is asked for again.
async fn answer(ports: SequencerPorts<'_>, answers: Vec<(Pending, Result<Sent, Refusal>)>) {
    let posts = answers.into_iter().filter_map(|(pending, outcome)| {
        let to = pending.answer_to?;
        let session = to.socket.session(ports.clock.now(), 0);
        let client_msg_id = pending.draft.client_msg_id;
        Some((session, SendAnswer { reply_to: to.reply_to, client_msg_id, outcome }))
    });
    stream::iter(posts)
        .for_each_concurrent(ANSWERS_AT_ONCE, |(session, answer)| async move {
            let notice = Notice::Answer(Box::new(answer));
            let post = Box::pin(post_or_remove(ports.sessions, ports.gateway, &session, &notice));
            let failure = match within(ports.clock, post).await {
                Some(Ok(_)) => return,
                Some(Err(error)) => error.to_string(),
                None => "no answer in time".into(),
            };
            info!(error = failure, device = %session.owner.device, "sender not answered; it will ask again");
        })
        .await;
}

/// A large batch shows that the conversation is busy still; a small one lets its time run out.
async fn keep_hot(ports: SequencerPorts<'_>, conversation: &ConversationId, count: usize, hot_until: Timestamp) {
    let now = ports.clock.now();
    let is_near = hot_until.ms_since(now) < HOT_MS / 2;
    if count >= HOT_BATCH_ENTRIES
        && is_near
        && let Err(error) = ports.conversations.heat(conversation, now.plus_ms(HOT_MS)).await
    {
        warn!(%error, %conversation, "not kept hot: senders will go one by one");
    }
}
