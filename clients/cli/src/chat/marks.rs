//! How far the others were with the messages of earlier: the service keeps marks, and answers
//! for one message at a time.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use tidings_sdk::{
    Http, HttpError,
    protocol::{MessageNew, http::ReceiptStatus},
};

/// What was answered for some of the messages, by their sequence.
pub(crate) type Statuses = HashMap<u64, BTreeMap<String, ReceiptStatus>>;

/// Asks for as few of the user's own messages as it takes to know the last that was read and the
/// last that was delivered: marks rise, so halving finds both.
pub(crate) async fn find(http: &Http, me: &str, messages: &[MessageNew]) -> Result<Statuses, HttpError> {
    let own: Vec<&MessageNew> = messages.iter().filter(|message| message.sender_user_id == me).collect();
    let mut statuses = Statuses::new();
    for wanted in [ReceiptStatus::Read, ReceiptStatus::Delivered] {
        let mut range = 0..own.len();
        while !range.is_empty() {
            let at = probe(&range, own.len());
            let message = own[at];
            let by_user = match statuses.entry(message.sequence) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => {
                    let receipts = http.receipts(&message.conversation_id, &message.message_id).await?;
                    unknown.insert(receipts.status_by_user)
                }
            };
            if all_reached(by_user, wanted) {
                range.start = at + 1;
            } else {
                range.end = at;
            }
        }
    }
    Ok(statuses)
}

/// The last one first, for most of the time it says all; then the middle.
fn probe(range: &std::ops::Range<usize>, len: usize) -> usize {
    if range.len() == len { len - 1 } else { range.start + range.len() / 2 }
}

fn all_reached(by_user: &BTreeMap<String, ReceiptStatus>, wanted: ReceiptStatus) -> bool {
    !by_user.is_empty()
        && by_user.values().all(|status| match wanted {
            ReceiptStatus::Read => *status == ReceiptStatus::Read,
            _ => *status != ReceiptStatus::Sent,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_is_looked_at_first_and_then_halves() {
        assert_eq!(probe(&(0..8), 8), 7);
        assert_eq!(probe(&(0..7), 8), 3);
        assert_eq!(probe(&(4..7), 8), 5);
        assert_eq!(probe(&(6..7), 8), 6);
        assert_eq!(probe(&(0..1), 1), 0);
    }

    #[test]
    fn all_members_have_to_be_there() {
        let statuses = |them: &[ReceiptStatus]| {
            them.iter().enumerate().map(|(at, status)| (at.to_string(), *status)).collect::<BTreeMap<_, _>>()
        };
        let (sent, delivered, read) = (ReceiptStatus::Sent, ReceiptStatus::Delivered, ReceiptStatus::Read);
        assert!(all_reached(&statuses(&[read, read]), read));
        assert!(!all_reached(&statuses(&[read, delivered]), read));
        assert!(all_reached(&statuses(&[read, delivered]), delivered));
        assert!(!all_reached(&statuses(&[read, sent]), delivered));
        assert!(!all_reached(&statuses(&[]), delivered));
    }
}
