//! Our own code on the way of a message: what it takes without AWS and without its SDK.

use std::{alloc::System, collections::BTreeMap, hint::black_box, path::Path, process::Command};

use futures_util::FutureExt;
use serde::Serialize;
use stats_alloc::{Region, StatsAlloc};
use tidings_domain::{
    conversation::{Member, Standing},
    fanout::{FanoutPorts, fan_out},
    ids::{ClientMsgId, ConversationId, Sender, Sequence, Timestamp},
    limits::{RING_ENTRIES, TAIL_ROWS},
    log::{ConversationState, Entry, Tail},
    receipts::{ReceiptPorts, raise},
    repair::{RepairPorts, repair},
    ring::{Ring, RingEntry},
    send::{Draft, KnownTails, Outcome, SendPorts, SendTerms, send},
    strangers::AnyStranger,
    stream::StreamRecord,
};
use tidings_protocol::{
    FrameHeader, FrameType, ServerFrame,
    convert::{message_sent, read_request, send_request},
    parse_body,
};
use tidings_record::{from_stream, to_stream};

use crate::{
    cast::{TEXT_BYTES, device, payload, session},
    still::Still,
};

/// A way through our code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// The frame of a message, until it is posted and answered.
    Send,
    /// The stream's record of it, until the rows are moved.
    FanOut,
    /// The frame that says that it was read.
    Read,
    /// The stream's record of that, until it is posted.
    FanOutOfReceipt,
    /// The log's row, when all is well.
    Repair,
}

impl Way {
    /// In the order of a message's life.
    pub const ALL: [Self; 5] = [Self::Send, Self::FanOut, Self::Read, Self::FanOutOfReceipt, Self::Repair];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Send => "send: frame in, row, record, frame out, answer",
            Self::FanOut => "fan-out of a message: record in, rows",
            Self::Read => "receipt: frame in, mark, record",
            Self::FanOutOfReceipt => "fan-out of a receipt: record in, frame out",
            Self::Repair => "repair: a row that all have got",
        }
    }
}

/// What our code starts from.
#[derive(Debug)]
pub struct Bench {
    world: Still,
    known: KnownTails,
    sender: Sender,
    reader: Sender,
    message_frame: String,
    read_frame: String,
    message_record: Vec<u8>,
    receipt_record: Vec<u8>,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    /// A 1:1 chat in its steady state: tail and ring are full, the recipient is connected.
    pub fn new() -> Self {
        let (sender, reader) = (device(0, "phone"), device(1, "phone"));
        let conversation = ConversationId::direct(sender.user.clone(), reader.user.clone());
        let now = Timestamp(1_800_000_000_000);
        let message_frame = serde_json::json!({
            "type": "message.send", "id": "f1", "conversationId": conversation.to_string(), "clientMsgId": "m-00000001",
            "payload": serde_json::from_str::<serde_json::Value>(&payload(TEXT_BYTES)).expect("JSON"), "ts": now.0,
        })
        .to_string();
        let draft = send_request(&sender, parse_body(&message_frame).expect("a frame")).expect("a request").draft;
        let entry = |n: u64| numbered(&draft, n).entry_at(Sequence(n), now, ConversationState::default());
        let last = 1_000;
        let entries: Vec<Entry> = (last - TAIL_ROWS as u64 + 1..=last).map(entry).collect();
        let in_ring = |n| RingEntry::of(entry(n).message_id(), Sequence(n));
        let ring = Ring::new((last - RING_ENTRIES as u64 + 1..=last).map(in_ring).collect());
        let row = |owner: &Sender| Member {
            last_sequence: Sequence(last),
            delivered_up_to: Sequence(last),
            rings: if *owner == sender {
                BTreeMap::from([(owner.device.clone(), ring.clone())])
            } else {
                BTreeMap::new()
            },
            ..Member::new(owner.user.clone())
        };
        let newest = entry(last);
        let receipt = tidings_domain::stream::Receipt {
            conversation: conversation.clone(),
            by: sender.clone(),
            mark: tidings_domain::conversation::Watermark::Read,
            up_to: newest.sequence,
            message_id: newest.message_id(),
            membership_version: newest.state.membership_version,
            ts: now,
            is_own_alone: false,
        };
        let record = StreamRecord::Appended {
            conversation: conversation.clone(),
            entries: vec![newest],
            reached: vec![reader.clone()],
        };
        Self {
            message_record: to_stream(&record).expect("a record"),
            receipt_record: to_stream(&StreamRecord::Raised(receipt)).expect("a record"),
            read_frame: serde_json::json!({
                "type": "message.read", "conversationId": conversation.to_string(), "upTo": last,
            })
            .to_string(),
            world: Still {
                tail: Tail { entries },
                standing: Standing { member: Some(row(&sender)), ..Standing::default() },
                members: vec![row(&sender), row(&reader)],
                session: session(&reader, now),
                now,
            },
            known: KnownTails::default(),
            sender,
            reader,
            message_frame,
        }
    }

    /// Goes one way, once. Its own function, so that instructions can be counted from its start to its end.
    #[inline(never)]
    pub fn go(&self, way: Way) {
        match way {
            Way::Send => self.send(),
            Way::FanOut => self.fan_out(&self.message_record),
            Way::Read => self.read(),
            Way::FanOutOfReceipt => self.fan_out(&self.receipt_record),
            Way::Repair => self.repair(),
        }
    }

    fn send(&self) {
        let header = FrameHeader::parse(black_box(&self.message_frame)).expect("a header");
        assert_eq!(FrameType::parse(&header.frame_type), Some(FrameType::Send));
        let request = send_request(&self.sender, parse_body(&self.message_frame).expect("a body")).expect("a request");
        let world = &self.world;
        let ports = SendPorts {
            log: world,
            conversations: world,
            sessions: world,
            keys: world,
            bus: world,
            ingest: world,
            strangers: &AnyStranger,
            media: world,
            gateway: world,
            clock: world,
        };
        let terms = SendTerms { known: &self.known, express_sockets_max: 16, races_lost_max: 3 };
        let outcome = send(ports, terms, &request).now_or_never().expect("no waiting").expect("a send");
        let Outcome::Sent(sent) = outcome else { unreachable!("nothing is hot here") };
        black_box(ServerFrame::Sent(message_sent(&sent)).to_text(header.id.as_deref()));
    }

    fn fan_out(&self, record: &[u8]) {
        let world = &self.world;
        let ports = FanoutPorts {
            log: world,
            conversations: world,
            sessions: world,
            gateway: world,
            pushes: world,
            mailboxes: world,
            rules: world,
            clock: world,
        };
        let record = from_stream(black_box(record)).expect("a record");
        let failed = fan_out(ports, 256, [record]).now_or_never().expect("no waiting");
        assert!(failed.is_empty());
    }

    fn read(&self) {
        let header = FrameHeader::parse(black_box(&self.read_frame)).expect("a header");
        assert_eq!(FrameType::parse(&header.frame_type), Some(FrameType::Read));
        let body = parse_body(&self.read_frame).expect("a body");
        let (conversation, mark, at) = read_request(&body).expect("a request");
        let world = &self.world;
        let ports = ReceiptPorts { log: world, conversations: world, bus: world, clock: world, aggregate_members: 32 };
        raise(ports, &self.reader, &conversation, mark, at).now_or_never().expect("no waiting").expect("a mark");
    }

    fn repair(&self) {
        let world = &self.world;
        let ports = RepairPorts { conversations: world, sessions: world, bus: world, clock: world };
        let entry = self.world.tail.entries.last().cloned();
        let failed = repair(ports, black_box(entry)).now_or_never().expect("no waiting");
        assert!(failed.is_empty());
    }
}

fn numbered(draft: &Draft, n: u64) -> Draft {
    Draft { client_msg_id: ClientMsgId::parse(&format!("m-{n:08}")).expect("an id"), ..draft.clone() }
}

/// What a way takes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Work {
    /// Instructions; none where they cannot be counted here.
    pub instructions: Option<u64>,
    /// Pieces of memory that are asked for.
    pub allocations: usize,
    /// And their bytes.
    pub allocated_bytes: usize,
}

/// Counts what is allocated on a way, once everything is warm.
pub fn allocations(allocator: &StatsAlloc<System>, bench: &Bench, way: Way) -> Work {
    bench.go(way);
    let region = Region::new(allocator);
    bench.go(way);
    let change = region.change();
    Work {
        instructions: None,
        allocations: change.allocations + change.reallocations,
        allocated_bytes: change.bytes_allocated,
    }
}

/// Runs for one count of instructions.
const RUNS: u64 = 200;

/// Instructions of a way, counted by callgrind in this very program (see [`run_for_callgrind`]);
/// none where valgrind is not installed.
pub fn instructions(program: &Path, way: Way) -> Option<u64> {
    let out = std::env::temp_dir().join(format!("tidings-callgrind-{}-{way:?}", std::process::id()));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*Bench::go*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .arg("--way")
        .arg(format!("{way:?}"))
        .output()
        .ok()?;
    let _ = std::fs::remove_file(out);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let total = text.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse::<u64>().ok())?;
    Some(total / RUNS)
}

/// What callgrind looks at: some runs of a way, by its name.
pub fn run_for_callgrind(name: &str) {
    let way = Way::ALL.into_iter().find(|way| format!("{way:?}") == name).expect("a way");
    let bench = Bench::new();
    for _ in 0..RUNS {
        bench.go(way);
    }
}
