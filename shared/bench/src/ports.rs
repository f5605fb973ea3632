//! Ports that tell the system what to start: a row or a record comes to a function later.

use tidings_domain::{
    ids::{ConversationId, Sequence},
    log::{Entry, Tail},
    ports::{Append, Bus, Consistency, Ingest, Log, PortResult},
    send::Pending,
    stream::StreamRecord,
};
use tidings_memory::World;
use tokio::sync::mpsc::UnboundedSender;

/// What was put where a function gets it from.
#[derive(Debug)]
pub(crate) enum Put {
    /// An entry into the log, whose table has a stream.
    Row(Entry),
    /// An event.
    Event(StreamRecord),
    /// A send for the batch sequencer.
    Send(Pending),
}

/// The log, the stream of events and that of the batch sequencer.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    pub(crate) world: World,
    pub(crate) puts: UnboundedSender<Put>,
    /// Rows of the tail that are read at most.
    pub(crate) tail_rows: usize,
}

impl Streams {
    fn put(&self, put: Put) {
        // The system listens as long as anything runs in it.
        let _ = self.puts.send(put);
    }
}

impl Log for Streams {
    fn read_tail<'a>(&'a self, conversation: &'a ConversationId, known: Sequence, rows: usize) -> PortResult<'a, Tail> {
        self.world.read_tail(conversation, known, rows.min(self.tail_rows))
    }

    fn read_after<'a>(
        &'a self,
        conversation: &'a ConversationId,
        after: Sequence,
        limit: usize,
        consistency: Consistency,
    ) -> PortResult<'a, Vec<Entry>> {
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
        self.world.read_one(conversation, sequence, consistency)
    }

    fn append<'a>(&'a self, entries: &'a [Entry]) -> PortResult<'a, Append> {
        Box::pin(async move {
            let append = self.world.append(entries).await?;
            if append == Append::Done {
                for entry in entries {
                    self.put(Put::Row(entry.clone()));
                }
            }
            Ok(append)
        })
    }
}

impl Bus for Streams {
    fn publish<'a>(&'a self, record: &'a StreamRecord) -> PortResult<'a, ()> {
        Box::pin(async move {
            self.world.publish(record).await?;
            self.put(Put::Event(record.clone()));
            Ok(())
        })
    }
}

impl Ingest for Streams {
    fn put<'a>(&'a self, pending: &'a Pending) -> PortResult<'a, ()> {
        Box::pin(async move {
            Ingest::put(&self.world, pending).await?;
            self.put(Put::Send(pending.clone()));
            Ok(())
        })
    }
}
