//! Batches of the stream of sends that wait for the batch sequencer. The input is as that of
//! `stream_event`; what was read can be appended, and what is then in the log has no gap.

use std::collections::BTreeSet;

use tidings_domain::{
    ids::{ConnectionId, ConversationId, Sequence, Timestamp},
    log::Entry,
    send::{AnswerTo, Draft, Pending},
    sequencer::{SequencerPorts, sequence},
    sessions::Socket,
};
use tidings_events::pending_sends;
use tidings_memory::World;
use tidings_record::{from_ingest, to_ingest};

use crate::{
    Seed,
    stream_event::{batch, event_of, example},
};

pub(crate) fn check(data: &[u8]) -> bool {
    let pending = batch(data, pending_sends, |pending| &pending.draft.conversation);
    for one in &pending {
        assert_eq!(from_ingest(&to_ingest(one).unwrap()).unwrap(), *one);
        if let Some(to) = &one.answer_to {
            assert_eq!(to.socket.owner, one.draft.sender, "nobody is answered but the sender");
        }
    }
    let taken = !pending.is_empty();
    sequenced(pending);
    taken
}

/// Nothing that was read brings the sequencer down; one message is one entry.
fn sequenced(pending: Vec<Pending>) {
    let conversations: BTreeSet<ConversationId> = pending.iter().map(|one| one.draft.conversation.clone()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::new(1);
        let ports = SequencerPorts {
            log: &world,
            conversations: &world,
            sessions: &world,
            bus: &world,
            gateway: &world,
            clock: &world,
        };
        assert!(sequence(ports, pending).await.is_empty());
        for conversation in &conversations {
            let log = world.log(conversation);
            let ids: BTreeSet<_> = log.iter().map(Entry::message_id).collect();
            assert_eq!(ids.len(), log.len(), "a message twice");
            assert!(log.iter().map(|entry| entry.sequence).eq((1..=log.len() as u64).map(Sequence)), "a gap");
        }
    });
}

pub(crate) fn seeds() -> Vec<Seed> {
    let entry = example();
    let socket = Socket {
        owner: entry.sender.clone(),
        connection: ConnectionId::parse("JKJaXfyvLvHcESHA=").unwrap(),
        endpoint: "https://cell".into(),
        connected_at: Timestamp(1_800_000_000_000),
    };
    let one = |id: &str, epoch: Option<u64>, answer_to: Option<AnswerTo>| {
        let pending = Pending {
            draft: Draft {
                sender: entry.sender.clone(),
                conversation: entry.conversation.clone(),
                client_msg_id: tidings_domain::ids::ClientMsgId::parse(id).unwrap(),
                event: entry.event,
                target: entry.target.clone(),
                content: entry.content.clone(),
                epoch,
            },
            after: Sequence::ZERO,
            membership_version: Sequence::ZERO,
            pause_ms: 5,
            hot_until: Timestamp(1_800_000_001_000),
            answer_to,
        };
        String::from_utf8(to_ingest(&pending).unwrap()).unwrap()
    };
    let waiting = one("1", Some(0), Some(AnswerTo { socket, reply_to: Some("7".into()) }));
    let alone = one("2", None, None);
    vec![
        Seed::new("event", event_of([waiting.as_bytes(), b"!"].into_iter())),
        Seed::new("batch", format!("{waiting}\n{alone}\n{waiting}\nnot a record")),
        Seed::new("answered", waiting),
        Seed::new("unanswered", alone),
    ]
}
