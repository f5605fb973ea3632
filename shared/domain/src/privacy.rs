//! Who is told what of whom: what users have set about themselves, both ways.
//!
//! Whoever hides something from another does not see the other's: a pair is told of each other, or neither is. A contact of a user
//! is somebody whom the user has written to, in the conversation of the two.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use crate::{
    ids::{ConversationId, UserId},
    ports::{Conversations, PrivacyRules, Unavailable},
};

/// To whom something is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// To everyone who may ask.
    #[default]
    Everyone,
    /// To those whom the user has written to.
    Contacts,
    /// To nobody.
    Nobody,
}

/// What a user shows of themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    /// Whether they are there, and when they last were.
    pub last_seen: Audience,
    /// What they have read.
    pub read_receipts: Audience,
}

/// One user, and another who is told of them or not.
pub type Pair = (UserId, UserId);

/// What there is to know of some users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stances {
    /// What they have set; absent: nothing.
    pub privacy: BTreeMap<UserId, Privacy>,
    /// Of the pairs that were asked for, those of which the first has blocked the second.
    pub blocked: BTreeSet<Pair>,
}

/// What the rules need of the world.
#[derive(Clone, Copy)]
pub struct PrivacyPorts<'a> {
    /// What users have ruled.
    pub rules: &'a dyn PrivacyRules,
    /// Members: who has written to whom.
    pub conversations: &'a dyn Conversations,
}

/// Whether one is shown to the other, by the audience of each and whether each has the other as a contact.
pub fn is_shown(of: (Audience, bool), to: (Audience, bool)) -> bool {
    let admits = |(audience, is_contact)| match audience {
        Audience::Everyone => true,
        Audience::Contacts => is_contact,
        Audience::Nobody => false,
    };
    admits(of) && admits(to)
}

/// Of these pairs, those of which the second is not to see what the first has read. A block hides both from each other.
pub async fn hidden_reads(ports: PrivacyPorts<'_>, pairs: &BTreeSet<Pair>) -> Result<BTreeSet<Pair>, Unavailable> {
    hidden(ports, pairs, &both_ways(pairs), |privacy| privacy.read_receipts).await
}

fn both_ways(pairs: &BTreeSet<Pair>) -> Vec<Pair> {
    let both: BTreeSet<Pair> =
        pairs.iter().flat_map(|(of, to)| [(of.clone(), to.clone()), (to.clone(), of.clone())]).collect();
    both.into_iter().filter(|(of, to)| of != to).collect()
}

/// Of these pairs, those of which the second is not to know whether the first is there. A block hides both from each other.
pub async fn hidden_presence(ports: PrivacyPorts<'_>, pairs: &BTreeSet<Pair>) -> Result<BTreeSet<Pair>, Unavailable> {
    hidden(ports, pairs, &both_ways(pairs), |privacy| privacy.last_seen).await
}

async fn hidden(
    ports: PrivacyPorts<'_>,
    pairs: &BTreeSet<Pair>,
    blocks: &[Pair],
    audience: impl Fn(&Privacy) -> Audience,
) -> Result<BTreeSet<Pair>, Unavailable> {
    // Oneself is never hidden from oneself.
    let pairs: Vec<&Pair> = pairs.iter().filter(|(of, to)| of != to).collect();
    if pairs.is_empty() {
        return Ok(BTreeSet::new());
    }
    let users: BTreeSet<&UserId> = pairs.iter().flat_map(|(of, to)| [of, to]).collect();
    let users: Vec<UserId> = users.into_iter().cloned().collect();
    let Stances { privacy, blocked } = ports.rules.stances(&users, blocks).await?;
    let audience = |user: &UserId| privacy.get(user).map(&audience).unwrap_or_default();

    // Who has written to whom is asked only where it decides.
    let mut asked: BTreeMap<&UserId, BTreeSet<&UserId>> = BTreeMap::new();
    for (of, to) in pairs.iter().copied() {
        if [of, to].iter().all(|user| audience(user) != Audience::Nobody) {
            for (who, whom) in [(of, to), (to, of)] {
                if audience(who) == Audience::Contacts {
                    asked.entry(who).or_default().insert(whom);
                }
            }
        }
    }
    let reads = asked.iter().map(|(who, whom)| contacts_among(ports.conversations, who, whom));
    let contacts: BTreeSet<Pair> = try_join_all(reads).await?.into_iter().flatten().collect();
    let side = |who: &UserId, whom: &UserId| (audience(who), contacts.contains(&(who.clone(), whom.clone())));
    let is_hidden = |(of, to): &&Pair| {
        let reversed = (to.clone(), of.clone());
        let is_blocked = blocked.contains(&(of.clone(), to.clone())) || blocked.contains(&reversed);
        is_blocked || !is_shown(side(of, to), side(to, of))
    };
    Ok(pairs.into_iter().filter(is_hidden).cloned().collect())
}

/// Those of some users whom a user has written to.
async fn contacts_among(
    conversations: &dyn Conversations,
    who: &UserId,
    whom: &BTreeSet<&UserId>,
) -> Result<Vec<Pair>, Unavailable> {
    let direct: BTreeMap<ConversationId, &UserId> =
        whom.iter().map(|other| (ConversationId::direct(who.clone(), (*other).clone()), *other)).collect();
    let asked: Vec<ConversationId> = direct.keys().cloned().collect();
    let rows = conversations.memberships(who, &asked).await?;
    let written = rows.into_iter().filter(|(_, member)| member.has_sent());
    Ok(written.filter_map(|(conversation, _)| Some((who.clone(), (*direct.get(&conversation)?).clone()))).collect())
}
