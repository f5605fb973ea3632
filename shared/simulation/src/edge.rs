//! The gateway between devices and functions: sockets, frames, answers and posts.

use std::{collections::BTreeMap, rc::Rc};

use tidings_domain::{
    conversation::Watermark,
    history::{Page, ReadError, Span},
    ids::{ConnectionId, ConversationId, MessageId, Sender, Sequence},
    notice::Notice,
    receipts::ReceiptError,
    send::{AnswerTo, Outcome, Refusal, SendError, Sent},
    sessions::Socket,
    sync::{Drained, ListCursor, ListPage},
};
use tidings_memory::Posted;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{
    chance::Chance,
    functions::Message,
    lambda::{Function, invoke},
    mutations::Mutation,
    promises::{Promise, Violation},
    sim::{Sim, name_of},
};

/// What a device says.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    Hello {
        token: Option<String>,
        cursors: BTreeMap<ConversationId, Sequence>,
    },
    Send(Message),
    Mark {
        conversation: ConversationId,
        mark: Watermark,
        up_to: Sequence,
    },
    Pull {
        conversation: ConversationId,
        span: Span,
    },
    Heartbeat {
        active: bool,
    },
    /// `GET /sync`.
    List(ListCursor),
}

/// What a frame is answered.
#[derive(Debug)]
pub(crate) enum Answer {
    Synced(Drained),
    Sent {
        id: MessageId,
        sequence: Sequence,
    },
    Page(Page),
    Beat,
    List(ListPage),
    NotAMember,
    /// Come back: something is away.
    Unavailable,
}

/// What a device hears.
#[derive(Debug)]
pub(crate) enum Heard {
    Notice(Notice),
    Answer { request: u64, answer: Answer },
    Closed,
}

/// A socket, from the device to the gateway.
struct Line {
    socket: Socket,
    inbox: UnboundedSender<Heard>,
    /// Both ends are there. Where they are not, the gateway may not have noticed.
    is_live: bool,
}

/// The sockets.
pub(crate) struct Edge {
    lines: BTreeMap<ConnectionId, Line>,
    next: u64,
    chance: Chance,
}

impl Edge {
    pub(crate) fn new(seed: u64) -> Self {
        Self { lines: BTreeMap::new(), next: 1, chance: Chance::of(seed, "edge") }
    }

    pub(crate) fn is_live(&self, connection: &ConnectionId) -> bool {
        self.lines.get(connection).is_some_and(|line| line.is_live)
    }

    fn live(&self) -> Vec<ConnectionId> {
        self.lines.iter().filter(|(_, line)| line.is_live).map(|(connection, _)| connection.clone()).collect()
    }
}

impl Sim {
    /// A handshake; none where it is refused because something is away.
    pub(crate) async fn connect(self: &Rc<Self>, owner: &Sender) -> Option<(ConnectionId, UnboundedReceiver<Heard>)> {
        let (inbox, outbox) = unbounded_channel();
        let connection = {
            let mut edge = self.edge.borrow_mut();
            edge.next += 1;
            ConnectionId::parse(&format!("c{}", edge.next)).ok()?
        };
        self.world.connect(&connection);
        let connected = invoke(self, Function::Connect, async |i| i.connect(owner).await).await;
        if !matches!(connected, Some(Ok(()))) {
            self.world.hang_up(&connection);
            return None;
        }
        let socket = Socket {
            owner: owner.clone(),
            connection: connection.clone(),
            endpoint: "https://cell".into(),
            connected_at: self.world.now().plus_ms(self.plan.starts_at_ms),
        };
        self.count("connections");
        self.trace(&name_of(owner), None, || format!("connects as {connection}"));
        self.edge.borrow_mut().lines.insert(connection.clone(), Line { socket, inbox, is_live: true });
        Some((connection, outbox))
    }

    /// A socket ends. The gateway notices now, later, or only when it runs out of time.
    pub(crate) fn line_ends(self: &Rc<Self>, connection: &ConnectionId) {
        let (socket, notice_ms, farewell_ms) = {
            let mut edge = self.edge.borrow_mut();
            let Some(line) = edge.lines.get_mut(connection).filter(|line| line.is_live) else { return };
            line.is_live = false;
            let socket = line.socket.clone();
            let _ = line.inbox.send(Heard::Closed);
            let notice_ms = if edge.chance.hits(0.5) { 0 } else { edge.chance.below(12_000) };
            // `$disconnect`: soon, late, or never.
            let is_lost = edge.chance.hits(0.3);
            let farewell_ms = (!is_lost).then(|| edge.chance.below(4_000));
            (socket, notice_ms, farewell_ms)
        };
        self.count(if farewell_ms.is_some() { "$disconnect told" } else { "$disconnect lost" });
        self.trace(&name_of(&socket.owner), None, || format!("socket {connection} ends, noticed in {notice_ms} ms"));
        let sim = self.clone();
        tokio::task::spawn_local(async move {
            if notice_ms > 0 {
                sim.count("dead sockets unnoticed");
                sim.wait_ms(notice_ms).await;
            }
            sim.world.hang_up(&socket.connection);
            if let Some(farewell_ms) = farewell_ms {
                sim.wait_ms(farewell_ms).await;
                invoke(&sim, Function::Disconnect, async |i| i.disconnect(&socket).await).await;
            }
        });
    }

    /// One of the live sockets dies; its device is not told.
    pub(crate) fn cut_a_line(self: &Rc<Self>, chance: &mut Chance) {
        let live = self.edge.borrow().live();
        let Some(connection) = chance.pick(&live) else { return };
        if chance.hits(0.5) {
            self.line_ends(connection);
        } else {
            // Half open: nothing comes through, and the device finds out by its next heartbeat.
            let mut edge = self.edge.borrow_mut();
            let owner = edge.lines.get_mut(connection).map(|line| {
                line.is_live = false;
                line.socket.owner.clone()
            });
            let noticed_ms = chance.below(12_000);
            drop(edge);
            self.count("half open sockets");
            if let Some(owner) = owner {
                self.trace(&name_of(&owner), None, || format!("socket {connection} dies and nobody knows"));
            }
            let (sim, connection) = (self.clone(), connection.clone());
            tokio::task::spawn_local(async move {
                sim.wait_ms(noticed_ms).await;
                sim.world.hang_up(&connection);
            });
        }
    }

    /// The gateway closed a socket because a function told it to.
    pub(crate) fn closed_by_function(&self, connection: &ConnectionId) {
        if let Some(line) = self.edge.borrow_mut().lines.get_mut(connection) {
            line.is_live = false;
            let _ = line.inbox.send(Heard::Closed);
        }
    }

    /// Takes what was posted to a socket to its device: a little later, now and then much later.
    pub(crate) fn deliver(self: &Rc<Self>, posted: Posted) {
        let delay_ms = {
            let mut edge = self.edge.borrow_mut();
            let is_late = edge.chance.hits(0.03);
            edge.chance.within(if is_late { 50..800 } else { 1..20 })
        };
        if delay_ms >= 50 {
            self.count("posts late");
        }
        let sim = self.clone();
        tokio::task::spawn_local(async move {
            sim.wait_ms(delay_ms).await;
            let edge = sim.edge.borrow();
            match edge.lines.get(&posted.connection).filter(|line| line.is_live) {
                Some(line) => {
                    let _ = line.inbox.send(sim.heard(posted.notice));
                }
                None => sim.count("posts to a dead socket"),
            }
        });
    }

    /// The batch sequencer answers by a post; to the device it is an answer as any.
    fn heard(&self, notice: Notice) -> Heard {
        let Notice::Answer(answer) = notice else { return Heard::Notice(notice) };
        let request = answer.reply_to.as_deref().and_then(|id| id.parse().ok()).unwrap_or_default();
        let answer = match &answer.outcome {
            Ok(sent) => self.sent(sent),
            Err(Refusal::NotAMember(_) | Refusal::Forbidden(_)) => Answer::NotAMember,
            Err(_) => Answer::Unavailable,
        };
        Heard::Answer { request, answer }
    }

    /// A device says something on its socket. Frames of one socket are worked on side by side.
    pub(crate) fn say(self: &Rc<Self>, connection: &ConnectionId, request: u64, frame: Frame) {
        let (socket, there_ms, back_ms) = {
            let mut edge = self.edge.borrow_mut();
            let Some(line) = edge.lines.get(connection).filter(|line| line.is_live) else { return };
            let socket = line.socket.clone();
            (socket, edge.chance.within(1..20), edge.chance.within(1..20))
        };
        let sim = self.clone();
        tokio::task::spawn_local(async move {
            sim.wait_ms(there_ms).await;
            if !sim.edge.borrow().is_live(&socket.connection) {
                return;
            }
            // A function that died answers nothing that a client understands.
            let Some(answer) = sim.answer(&socket, request, frame).await.flatten() else { return };
            sim.wait_ms(back_ms).await;
            let edge = sim.edge.borrow();
            if let Some(line) = edge.lines.get(&socket.connection).filter(|line| line.is_live) {
                let _ = line.inbox.send(Heard::Answer { request, answer });
            }
        });
    }

    /// Outer none: the function died. Inner none: the frame has no answer.
    async fn answer(self: &Rc<Self>, socket: &Socket, request: u64, frame: Frame) -> Option<Option<Answer>> {
        let owner = &socket.owner;
        Some(match frame {
            Frame::Hello { token, cursors } => {
                let done = invoke(self, Function::Sync, async |i| i.hello(socket, token.as_deref(), cursors).await);
                Some(done.await?.map_or(Answer::Unavailable, Answer::Synced))
            }
            Frame::Heartbeat { active } => {
                let done = invoke(self, Function::Presence, async |i| i.heartbeat(socket, active).await);
                Some(done.await?.map_or(Answer::Unavailable, |_| Answer::Beat))
            }
            Frame::Send(message) => self.answer_send(socket, request, message).await?,
            Frame::Mark { conversation, mark, up_to } => {
                let done = invoke(self, Function::Ack, async |i| i.mark(owner, &conversation, mark, up_to).await);
                match done.await? {
                    Err(ReceiptError::NotAMember(_)) => Some(Answer::NotAMember),
                    Ok(()) | Err(_) => None,
                }
            }
            Frame::Pull { conversation, span } => {
                let done = invoke(self, Function::Sync, async |i| i.pull(owner, &conversation, span).await);
                Some(match done.await? {
                    Ok(page) => {
                        self.catch_up();
                        let checker = self.checker.borrow();
                        for entry in &page.entries {
                            self.hold(checker.shown(&conversation, &owner.user, entry));
                        }
                        Answer::Page(page)
                    }
                    Err(ReadError::NotAMember(_)) => Answer::NotAMember,
                    Err(ReadError::Unavailable(_)) => Answer::Unavailable,
                })
            }
            Frame::List(cursor) => {
                let done = invoke(self, Function::Api, async |i| i.list(owner, &cursor).await);
                Some(done.await?.map_or(Answer::Unavailable, Answer::List))
            }
        })
    }

    async fn answer_send(self: &Rc<Self>, socket: &Socket, request: u64, message: Message) -> Option<Option<Answer>> {
        let mut message = message;
        if self.mutations.has(Mutation::DropBaseSequence) {
            message.base = None;
        }
        let to = AnswerTo { socket: socket.clone(), reply_to: Some(request.to_string().into()) };
        let done = invoke(self, Function::Send, async |i| i.send(&message, to).await).await?;
        Some(match done {
            Ok(Outcome::Sent(sent)) => {
                self.catch_up();
                Some(self.sent(&sent))
            }
            Ok(Outcome::Queued) => {
                self.count("sends left to the sequencer");
                None
            }
            Err(SendError::Refused(refusal)) => Some(self.refused(&message.conversation, &refusal)),
            Err(
                SendError::Contended { .. } | SendError::Queued | SendError::Limited(_) | SendError::Unavailable(_),
            ) => Some(Answer::Unavailable),
        })
    }

    /// What a sender is told of an accepted message, once that is checked.
    pub(crate) fn sent(&self, sent: &Sent) -> Answer {
        let (id, sequence) = (sent.entry.message_id(), sent.entry.sequence);
        self.hold(self.checker.borrow().acknowledged(&sent.entry.conversation, id, sequence));
        self.count(if sent.duplicate { "duplicates answered" } else { "messages accepted" });
        if sent.races_lost > 0 {
            self.count("sends that lost races");
        }
        Answer::Sent { id, sequence }
    }

    /// What a sender is told of a refused message, once that is checked.
    pub(crate) fn refused(&self, conversation: &ConversationId, refusal: &Refusal) -> Answer {
        if let Refusal::NotAMember(_) | Refusal::Forbidden(_) = refusal {
            return Answer::NotAMember;
        }
        let what = format!("a send that is in order was refused: {refusal}");
        self.hold(Err(Violation { promise: Promise::Once, conversation: Some(conversation.clone()), what }));
        Answer::Unavailable
    }
}
