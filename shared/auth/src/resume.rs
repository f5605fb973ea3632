//! Resume tokens: until when a device is known to be up to date.
//!
//! They are no credential and carry no secret: identity comes from the connection, and a forged
//! token can only make a drain of the forger's own conversations longer or shorter.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use tidings_domain::{
    ids::{Sender, Timestamp},
    sessions::Socket,
    sync::ResumeTokens,
};

/// Eight bytes of the moment and eight of the device's hash.
const TOKEN_BYTES: usize = 16;

/// Issues resume tokens that hold for one device.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeviceResumeTokens;

impl ResumeTokens for DeviceResumeTokens {
    fn issue(&self, socket: &Socket, at: Timestamp) -> String {
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.extend(at.0.to_be_bytes());
        bytes.extend(fingerprint(&socket.owner));
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// The moment that a token tells; none where it is no token, another device's, or of the future.
/// A device without one is drained from its cursors and watermarks, which is never wrong.
pub fn up_to_date_at(token: &str, owner: &Sender, now: Timestamp) -> Option<Timestamp> {
    let bytes: [u8; TOKEN_BYTES] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
    let (moment, device) = bytes.split_at(8);
    let at = Timestamp(u64::from_be_bytes(moment.try_into().ok()?));
    (device == fingerprint(owner) && at <= now).then_some(at)
}

fn fingerprint(owner: &Sender) -> [u8; 8] {
    let digest = Sha256::digest(format!("{}\u{1f}{}", owner.user, owner.device));
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    first
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidings_domain::ids::{ConnectionId, DeviceId, UserId};

    use super::*;

    fn socket(user: &str, device: &str) -> Socket {
        Socket {
            owner: Sender { user: UserId::parse(user).unwrap(), device: DeviceId::parse(device).unwrap() },
            connection: ConnectionId::parse("c").unwrap(),
            endpoint: "https://cell".into(),
            connected_at: Timestamp(0),
        }
    }

    #[test]
    fn a_token_is_its_devices_and_of_the_past() {
        let alice = socket("alice", "phone");
        let token = DeviceResumeTokens.issue(&alice, Timestamp(1000));
        assert_eq!(up_to_date_at(&token, &alice.owner, Timestamp(1000)), Some(Timestamp(1000)));
        assert_eq!(up_to_date_at(&token, &alice.owner, Timestamp(999)), None);
        assert_eq!(up_to_date_at(&token, &socket("alice", "web").owner, Timestamp(2000)), None);
        assert_eq!(up_to_date_at(&token, &socket("bob", "phone").owner, Timestamp(2000)), None);
    }

    proptest! {
        /// A forged moment is another moment of the past; a forged device is nobody's.
        #[test]
        fn a_changed_token_tells_another_moment_or_nothing(at in 0_u64..1 << 45, now in 0_u64..1 << 45, bit in 0_usize..128) {
            let alice = socket("alice", "phone");
            let token = DeviceResumeTokens.issue(&alice, Timestamp(at));
            let read = |token: &str| up_to_date_at(token, &alice.owner, Timestamp(now));
            prop_assert_eq!(read(&token), (at <= now).then_some(Timestamp(at)));
            let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let told = read(&URL_SAFE_NO_PAD.encode(&bytes));
            prop_assert!(told.is_none_or(|told| bit < 64 && told != Timestamp(at) && told <= Timestamp(now)));
            prop_assert_eq!(read(&token[..bit % token.len()]), None);
            prop_assert_eq!(read(&format!("{token}A")), None);
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            prop_assert_eq!(up_to_date_at(&text, &socket("a", "b").owner, Timestamp(u64::MAX)), None);
        }
    }
}
