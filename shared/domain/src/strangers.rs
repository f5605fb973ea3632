//! Writing to strangers: what it costs, and by which rules it costs more.
//!
//! The first message of a user in a conversation of two takes tokens of [`STRANGERS_PER_USER`]: one, and as many more as the rules
//! say that it looks like spam. So nobody is refused for a look alone: who is suspected writes to fewer strangers. A rule is a
//! [`SpamRule`]; a deployment chooses which of them count. What the other side has written to, or has accepted, costs nothing.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use tracing::info;

use crate::{
    conversation::{Member, Standing},
    ids::{ConversationId, Sequence, UserId},
    limits::{REPORTERS_COUNTED_MAX, SPAM_MEMORY_MAX},
    log::{ContentKind, Tail},
    ports::{BoxFuture, Clock, PortResult},
    rate::{Buckets, LimitError, STRANGERS_PER_USER, take_several},
    send::Draft,
};

/// What a rule goes by.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// What is to be sent.
    pub draft: &'a Draft,
    /// To how many other strangers this function has lately seen the sender send the same.
    pub repeats: usize,
    /// How many users have reported the sender in the last weeks; counted no further than ten.
    pub reporters: usize,
}

/// A rule by which a message to a stranger looks like spam.
pub trait SpamRule: fmt::Debug + Send + Sync {
    /// What configuration and logs call it.
    fn name(&self) -> &'static str;

    /// How many tokens more the message costs.
    fn price(&self, attempt: &Attempt<'_>) -> u64;
}

/// It has a link that can be read. What is encrypted has none.
#[derive(Debug)]
struct Links;

impl SpamRule for Links {
    fn name(&self) -> &'static str {
        "links"
    }

    fn price(&self, attempt: &Attempt<'_>) -> u64 {
        let payload = attempt.draft.content.payload.to_ascii_lowercase();
        let is_clear = attempt.draft.epoch.is_none();
        if is_clear && ["http://", "https://", "www."].iter().any(|sign| payload.contains(sign)) { 3 } else { 0 }
    }
}

/// The same went to other strangers.
#[derive(Debug)]
struct Repeated;

impl SpamRule for Repeated {
    fn name(&self) -> &'static str {
        "repeated"
    }

    fn price(&self, attempt: &Attempt<'_>) -> u64 {
        (attempt.repeats as u64).saturating_sub(2).min(10)
    }
}

/// Others have reported the sender.
#[derive(Debug)]
struct Reported;

impl SpamRule for Reported {
    fn name(&self) -> &'static str {
        "reported"
    }

    fn price(&self, attempt: &Attempt<'_>) -> u64 {
        attempt.reporters as u64 * 4
    }
}

/// It brings a file.
#[derive(Debug)]
struct Files;

impl SpamRule for Files {
    fn name(&self) -> &'static str {
        "files"
    }

    fn price(&self, attempt: &Attempt<'_>) -> u64 {
        let content = &attempt.draft.content;
        if content.kind == ContentKind::Doc && content.media_handle.is_some() { 2 } else { 0 }
    }
}

/// Every rule that there is.
fn all_rules() -> Vec<Box<dyn SpamRule>> {
    vec![Box::new(Links), Box::new(Repeated), Box::new(Reported), Box::new(Files)]
}

/// The names of every rule that there is.
pub fn rule_names() -> Vec<&'static str> {
    all_rules().iter().map(|rule| rule.name()).collect()
}

/// Where the same content of a sender went, by a hash of both.
type Seen = HashMap<u64, BTreeSet<ConversationId>>;

/// The rules that count, and what a function remembers for them.
#[derive(Debug)]
pub struct Spam {
    rules: Vec<Box<dyn SpamRule>>,
    seen: Mutex<Seen>,
}

impl Spam {
    /// These rules.
    pub fn new(rules: Vec<Box<dyn SpamRule>>) -> Self {
        Self { rules, seen: Mutex::default() }
    }

    /// The rules of these names; an error names one that there is not.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut rules = Vec::new();
        for name in names {
            rules.push(all_rules().into_iter().find(|rule| rule.name() == name).ok_or(name)?);
        }
        Ok(Self::new(rules))
    }

    /// How many tokens a message to a stranger costs.
    fn price(&self, draft: &Draft, reporters: usize) -> u64 {
        let attempt = Attempt { draft, repeats: self.repeats(draft), reporters };
        let mut price = 1;
        for rule in &self.rules {
            let more = rule.price(&attempt);
            if more > 0 {
                info!(rule = rule.name(), more, user = %draft.sender.user, "looks like spam");
            }
            price += more;
        }
        price.min(STRANGERS_PER_USER.burst)
    }

    /// In how many other conversations the sender has said the same, as far as this function remembers.
    fn repeats(&self, draft: &Draft) -> usize {
        let mut hasher = DefaultHasher::new();
        (&draft.sender.user, &draft.content.payload, &draft.content.media_handle).hash(&mut hasher);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= SPAM_MEMORY_MAX {
            seen.clear();
        }
        let places = seen.entry(hasher.finish()).or_default();
        if places.len() < SPAM_MEMORY_MAX {
            places.insert(draft.conversation.clone());
        }
        places.len().saturating_sub(1)
    }
}

/// Who has reported whom.
pub trait Reporters: Send + Sync {
    /// How many users have reported a user in the last weeks, counted up to a number.
    fn reporters<'a>(&'a self, of: &'a UserId, up_to: usize) -> PortResult<'a, usize>;
}

/// Whoever lets messages to strangers in.
pub trait Strangers: Send + Sync {
    /// Lets one in, or says when to come back.
    fn admit<'a>(&'a self, draft: &'a Draft) -> BoxFuture<'a, Result<(), LimitError>>;
}

/// Lets in as many as the sender's bucket has tokens for.
#[derive(Clone, Copy)]
pub struct Gate<'a> {
    /// Buckets.
    pub buckets: &'a dyn Buckets,
    /// Who has reported whom.
    pub reporters: &'a dyn Reporters,
    /// The rules.
    pub spam: &'a Spam,
    /// Time.
    pub clock: &'a dyn Clock,
}

impl Strangers for Gate<'_> {
    fn admit<'a>(&'a self, draft: &'a Draft) -> BoxFuture<'a, Result<(), LimitError>> {
        Box::pin(async move {
            let user = &draft.sender.user;
            let reporters = self.reporters.reporters(user, REPORTERS_COUNTED_MAX).await?;
            let tokens = self.spam.price(draft, reporters);
            take_several(self.buckets, self.clock, &STRANGERS_PER_USER.of_user(user), tokens).await
        })
    }
}

/// Lets everybody in: for simulations and measurements of something else.
#[derive(Clone, Copy, Debug)]
pub struct AnyStranger;

impl Strangers for AnyStranger {
    fn admit<'a>(&'a self, _: &'a Draft) -> BoxFuture<'a, Result<(), LimitError>> {
        Box::pin(async { Ok(()) })
    }
}

/// Whether a message is the first that its sender says to the other one of a conversation of two, who has said nothing.
pub(crate) fn is_first_word(draft: &Draft, standing: &Standing, tail: &Tail) -> bool {
    let Some(members) = draft.conversation.direct_members() else { return false };
    let is_with_another = members.iter().any(|member| *member != draft.sender.user);
    is_with_another
        && standing.member.as_ref().is_none_or(|member| member.last_sequence == Sequence::ZERO)
        && !standing.peer.as_ref().is_some_and(Member::has_accepted)
        && tail.entries.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{ClientMsgId, DeviceId, Sender, Timestamp},
        log::{Content, EventKind},
    };

    fn draft(to: &str, payload: &str) -> Draft {
        let sender = Sender { user: UserId::parse("mallory").unwrap(), device: DeviceId::parse("d").unwrap() };
        Draft {
            conversation: ConversationId::direct(sender.user.clone(), UserId::parse(to).unwrap()),
            sender,
            client_msg_id: ClientMsgId::parse("1").unwrap(),
            event: EventKind::Message,
            target: None,
            content: Content { payload: payload.into(), ..Content::empty(Timestamp(1)) },
            epoch: None,
        }
    }

    #[test]
    fn each_rule_has_its_price_and_a_plain_message_costs_one() {
        let spam = Spam::new(all_rules());
        assert_eq!(spam.price(&draft("a", r#""hello""#), 0), 1);
        assert_eq!(spam.price(&draft("a", r#""see HTTPS://example.org""#), 0), 4);
        assert_eq!(spam.price(&draft("a", r#""hello again""#), 2), 9);
        let encrypted = Draft { epoch: Some(1), ..draft("a", r#""aHR0cHM6Ly8=www.""#) };
        assert_eq!(spam.price(&encrypted, 0), 1, "ciphertext is not looked into");
        let mut file = draft("a", r#""file""#);
        file.content.kind = ContentKind::Doc;
        file.content.media_handle = Some("m".into());
        assert_eq!(spam.price(&file, 0), 3);
        // The same to one after the other: the third is the last that costs no more.
        let prices: Vec<u64> = (0..6).map(|n| spam.price(&draft(&format!("u{n}"), r#""win""#), 0)).collect();
        assert_eq!(prices, [1, 1, 1, 2, 3, 4]);
        assert_eq!(spam.price(&draft("u5", r#""win""#), 0), 4, "a resend is no further stranger");
    }

    #[test]
    fn only_the_rules_that_are_named_count() {
        let spam = Spam::named(["reported"]).unwrap();
        assert_eq!(spam.price(&draft("a", r#""https://example.org""#), 1), 5);
        assert_eq!(Spam::named(["links", "luck"]).unwrap_err(), "luck");
        assert_eq!(rule_names(), ["links", "repeated", "reported", "files"]);
    }

    #[test]
    fn a_rule_can_be_added() {
        #[derive(Debug)]
        struct Shouting;
        impl SpamRule for Shouting {
            fn name(&self) -> &'static str {
                "shouting"
            }

            fn price(&self, attempt: &Attempt<'_>) -> u64 {
                u64::from(!attempt.draft.content.payload.contains(|c: char| c.is_lowercase()))
            }
        }
        let spam = Spam::new(vec![Box::new(Shouting)]);
        assert_eq!((spam.price(&draft("a", r#""HEY""#), 0), spam.price(&draft("b", r#""hey""#), 0)), (2, 1));
    }
}
