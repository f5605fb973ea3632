//! Users, devices and messages of the size that the design counts with.

use tidings_domain::{
    conversation::{Member, Reach},
    ids::{ConnectionId, ConversationId, DeviceId, Sender, Sequence, Timestamp, UserId},
    session::Session,
    sessions::Socket,
};
use tidings_memory::World;

use crate::system::Choices;

/// The text of a message whose frames have some 640 bytes: the average message of the design.
pub const TEXT_BYTES: usize = 420;
/// Sessions outlast every run.
const SESSION_MS: u64 = 1 << 50;

/// A user of the given number.
pub fn user(n: usize) -> UserId {
    UserId::parse(&format!("user-{n:010}")).expect("a user id")
}

/// A device of the user of the given number.
pub fn device(n: usize, name: &str) -> Sender {
    Sender { user: user(n), device: DeviceId::parse(name).expect("a device id") }
}

/// A payload of the given text.
pub fn payload(text_bytes: usize) -> String {
    format!(r#"{{"text":"{}"}}"#, "x".repeat(text_bytes))
}

/// The session of a device: connection and endpoint as long as API Gateway makes them.
pub fn session(owner: &Sender, now: Timestamp) -> Session {
    let connection = format!("{:x<15}=", format!("{}{}", owner.user, owner.device).split_off(5));
    Session {
        owner: owner.clone(),
        connection: ConnectionId::parse(&connection).expect("a connection id"),
        endpoint: "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/v1".into(),
        connected_at: now,
        active_at: now,
        expires_at: now.plus_ms(SESSION_MS),
    }
}

/// The socket of that session.
pub fn socket(owner: &Sender, now: Timestamp) -> Socket {
    let Session { owner, connection, endpoint, connected_at, .. } = session(owner, now);
    Socket { owner, connection, endpoint, connected_at }
}

/// A conversation and a connected device of each member.
#[derive(Clone, Debug)]
pub struct Chat {
    /// The conversation.
    pub conversation: ConversationId,
    /// One device of each member.
    pub devices: Vec<Sender>,
}

impl Chat {
    /// A conversation of so many members, numbered from `first` on, all of them connected: of two
    /// it is a direct one, of more a group.
    pub fn open(world: &World, first: usize, members: usize) -> Self {
        Self::open_to(world, first, members, members)
    }

    /// The same, of which only the first so many are connected. From the template's number of
    /// members on a group is pulled, and who is connected is its subscriber.
    pub fn open_to(world: &World, first: usize, members: usize, connected: usize) -> Self {
        let devices: Vec<Sender> = (first..first + members).map(|n| device(n, "phone")).collect();
        let conversation = match devices.as_slice() {
            [one, other] => ConversationId::direct(one.user.clone(), other.user.clone()),
            _ => ConversationId::parse(&format!("g:group-{first:010}")).expect("a group id"),
        };
        let row =
            |owner: &Sender| Member { joined_at: Sequence(1), last_ts: world.now(), ..Member::new(owner.user.clone()) };
        if members != 2 {
            world.set_members(&conversation, devices.iter().map(row).collect());
        }
        let is_pulled = members >= Choices::TEMPLATE.push_members_max;
        if is_pulled {
            let reach = Reach { last_ts: world.now(), since: Sequence(1), ..Reach::default() };
            world.pull(&conversation, Sequence(1), Some(reach));
        }
        for owner in devices.iter().take(connected) {
            let session = session(owner, world.now());
            world.open(&session);
            if is_pulled {
                world.enlist(&conversation, &session);
            }
        }
        Self { conversation, devices }
    }
}
